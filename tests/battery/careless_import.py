"""The import without transactions: every statement stands by itself. A control only.

Run as a program with the arguments of ``manage.py``.
"""

import sys
from typing import Any

import django
from django.core.management import execute_from_command_line
from django.db.models.query import QuerySet
from django.db.transaction import Atomic


def take_transactions_away() -> None:
    def begin(self: Atomic) -> None:
        """Open nothing."""

    def end(self: Atomic, *error: object) -> None:
        """Close nothing."""

    def read(self: QuerySet[Any], **how: Any) -> QuerySet[Any]:
        return self

    Atomic.__enter__, Atomic.__exit__ = begin, end
    # A lock would end with its statement, and Django refuses to ask for one.
    QuerySet.select_for_update = read


if __name__ == "__main__":
    take_transactions_away()
    django.setup()
    execute_from_command_line(sys.argv)
