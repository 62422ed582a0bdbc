"""Processes that do one kind of work side by side, a round at a time.

A worker is a script that calls ``serve`` with what it does once. Rounds of several crews
alternate, so that whatever else the machine does falls on all of them.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent


class Crew:
    """So many workers, started once and asked for a round at a time."""

    def __init__(self, command: Sequence[str], size: int) -> None:
        self._workers = [
            subprocess.Popen(
                [*command, str(seed)],
                cwd=HERE,
                env={**os.environ, "PYTHONWARNINGS": "ignore"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for seed in range(size)
        ]
        self._read()

    def rate(self, seconds: float) -> float:
        """Let all work for so long; return how often they did it in a second."""
        for worker in self._workers:
            assert worker.stdin is not None
            worker.stdin.write(f"{seconds}\n")
            worker.stdin.flush()
        return sum(self._read())

    def close(self) -> None:
        for worker in self._workers:
            worker.communicate()

    def _read(self) -> list[float]:
        """Wait for one line of each worker."""
        lines = [worker.stdout.readline() for worker in self._workers if worker.stdout]
        if not all(lines):
            raise RuntimeError("A worker of the benchmark stopped.")
        return [float(line) for line in lines]


def serve(work: Callable[[], None]) -> None:
    """Say that all is ready, then do the work over and over for as long as asked."""
    work()
    print(0, flush=True)
    for line in sys.stdin:
        started, done = time.perf_counter(), 0
        until = started + float(line)
        while time.perf_counter() < until:
            work()
            done += 1
        print(done / (time.perf_counter() - started), flush=True)
