"""`manage.py start` for real: everything comes up, everything goes down together."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from loyalty_site.launch import ports
from tests.battery.running import Database

pytestmark = [
    pytest.mark.battery,
    pytest.mark.skipif(
        settings.DATABASES["default"]["ENGINE"].endswith("postgresql"),
        reason="starts a SQLite of its own, so once is enough",
    ),
]

LEFT_OUT = (".git", ".venv", "var", "__pycache__", ".mypy_cache", ".ruff_cache", "tests")
PATIENCE = 80


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder of its own: a site that runs from this one must not be in the way."""
    folder = tmp_path / "site"
    shutil.copytree(
        settings.BASE_DIR, folder, ignore=shutil.ignore_patterns(*LEFT_OUT), symlinks=True
    )
    return folder


@pytest.fixture
def tables(copy: Path, empty_database: Database) -> None:
    """Let the site find its tables made; how they are made is shown where none stand."""
    (copy / "var").mkdir()
    shutil.copy(empty_database.name, copy / "var" / "loyalty.sqlite3")


def start(folder: Path, port: int) -> subprocess.Popen[str]:
    unwanted = ("DATABASE_URL", "CELERY_BROKER_URL", "CACHE_URL", "PUBLIC_URL")
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in unwanted and not name.startswith(("ZALO_", "DJANGO_"))
    }
    return subprocess.Popen(
        (sys.executable, "manage.py", "start"),
        cwd=folder,
        env={**kept, "PORT": str(port), "DEMO": "no"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@pytest.fixture
def site(copy: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    port = ports.any_free_port()
    process = start(copy, port)
    yield process, port
    if process.poll() is None:
        process.terminate()
        process.wait(timeout=30)
    assert process.stdout is not None
    process.stdout.close()


def read_until(process: subprocess.Popen[str], text: str) -> str:
    """Return what was said up to the line with this text."""
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if text in line:
            break
    return "".join(said)


def ask(port: int, path: str) -> dict[str, str]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{port}{path}", timeout=10) as response:
        found: dict[str, str] = json.load(response)
    return found


def processes_of(folder: Path) -> list[int]:
    """Return the processes that work in this folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and _works_in(entry, folder):
            found.append(int(entry.name))
    return found


def _works_in(entry: Path, folder: Path) -> bool:
    try:
        return (entry / "cwd").readlink() == folder or (
            str(folder) in (entry / "cmdline").read_text()
        )
    except (OSError, UnicodeDecodeError):
        return False


needs_proc = pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")


@needs_proc
def test_starts_serves_and_leaves_nobody_behind(
    site: tuple[subprocess.Popen[str], int], copy: Path
) -> None:
    process, port = site

    said = read_until(process, "Simulated phones")

    assert f"http://127.0.0.1:{port}/admin/" in said
    assert ask(port, "/readyz")["status"] == "ok"
    _a_second_start_is_refused(copy, port)
    _the_worker_works(port)
    assert len(processes_of(copy)) >= 6

    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)

    assert process.returncode == 0
    assert time.monotonic() - started < 15
    assert processes_of(copy) == []


def _a_second_start_is_refused(folder: Path, port: int) -> None:
    second = start(folder, ports.any_free_port())
    said, _nothing = second.communicate(timeout=30)
    assert second.returncode == 1
    assert said.startswith("The site already runs from this folder (process ")
    assert said.count("\n") == 1


def _the_worker_works(port: int) -> None:
    """Wait for a sign of life that went through beat, broker, worker and database."""
    deadline = time.monotonic() + PATIENCE
    newest = 1000
    while time.monotonic() < deadline:
        age = int(ask(port, "/healthz")["worker"].split()[0])
        if age < newest - 5 and newest != 1000:
            return
        newest = age
        time.sleep(0.5)
    pytest.fail("The worker gave no sign of life.")


@needs_proc
@pytest.mark.usefixtures("tables")
def test_a_launcher_that_is_killed_takes_everyone_with_it(
    site: tuple[subprocess.Popen[str], int], copy: Path
) -> None:
    process, _port = site
    read_until(process, "Simulated phones")

    process.kill()
    process.wait()

    deadline = time.monotonic() + 20
    while processes_of(copy) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert processes_of(copy) == []
