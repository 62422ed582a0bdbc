"""Run the test suite: on SQLite everywhere, on PostgreSQL and Redis where they answer.

make test ARGS="tests/points -k spend" runs a part. REQUIRE_SERVICES=1 makes a missing
PostgreSQL, Redis or Chromium a failure.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from empty_database import make_tables, new_place
from services import find_chromium, find_postgresql, find_redis

ROOT = Path(__file__).resolve().parent.parent
# The second: no test was collected.
PASSED = (0, 5)
# Real processes, kills and browsers: one after the other, and they go first.
ALONE = "battery or browser or postgresql"
SIDE_BY_SIDE = ("-n", "auto", "-m", f"not ({ALONE})")
# Who mostly waits shall find the machine free when it is his turn.
LETS_OTHERS_GO_FIRST = ("nice", "-n", "5") if shutil.which("nice") else ()
# A database: its name, the environment, what runs alone there, and what else is said.
Run = tuple[str, Mapping[str, str], str, list[str]]
# Minutes of kills, clocks and large files: here on PostgreSQL, in `make battery` on both.
ONCE_IS_ENOUGH = (
    "tests/battery/test_t12_outbox.py",
    "tests/battery/test_t14_beat.py",
    # What a file costs to read is the same on every database.
    "tests/battery/test_t24_uploads.py",
    "tests/battery/test_kill_back_test.py",
    "tests/battery/test_token_renewal.py",
)
# It waits for whole minutes to come, so it waits beside the others.
BY_THE_CLOCK = "tests/battery/test_t14_beat.py"


def main(arguments: Sequence[str]) -> int:
    postgresql, redis_url, chromium = find_postgresql(), find_redis(), find_chromium()
    found = {"PostgreSQL": postgresql, "Redis": redis_url, "Chromium": chromium}
    missing = [name for name, where in found.items() if not where]
    for name in missing:
        print(f"{name} does not answer here: its tests are left out.")
    if missing and os.environ.get("REQUIRE_SERVICES"):
        print("REQUIRE_SERVICES is set, so this is a failure.")
        return 1
    own = dict.fromkeys(("DATABASE_URL", "CELERY_BROKER_URL", "CACHE_URL"), "")
    base = {**os.environ, **own, "TEST_REDIS_URL": redis_url, "CHROMIUM": chromium}
    # The first database first: most mistakes show on both, and it needs no server.
    left_out = [f"--deselect={path}" for path in ONCE_IS_ENOUGH] if postgresql else []
    runs: list[Run] = [("SQLite", base, "browser or battery", left_out)]
    if postgresql:
        settings = {**base, "DATABASE_URL": postgresql}
        runs.append(("PostgreSQL", settings, "battery or postgresql", []))
    with _with_tables(runs) as runs, _beside_us(runs, arguments) as one_by_one:
        failed = [
            f"{name}, side by side"
            for name, environment, _alone, left_out in runs
            if not _passes(name, environment, [*SIDE_BY_SIDE, *left_out, *arguments])
        ]
        failed += [f"{name}, one by one" for name, outcome in one_by_one if not outcome()]
    print(f"\nFailed: {'; '.join(failed)}." if failed else "\nAll tests passed.")
    return 1 if failed else 0


@contextmanager
def _with_tables(runs: Sequence[Run]) -> Iterator[list[Run]]:
    """Make the tables once for each database, so that nobody else has to."""
    print("\n=== tables", flush=True)
    started = time.monotonic()
    with ExitStack() as places, ThreadPoolExecutor(len(runs)) as pool:
        empty = [
            places.enter_context(new_place(environment["DATABASE_URL"]))
            for _name, environment, _alone, _left_out in runs
        ]
        list(pool.map(make_tables, empty))
        print(f"=== tables: {time.monotonic() - started:.0f} s", flush=True)
        yield [
            (name, {**environment, "EMPTY_DATABASE": address}, alone, left_out)
            for (name, environment, alone, left_out), address in zip(
                runs, empty, strict=True
            )
        ]


def _apart(runs: Sequence[Run]) -> list[Run]:
    """Take what waits for the clock out of the last run, and give it a run of its own."""
    *others, (name, environment, alone, said) = runs
    return [
        *others,
        (name, environment, alone, [*said, f"--deselect={BY_THE_CLOCK}"]),
        ("By the clock", environment, alone, [BY_THE_CLOCK]),
    ]


def _passes(name: str, environment: Mapping[str, str], options: Sequence[str]) -> bool:
    print(f"\n=== {name}, side by side", flush=True)
    started = time.monotonic()
    command = [*LETS_OTHERS_GO_FIRST, *_command(options)]
    code = subprocess.call(command, cwd=ROOT, env=dict(environment))
    print(f"=== {name}, side by side: {time.monotonic() - started:.0f} s", flush=True)
    return code in PASSED


@contextmanager
def _beside_us(
    runs: Sequence[Run], arguments: Sequence[str]
) -> Iterator[list[tuple[str, Callable[[], bool]]]]:
    """Begin what runs one by one, a lane for each database: most of it is waiting.

    Each has a database, ports and processes of its own. Yields for each its name, and how
    to wait for it, see what it printed and learn whether it passed.
    """
    lanes = list(runs if arguments else _apart(runs))
    with ThreadPoolExecutor(len(lanes)) as pool:
        ends = [pool.submit(_run_alone, lane, arguments) for lane in lanes]
        yield [
            (name, partial(_passes_alone, name, end))
            for (name, *_more), end in zip(lanes, ends, strict=True)
        ]


def _passes_alone(name: str, end: Future[tuple[int, str, float]]) -> bool:
    code, printed, seconds = end.result()
    print(f"\n=== {name}, one by one\n{printed}", flush=True)
    print(f"=== {name}, one by one: {seconds:.0f} s", flush=True)
    return code in PASSED


def _run_alone(run: Run, arguments: Sequence[str]) -> tuple[int, str, float]:
    """Return the exit code, what was printed, and the seconds."""
    _name, environment, alone, left_out = run
    started = time.monotonic()
    done = subprocess.run(
        _command(["--durations=12", "-m", alone, *left_out, *arguments]),
        cwd=ROOT,
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, time.monotonic() - started


def _command(options: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "pytest", "-rs", "--create-db", *options]


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
