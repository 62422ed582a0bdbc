"""Start and stop the whole site together: what `make run` does."""
