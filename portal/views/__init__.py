"""The doors of the member pages: parse, ask or call one verb, render."""
