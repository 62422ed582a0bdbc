"""Processes of the site: forked from one that has it loaded, or started from nothing.

Loading the site costs two seconds of a core, and the battery starts hundreds of processes.
Whoever is forked is a process like any other: it opens its own connections, runs one
program and ends, or is killed, and no other process notices.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import subprocess
import sys
from abc import ABC, abstractmethod
from functools import cache
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from pathlib import Path
from unittest.mock import patch

from django.conf import settings

NURSERY = "tests.battery.nursery"
# What would follow the name of the interpreter.
Command = tuple[str, ...]


class Process(ABC):
    """A Python program of the project in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.out, self.err = folder / "out", folder / "err"
        for file in (self.out, self.err):
            file.touch()

    @abstractmethod
    def is_running(self) -> bool: ...

    @abstractmethod
    def wait(self, limit: float) -> int | None:
        """Wait so many seconds at most; return its exit code, or nothing if it runs on."""

    @abstractmethod
    def terminate(self) -> None:
        """Ask it to end."""

    @abstractmethod
    def kill(self) -> None:
        """Kill it without warning, unless it is done; return when it is no more."""

    def finish(self, limit: float) -> str:
        """Wait until it has ended well, so many seconds at most; return what it printed."""
        code = self.wait(limit)
        assert code is not None, "it was not done in time"
        assert code == 0, self.err.read_text()[-3000:]
        return self.out.read_text()


class Forked(Process):
    """A process that finds the site loaded, and its settings read.

    Args:
        command: the program.
        environment: what it is told. The first of all processes is told the settings; of
            them only the address of the database may differ in those after it.
        name: what the server calls the database, or where its file is.
        folder: where what it prints is kept.
    """

    def __init__(
        self, command: Command, environment: dict[str, str], name: str, folder: Path
    ) -> None:
        super().__init__(folder)
        with patch.dict(os.environ, environment):
            nursery = _nursery()
        facts = (command, environment, name, self.out, self.err)
        self._process = nursery.Process(target=_become, args=facts)
        self._process.start()

    def is_running(self) -> bool:
        return self._process.is_alive()

    def wait(self, limit: float) -> int | None:
        self._process.join(limit)
        return self._process.exitcode

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()
        self._process.join()


class FromNothing(Process):
    """A process that loads the site itself, and reads settings of its own."""

    def __init__(self, command: Command, environment: dict[str, str], folder: Path) -> None:
        super().__init__(folder)
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self._process = subprocess.Popen(
                [sys.executable, *command],
                cwd=settings.BASE_DIR,
                env=environment,
                stdout=out,
                stderr=err,
            )

    def is_running(self) -> bool:
        return self._process.poll() is None

    def wait(self, limit: float) -> int | None:
        try:
            return self._process.wait(limit)
        except subprocess.TimeoutExpired:
            return None

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@cache
def _nursery() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([NURSERY])
    forkserver.ensure_running()
    return context


def _become(
    command: Command, environment: dict[str, str], name: str, out: Path, err: Path
) -> None:
    from django.db import connection

    for path, number in ((out, 1), (err, 2)):
        os.dup2(os.open(path, os.O_WRONLY), number)
    os.environ.clear()
    os.environ.update(environment)
    connection.settings_dict["NAME"] = name
    first, *rest = command
    if first == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif first == "-c":
        sys.argv = ["-c", *rest[1:]]
        exec(rest[0], {"__name__": "__main__"})
    else:
        sys.argv = [first, *rest]
        runpy.run_path(first, run_name="__main__")
