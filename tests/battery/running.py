"""A real site for the battery: its own database, real web workers, real connections."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import psycopg
from django.conf import settings

from tests.battery.forking import Forked, FromNothing, Process

START_LIMIT = 60.0
COMMAND_LIMIT = 180.0
# What the battery's own programs read by themselves. Everything else is a setting.
NO_SETTINGS = {"BOTH_SIDES", "CLAIMS_OFF", "DIE_ONCE", "GUARDS_OFF", "SCENES"}


@dataclass(frozen=True)
class Database:
    """A database of its own, on the kind of server that the suite runs on."""

    url: str

    @property
    def is_sqlite(self) -> bool:
        return self.url.startswith("sqlite")

    @property
    def name(self) -> str:
        """Return what the server calls it, or where its file is."""
        path = urlsplit(self.url).path
        return path if self.is_sqlite else path.removeprefix("/")

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a question from outside the site."""
        if self.is_sqlite:
            with closing(sqlite3.connect(self.name)) as file:
                return file.execute(sql).fetchall()
        with psycopg.connect(self.url) as server:
            return server.execute(sql).fetchall()

    def count(self, table: str) -> int:
        return int(self.ask(f"SELECT count(*) FROM {table}")[0][0])


@contextmanager
def new_database(folder: Path, *, like: Database | None = None) -> Iterator[Database]:
    """Make a database with all tables, or a copy of one; take it away at the end."""
    name = f"battery_{secrets.token_hex(6)}"
    with _place_for(name, folder, like) as url:
        database = Database(url)
        if like is None:
            run(database, "manage.py", "migrate", "--verbosity=0")
        yield database


@contextmanager
def _place_for(name: str, folder: Path, like: Database | None) -> Iterator[str]:
    main = settings.DATABASES["default"]
    if main["ENGINE"].endswith("sqlite3"):
        file = folder / f"{name}.sqlite3"
        if like:
            shutil.copy(like.name, file)
        yield f"sqlite:///{file}"
        return
    server = _postgresql_server(main)
    template = f' TEMPLATE "{like.name}"' if like else ""
    with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}{template}")
        try:
            yield f"{server}/{name}"
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _postgresql_server(main: dict[str, Any]) -> str:
    user = main["USER"] + (f":{main['PASSWORD']}" if main["PASSWORD"] else "")
    # A server may live on a socket: its path is quoted like any other host.
    host = quote(main["HOST"] or "127.0.0.1", safe="")
    return f"postgres://{user}@{host}:{main['PORT'] or 5432}"


def environment(database: Database, **more: str) -> dict[str, str]:
    """Return the environment of a process of this site; no broker is there."""
    return {
        **os.environ,
        "DATABASE_URL": database.url,
        "DJANGO_SETTINGS_MODULE": "loyalty_site.settings",
        "CELERY_BROKER_URL": "memory://",
        "SECRET_KEY": "battery",
        "PYTHONWARNINGS": "ignore",
        **more,
    }


@contextmanager
def started(database: Database, *command: str, **more: str) -> Iterator[Process]:
    """Run a Python program of the project beside us; at the end it is killed."""
    told = environment(database, **more)
    with tempfile.TemporaryDirectory() as folder:
        process: Process
        if more.keys() <= NO_SETTINGS:
            process = Forked(command, told, database.name, Path(folder))
        else:
            process = FromNothing(command, told, Path(folder))
        try:
            yield process
        finally:
            process.kill()


def run(database: Database, *command: str, **more: str) -> str:
    """Run a Python program of the project and return what it printed."""
    with started(database, *command, **more) as program:
        return program.finish(COMMAND_LIMIT)


@contextmanager
def web_site(
    database: Database, *, workers: int = 2, threads: int = 8, **more: str
) -> Iterator[int]:
    """Run the site's web server on a free port."""
    port = _free_port()
    command = ["-m", "gunicorn", "tests.battery.wsgi:application", "--no-control-socket"]
    command += [f"--bind=127.0.0.1:{port}", f"--workers={workers}", "--log-level=warning"]
    command += ["--worker-class=gthread", f"--threads={threads}"]
    with started(database, *command, **more) as server:
        _wait_until_it_answers(server, port)
        yield port
        server.terminate()
        server.wait(20)


def call(
    port: int,
    method: str,
    path: str,
    body: Any = None,
    headers: dict[str, str] | None = None,
) -> tuple[int, dict[str, str], bytes]:
    """Send one request on a connection of its own."""
    text = None if body is None else json.dumps(body).encode()
    sent = {"Content-Type": "application/json", "Accept-Language": "en", **(headers or {})}
    with closing(HTTPConnection("127.0.0.1", port, timeout=120)) as connection:
        connection.request(method, path, text, sent)
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read()


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_it_answers(server: Process, port: int) -> None:
    deadline = time.monotonic() + START_LIMIT
    while time.monotonic() < deadline:
        assert server.is_running(), server.err.read_text()[-3000:]
        try:
            status, _headers, _body = call(port, "GET", "/api/v1/members/MAI/")
        except (OSError, HTTPException):
            time.sleep(0.2)
            continue
        if status == 401:
            return
    raise AssertionError("the web server did not answer in time")
