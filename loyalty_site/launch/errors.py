class CannotStart(Exception):
    """The site cannot start; the text says in one sentence what to do about it."""
