"""Run the test suite: on SQLite everywhere, on PostgreSQL and Redis where they answer.

make test ARGS="tests/points -k spend" runs a part. REQUIRE_SERVICES=1 makes a missing
PostgreSQL, Redis or Chromium a failure.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from services import find_chromium, find_postgresql, find_redis

ROOT = Path(__file__).resolve().parent.parent
NO_TESTS_COLLECTED = 5
# Real processes, kills and browsers need the machine for themselves.
ALONE = "battery or browser or postgresql"
# Minutes of kills and clocks: here on PostgreSQL, in `make battery` on both.
ONCE_IS_ENOUGH = (
    "tests/battery/test_t12_outbox.py",
    "tests/battery/test_t14_beat.py",
    "tests/battery/test_kill_back_test.py",
    "tests/battery/test_token_renewal.py",
)


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
    runs = [("SQLite", base, "browser or battery", left_out)]
    if postgresql:
        settings = {**base, "DATABASE_URL": postgresql}
        runs.append(("PostgreSQL", settings, "battery or postgresql", []))
    failed = [
        f"{name}, {part}"
        for name, environment, alone, left_out in runs
        for part, options in _parts(alone)
        if not _passes(name, part, environment, [*options, *left_out, *arguments])
    ]
    print(f"\nFailed: {'; '.join(failed)}." if failed else "\nAll tests passed.")
    return 1 if failed else 0


def _parts(alone: str) -> list[tuple[str, list[str]]]:
    return [
        ("side by side", ["-n", "auto", "-m", f"not ({ALONE})"]),
        ("one by one", ["--durations=12", "-m", alone]),
    ]


def _passes(
    name: str, part: str, environment: Mapping[str, str], options: Sequence[str]
) -> bool:
    print(f"\n=== {name}, {part}", flush=True)
    started = time.monotonic()
    command = (sys.executable, "-m", "pytest", "-rs", "--create-db", *options)
    code = subprocess.call(command, cwd=ROOT, env=dict(environment))
    print(f"=== {name}, {part}: {time.monotonic() - started:.0f} s", flush=True)
    return code in (0, NO_TESTS_COLLECTED)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
