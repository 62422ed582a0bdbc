"""Try again what the database gave up only because others were there first."""

import functools
import random
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from django.db import OperationalError, connection

P = ParamSpec("P")
R = TypeVar("R")

ATTEMPTS = 5
# Who has waited this long for a lock (SQLite waits half a minute) will not win the next
# time either; the caller is told instead.
PATIENCE = 5.0
# Serialization failure and deadlock; SQLite says the same thing in words.
POSTGRESQL_RETRYABLE = frozenset({"40001", "40P01"})
SQLITE_RETRYABLE = ("database is locked", "database table is locked")


def retry_on_conflict(verb: Callable[P, R]) -> Callable[P, R]:
    """Run an outermost verb again, up to five times with jitter, after a lost race.

    Inside an open transaction nothing can be repeated, so the error goes up.
    """

    @functools.wraps(verb)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        deadline = time.monotonic() + PATIENCE
        for attempt in range(1, ATTEMPTS):
            try:
                return verb(*args, **kwargs)
            except OperationalError as error:
                if connection.in_atomic_block or not is_retryable(error):
                    raise
                if time.monotonic() > deadline:
                    raise
            time.sleep(random.uniform(0.01, 0.05) * 2**attempt)
        return verb(*args, **kwargs)

    return wrapper


def is_retryable(error: OperationalError) -> bool:
    """Tell a lost race from a real fault."""
    cause = error.__cause__
    if getattr(cause, "sqlstate", None) in POSTGRESQL_RETRYABLE:
        return True
    return any(text in str(error) for text in SQLITE_RETRYABLE)
