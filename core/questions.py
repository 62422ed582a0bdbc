"""Questions asked with every request, put into words once.

Django writes the SQL of a query anew each time, which costs more than asking it: of half a
millisecond for one row, three quarters. A Question writes it at the first asking; from
then on only the values change, and PostgreSQL keeps its plan.

For questions on the way of every sale. Everywhere else a plain query reads better.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import Expression, Model, QuerySet
from django.db.models.query import get_related_populators

from core.batch import fetch_all, is_postgresql, sql_value

M = TypeVar("M", bound=Model)


class Told(Expression):
    """The place of a value in a question: which of the values that ask() is told, from 0.

    ``type`` is PostgreSQL's: a plan is kept for types, and a number alone has several.
    """

    def __init__(self, place: int, type: str) -> None:
        super().__init__()
        self.place, self.type = place, type

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        return (f"%s::{self.type}" if is_postgresql() else "%s"), (self,)


class _Wording(NamedTuple):
    """What a query comes to: its text, its parameters, and how a row becomes an object."""

    sql: str
    parameters: tuple[Any, ...]
    model: type[Model]
    names: list[str]
    first: int
    converters: list[tuple[int, list[Any], Any]]
    related: list[Any]


class Question(Generic[M]):
    """A query for whole objects, with Told where its values go.

    ``put`` builds the query: filters, select_related and an order; nothing that is
    prefetched or annotated.
    """

    def __init__(self, put: Callable[[], QuerySet[M]]) -> None:
        self._put = put
        self._wording: _Wording | None = None

    def ask(self, *values: Any) -> list[M]:
        """Return the objects for these values, as the query itself would."""
        # Two threads may both find the words the first time; they are the same.
        wording = self._wording = self._wording or _put_into_words(self._put())
        parameters = [
            sql_value(values[one.place]) if isinstance(one, Told) else one
            for one in wording.parameters
        ]
        rows = fetch_all(wording.sql, parameters, prepare=True)
        return [_object(wording, row) for row in rows]

    def ask_one(self, *values: Any) -> M | None:
        """Return the first object, or None."""
        found = self.ask(*values)
        return found[0] if found else None


def _put_into_words(query: QuerySet[Any]) -> _Wording:
    """Do once what Django's own iteration over a query does each time."""
    compiler = query.query.get_compiler(using=DEFAULT_DB_ALIAS)
    sql, parameters = compiler.as_sql()
    told = compiler.klass_info
    own = told["select_fields"]
    columns = [column for column, *_rest in compiler.select]
    converters = compiler.get_converters(columns)
    return _Wording(
        sql=sql,
        parameters=tuple(parameters),
        model=told["model"],
        names=[columns[place].target.attname for place in own],
        first=own[0],
        converters=[(place, convs, of) for place, (convs, of) in converters.items()],
        # The types are those of a later Django.
        related=get_related_populators(  # type: ignore[call-arg]
            told, compiler.select, DEFAULT_DB_ALIAS
        ),
    )


def _object(wording: _Wording, row: tuple[Any, ...]) -> Any:
    if wording.converters:
        row = _converted(wording, row)
    own = row[wording.first : wording.first + len(wording.names)]
    found = wording.model.from_db(DEFAULT_DB_ALIAS, wording.names, own)
    for populator in wording.related:
        populator.populate(row, found)
    return found


def _converted(wording: _Wording, row: tuple[Any, ...]) -> tuple[Any, ...]:
    values = list(row)
    for place, converters, column in wording.converters:
        for convert in converters:
            values[place] = convert(values[place], column, connection)
    return tuple(values)
