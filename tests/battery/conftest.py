"""Databases of their own for the tests that kill, storm and tamper."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.battery.running import Database, new_database


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Make the tables once; every test gets a copy."""
    with new_database(tmp_path_factory.mktemp("empty")) as database:
        yield database


@pytest.fixture
def scratch(empty_database: Database, tmp_path: Path) -> Iterator[Callable[[], Database]]:
    """Return a maker of fresh databases, which are taken away at the end."""
    with ExitStack() as copies:
        numbers = iter(range(99))

        def make() -> Database:
            return copies.enter_context(_copy(empty_database, tmp_path, next(numbers)))

        yield make


@contextmanager
def _copy(original: Database, folder: Path, number: int) -> Iterator[Database]:
    if original.is_sqlite:
        file = folder / f"scratch-{number}.sqlite3"
        shutil.copyfile(original.url.removeprefix("sqlite:///"), file)
        yield Database(f"sqlite:///{file}")
        return
    server, _slash, template = original.url.rpartition("/")
    name = f"{template}_{number}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield Database(f"{server}/{name}")
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
