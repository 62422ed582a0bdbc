"""The Zalo platform: calls, errors, tokens, signatures. It knows nothing of members."""
