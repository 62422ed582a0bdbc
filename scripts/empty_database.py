"""Tables made once for a whole run: its databases begin as copies of them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent


@contextmanager
def new_place(url: str) -> Iterator[str]:
    """Yield the address of a database on the server of this one, or of a file."""
    if not url:
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{folder}/empty.sqlite3"
        return
    name = urlsplit(url).path.strip("/") + "_empty"
    drop = f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'
    # The first takes away what a run left behind that was killed.
    _tell(url, drop, f'CREATE DATABASE "{name}"')
    try:
        yield urlsplit(url)._replace(path=f"/{name}").geturl()
    finally:
        _tell(url, drop)


def make_tables(address: str) -> None:
    """Migrate a database. Nobody may stay in it: who is used cannot be copied."""
    # Two of these start at once: in a new checkout each would make the site's own key.
    own = {"DATABASE_URL": address, "CELERY_BROKER_URL": "", "SECRET_KEY": "tables"}
    environment = {**os.environ, **own}
    command = (sys.executable, "manage.py", "migrate", "--verbosity=0")
    subprocess.run(command, cwd=ROOT, env=environment, check=True)


def _tell(url: str, *statements: str) -> None:
    import psycopg

    with psycopg.connect(url, dbname="postgres", autocommit=True) as server:
        for statement in statements:
            server.execute(statement)
