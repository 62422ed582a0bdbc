"""What the battery's clients and its checker share: histories, and processes to kill.

A history is a file that one client only ever adds to: ``invoke`` before a call, ``ok`` or
``fail`` after it, ``unknown`` when the answer was lost. Who is started again after a kill
sends its open invocation once more, with the same key. The checker reads histories and
the database and nothing else.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings

from tests.battery.running import Database, environment


class History:
    """One client's file of what it asked and what it was answered."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)

    def add(self, event: str, **facts: Any) -> None:
        # One write for one line: a kill leaves it whole or leaves it out.
        os.write(self._file, json.dumps({"event": event, **facts}).encode() + b"\n")


def read_history(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


@dataclass
class Operation:
    """One operation of one client: what was asked, and what became of it."""

    key: str
    verb: str
    facts: dict[str, Any]
    outcome: str = "open"
    answer: Any = None
    sendings: int = 1

    @property
    def is_open(self) -> bool:
        return self.outcome == "open"


def read_operations(history: list[dict[str, Any]]) -> list[Operation]:
    """Return a client's operations in the order in which it began them."""
    operations: dict[str, Operation] = {}
    for line in history:
        event = line["event"]
        if event == "invoke":
            operations[line["key"]] = Operation(line["key"], line["verb"], line["facts"])
        elif event == "resend":
            operations[line["key"]].sendings += 1
        elif event in ("ok", "fail", "error"):
            operations[line["key"]].outcome = event
            operations[line["key"]].answer = line["answer"]
    return list(operations.values())


@dataclass
class Fleet:
    """Real client processes by number, forked by a program that has everything loaded."""

    nursery: subprocess.Popen[str]
    folder: Path
    pids: dict[int, int] = field(default_factory=dict)

    def start(self, number: int) -> None:
        assert self.nursery.stdin
        assert self.nursery.stdout
        self.nursery.stdin.write(f"{number}\n")
        self.nursery.stdin.flush()
        self.pids[number] = int(self.nursery.stdout.readline())

    def kill(self, number: int) -> None:
        os.kill(self.pids.pop(number), signal.SIGKILL)

    def busy(self) -> list[int]:
        """Return who is not done yet."""
        return [n for n in sorted(self.pids) if not (self.folder / f"{n}.done").exists()]


@contextmanager
def fleet(database: Database, folder: Path, program: str, **more: str) -> Iterator[Fleet]:
    """Run a program that starts one client for each number it reads."""
    log = (folder / "errors.log").open("a")
    nursery = subprocess.Popen(
        [sys.executable, "-m", program, str(folder)],
        cwd=settings.BASE_DIR,
        env=environment(database, LOG_LEVEL="ERROR", **more),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    )
    clients = Fleet(nursery, folder)
    try:
        yield clients
    finally:
        for number in clients.busy():
            clients.kill(number)
        nursery.kill()
        nursery.communicate()
        log.close()
