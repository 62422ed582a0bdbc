"""Databases of their own for the tests that kill, storm and tamper."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

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

        def make() -> Database:
            return copies.enter_context(new_database(tmp_path, like=empty_database))

        yield make
