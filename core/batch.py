"""Set-based SQL for many rows at once, the same on PostgreSQL and SQLite.

``rows_source`` turns Python rows into something that stands in a FROM clause:
``unnest`` of typed arrays on PostgreSQL, ``json_each`` of one document on SQLite. Both
carry any number of rows in a constant number of parameters, so no statement meets a
parameter limit and no row costs a round trip.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache, lru_cache
from itertools import islice
from types import NoneType
from typing import Any, NamedTuple, TypeVar

import psycopg
from django.db import DEFAULT_DB_ALIAS, DataError, connection, connections
from django.db.backends.utils import CursorWrapper

T = TypeVar("T")

# A thousand rows a statement: past this the gain is below the noise, and a lock is held
# for a fraction of a second.
CHUNK = 1000


class Column(NamedTuple):
    """A column of a row source: its name and its PostgreSQL type."""

    name: str
    type: str


@cache
def is_postgresql() -> bool:
    return connection.vendor == "postgresql"


def chunks(items: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """Cut an iterable into lists of at most ``size``."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def rows_source(
    columns: Sequence[Column], rows: Sequence[Sequence[Any]], alias: str = "r"
) -> tuple[str, list[Any]]:
    """Return SQL for a FROM clause that yields these rows, and its parameters."""
    if is_postgresql():
        values = zip(*rows, strict=True) if rows else [()] * len(columns)
        literals = [array_literal(column) for column in values]
        return _unnest(tuple(columns), alias), literals
    picks = ", ".join(
        f"json_extract(value, '$[{i}]') AS {column.name}"
        for i, column in enumerate(columns)
    )
    return f"(SELECT {picks} FROM json_each(%s)) AS {alias}", [_json_document(rows)]


@lru_cache(maxsize=256)
def _unnest(columns: tuple[Column, ...], alias: str) -> str:
    names = ", ".join(column.name for column in columns)
    arrays = ", ".join(f"%s::{column.type}[]" for column in columns)
    return f"unnest({arrays}) AS {alias}({names})"


def insert_new(
    table: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[Any]],
    *,
    conflict: str,
    returning: str,
    conflict_where: str = "",
) -> list[tuple[Any, ...]]:
    """Insert rows, pass over those whose ``conflict`` columns exist, return the new ones.

    ``conflict_where`` is the condition of a partial unique index. Rows go in in the order
    given, so callers who sort by key cannot deadlock.
    """
    if not rows:
        return []
    source, parameters = rows_source(columns, rows)
    names = ", ".join(column.name for column in columns)
    sql = (
        f"INSERT INTO {table} ({names}) SELECT {names} FROM {source} WHERE true "
        f"ON CONFLICT ({conflict}) {conflict_where} DO NOTHING RETURNING {returning}"
    )
    return fetch_all(sql, parameters, prepare=True)


def insert_rows(
    table: str, columns: Sequence[Column], rows: Sequence[Sequence[Any]]
) -> None:
    """Insert rows that cannot exist yet."""
    if not rows:
        return
    source, parameters = rows_source(columns, rows)
    names = ", ".join(column.name for column in columns)
    sql = f"INSERT INTO {table} ({names}) SELECT {names} FROM {source}"
    execute(sql, parameters, prepare=True)


def fetch_all(
    sql: str, parameters: Sequence[Any] = (), *, prepare: bool = False
) -> list[tuple[Any, ...]]:
    """Run a statement and return all its rows.

    ``prepare``: PostgreSQL keeps the plan from one call to the next. For statements whose
    text is always the same and that are plain about the types of their parameters, as
    every row source is.
    """
    with _cursor(prepare) as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())


def execute(sql: str, parameters: Sequence[Any] = (), *, prepare: bool = False) -> int:
    """Run a statement and return how many rows it touched; ``prepare`` as above."""
    with _cursor(prepare) as cursor:
        cursor.execute(sql, parameters)
        return int(cursor.rowcount)


def _cursor(prepare: bool) -> CursorWrapper:
    if not prepare or not is_postgresql():
        return connection.cursor()
    own = connections[DEFAULT_DB_ALIAS]
    if not own.in_atomic_block:
        # Outside a transaction Django looks whether the connection still lives.
        own.cursor().close()
    # Django's own cursor writes the parameters into the text, so that no statement is ever
    # the same; the driver's sends them beside it.
    cursor: Any = psycopg.Cursor(own.connection)
    return own.make_debug_cursor(cursor) if own.queries_logged else own.make_cursor(cursor)


def sql_value(value: Any) -> Any:
    """Adapt one Python value for a hand-written statement as Django's own layer would."""
    return value if is_postgresql() else _sqlite_value(value)


def array_literal(values: Sequence[Any]) -> str:
    """Write a column as PostgreSQL reads an array.

    The driver adapts lists element by element in Python, which costs more than the whole
    statement; joined text took a third off an import's time in Python.
    """
    sample = next((value for value in values if value is not None), None)
    if isinstance(sample, str):
        return "{" + ",".join(_quoted_texts(values)) + "}"
    if isinstance(sample, date):  # and so are datetimes
        texts = ["NULL" if v is None else f'"{v.isoformat()}"' for v in values]
        return "{" + ",".join(texts) + "}"
    if not isinstance(sample, (int, float, Decimal, NoneType)):
        # Unquoted, one comma in it would move every row that follows.
        raise TypeError(f"{type(sample).__name__} is no value for a row source")
    # Numbers and booleans need no quotes; str() of each is what PostgreSQL reads.
    return "{" + ",".join(["NULL" if v is None else str(v) for v in values]) + "}"


def _quoted_texts(values: Sequence[Any]) -> list[str]:
    needs_escape = any(v is not None and ("\\" in v or '"' in v) for v in values)
    if not needs_escape:
        return ["NULL" if v is None else f'"{v}"' for v in values]
    return [
        "NULL" if v is None else '"' + v.replace("\\", "\\\\").replace('"', '\\"') + '"'
        for v in values
    ]


def _json_document(rows: Sequence[Sequence[Any]]) -> str:
    """Write rows as SQLite reads a document, refusing the text that PostgreSQL refuses.

    Escaped, half a character would get past the driver and make a row that nobody can
    read again; SQLite itself ends a text at a NUL without a word.
    """
    values = [[_sqlite_value(value) for value in row] for row in rows]
    document = json.dumps(values, ensure_ascii=False)
    if "\\u0000" in document and _has_nul(rows):
        raise DataError("Text cannot contain NUL characters.")
    return document


def _has_nul(rows: Sequence[Sequence[Any]]) -> bool:
    return any(isinstance(v, str) and "\0" in v for row in rows for v in row)


def _sqlite_value(value: Any) -> Any:
    """Write a value as Django stores it in SQLite: times in UTC without a zone."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    return value
