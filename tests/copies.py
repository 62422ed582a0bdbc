"""Databases that begin as copies of one whose tables stand already.

`make test` migrates an empty database of each kind once and names it in EMPTY_DATABASE;
without it, whoever needs tables makes them.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from django.db import connection

from tests.battery.running import Database


def empty_database() -> Database | None:
    address = os.environ.get("EMPTY_DATABASE")
    return Database(address) if address else None


@contextmanager
def begun_as_a_copy(empty: Database) -> Iterator[None]:
    """Let the test database begin as a copy; Django migrates what is missing in it."""
    if connection.vendor == "postgresql":
        connection.settings_dict["TEST"]["TEMPLATE"] = empty.name
        yield
        return
    # It lives in memory, for as long as somebody is connected to it.
    name = connection.creation._get_test_db_name()
    with closing(sqlite3.connect(name, uri=True)) as memory:
        with closing(sqlite3.connect(empty.name)) as file:
            file.backup(memory)
        yield
