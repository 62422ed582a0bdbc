"""Several questions that must be answered for the same instant."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

from core.batch import execute, is_postgresql


@contextmanager
def one_snapshot() -> Iterator[None]:
    """Let all reads of the block see one instant, whatever is being written meanwhile.

    Inside a caller's transaction the isolation level is fixed already, and stays.
    """
    with transaction.atomic():
        if is_postgresql() and not connection.savepoint_ids:
            execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield
