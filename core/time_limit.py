"""Questions that give up: a page would rather say "about" than keep its reader waiting."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.db import OperationalError, connection, transaction
from django.utils.translation import gettext_lazy as _

from core.batch import fetch_all, is_postgresql
from core.errors import DomainError

# SQLite looks at the clock after so many steps of its machine: a fraction of a millisecond.
STEPS = 10_000


class TookTooLong(DomainError):
    """A question took longer than the page that asked it could wait."""

    code = "took_too_long"
    status = 503

    def __init__(self) -> None:
        super().__init__(_("This question takes too long to answer. Leave some of it out."))


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TookTooLong when what is read inside takes longer; only for reading.

    PostgreSQL gives so much to each statement, SQLite to all of them together.
    """
    limited = _limited_postgresql if is_postgresql() else _limited_sqlite
    try:
        with limited(seconds):
            yield
    except OperationalError as error:
        if _ran_out(error.__cause__):
            raise TookTooLong from error
        raise


@contextmanager
def _limited_postgresql(seconds: float) -> Iterator[None]:
    # A statement that is cancelled spoils its transaction, so it has one of its own.
    with transaction.atomic():
        before = fetch_all("SELECT current_setting('statement_timeout')")[0][0]
        # Nought would be no limit at all.
        _set_timeout(f"{max(1, round(seconds * 1000))}ms")
        yield
        _set_timeout(before)


def _set_timeout(value: str) -> None:
    fetch_all("SELECT set_config('statement_timeout', %s, true)", [value])


@contextmanager
def _limited_sqlite(seconds: float) -> Iterator[None]:
    connection.ensure_connection()
    own: sqlite3.Connection = connection.connection
    deadline = time.monotonic() + seconds
    own.set_progress_handler(lambda: time.monotonic() > deadline, STEPS)
    try:
        yield
    finally:
        own.set_progress_handler(None, STEPS)


def _ran_out(cause: BaseException | None) -> bool:
    if isinstance(cause, sqlite3.Error):
        return cause.sqlite_errorname == "SQLITE_INTERRUPT"
    return isinstance(cause, psycopg.errors.QueryCanceled)
