"""How the tables are emptied after a test that committed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connection

WITH_TRIGGERS = """
SELECT DISTINCT relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
WHERE NOT tgisinternal
"""
TRIGGERS_OF_SQLITE = """
SELECT name, sql FROM sqlite_master
WHERE type = 'trigger' AND (tbl_name LIKE 'points_%' OR tbl_name LIKE 'tiers_%')
"""


@contextmanager
def tests_may_empty_the_ledger() -> Iterator[None]:
    """Let the flush between transactional tests pass the append-only triggers.

    The triggers stay in force during every test; only the flush itself lifts them.
    """
    operations = type(connection.ops)
    flush = _PARTS[connection.vendor]
    original = operations.sql_flush

    def sql_flush(self: Any, style: Any, tables: list[str], **options: Any) -> list[str]:
        return flush(original(self, style, tables, **options), tables)

    operations.sql_flush = sql_flush
    yield
    operations.sql_flush = original


def _sqlite(sql_list: list[str], _tables: Sequence[str]) -> list[str]:
    triggers = _ask(TRIGGERS_OF_SQLITE)
    off = [f"DROP TRIGGER {re.sub(r'[^a-z_]', '', name)}" for name, _sql in triggers]
    return [*off, *sql_list, *(sql for _name, sql in triggers)]


def _postgresql(_sql_list: list[str], tables: Sequence[str]) -> list[str]:
    """Delete from the few tables that have rows.

    TRUNCATE makes new files for all tables and their indexes, whatever stands in them:
    seconds, where this takes milliseconds.
    """
    have_rows = " UNION ALL ".join(
        f"SELECT '{table}' WHERE EXISTS (SELECT FROM \"{table}\")" for table in tables
    )
    filled = sorted(table for (table,) in _ask(have_rows))
    guarded = sorted({table for (table,) in _ask(WITH_TRIGGERS)} & set(filled))
    return [
        *(f'ALTER TABLE "{table}" DISABLE TRIGGER USER' for table in guarded),
        *(f'DELETE FROM "{table}"' for table in filled),
        # Whoever points at a row is looked for now: it may not wait for the triggers.
        "SET CONSTRAINTS ALL IMMEDIATE",
        *(f'ALTER TABLE "{table}" ENABLE TRIGGER USER' for table in guarded),
    ]


_PARTS = {"sqlite": _sqlite, "postgresql": _postgresql}


def _ask(sql: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()
