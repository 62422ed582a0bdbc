"""A database of its own for a benchmark: made before, dropped afterwards."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

PROJECT = Path(__file__).resolve().parent.parent
SERVER = os.environ.get("BENCH_SERVER", "postgres://postgres@127.0.0.1")


@contextmanager
def scratch_database(name: str, *, migrate: bool = True) -> Iterator[str]:
    """Make an empty PostgreSQL database, migrated or not, and yield its DATABASE_URL."""
    with psycopg.connect(f"{SERVER}/postgres", autocommit=True) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        server.execute(f'CREATE DATABASE "{name}"')
        url = f"{SERVER}/{name}"
        try:
            if migrate:
                manage(url, "migrate", "-v0")
            yield url
        finally:
            server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def use_django(url: str) -> None:
    """Set the project up on a database in this very process."""
    os.environ["DATABASE_URL"] = url
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loyalty_site.settings")
    sys.path.insert(0, str(PROJECT))
    import django

    django.setup()


def manage(url: str, *arguments: str) -> str:
    """Run a management command on a database and return what it printed."""
    environment = {**os.environ, "DATABASE_URL": url}
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=PROJECT,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout
