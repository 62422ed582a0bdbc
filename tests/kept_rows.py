"""Rows that all tests of a module read, made once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeVar

from django.db import transaction
from pytest_django import DjangoDbBlocker

Made = TypeVar("Made")


@contextmanager
def kept_rows(blocker: DjangoDbBlocker, make: Callable[[], Made]) -> Iterator[Made]:
    """Keep what is made for the fixture's life; each test rolls back its own changes only.

    For rows whose making costs more than the tests, and which no test changes.
    """
    with ExitStack() as rows:
        with blocker.unblock():
            around = transaction.atomic()
            # As around a test: a verb that has to be outermost does not see it.
            around._from_testcase = True
            rows.enter_context(around)
            made = make()
        yield made
        with blocker.unblock():
            transaction.set_rollback(True)
            rows.close()
