"""``column__among=values``: Django's ``__in`` for a batch, as one parameter.

``__in`` writes a placeholder for each value, and four hundred of them cost more in Python
than the query costs in the database. The values are plain numbers or texts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Field, ForeignObject, Lookup
from django.db.models.sql.compiler import SQLCompiler

from core.batch import array_literal


# A relation inherits no lookups of ordinary columns.
@ForeignObject.register_lookup
@Field.register_lookup
class Among(Lookup):
    lookup_name = "among"
    rhs: Iterable[Any]

    def get_prep_lookup(self) -> list[Any]:
        return list(self.rhs)

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, tuple[Any, ...]]:
        column, parameters, values = self._parts(compiler, connection)
        sql = f"{column} IN (SELECT value FROM json_each(%s))"
        return sql, (*parameters, json.dumps(values))

    def as_postgresql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, tuple[Any, ...]]:
        column, parameters, values = self._parts(compiler, connection)
        kind = "text" if isinstance(values[0], str) else "bigint"
        return f"{column} = ANY(%s::{kind}[])", (*parameters, array_literal(values))

    def _parts(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, Iterable[Any], list[Any]]:
        values = list(self.rhs)
        if not values:
            raise EmptyResultSet
        column, parameters = self.process_lhs(compiler, connection)
        return column, parameters, values
