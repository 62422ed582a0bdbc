"""How points are earned: published rules, asked about one basket at a time."""
