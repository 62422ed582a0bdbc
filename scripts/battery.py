"""Run the reliability battery on every database found, and write its figures down.

The tests say what they did in lines of JSON; this makes them a table on the screen and
the page docs/reliability-report.md.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from services import find_postgresql

ROOT = Path(__file__).resolve().parent.parent
FIGURES = ROOT / "var" / "battery.jsonl"
REPORT = ROOT / "docs" / "reliability-report.md"
# What every line carries; the rest are the figures of its test.
COMMON = ("test", "at", "commit", "database", "python", "django", "machine")

INTRODUCTION = """\
# Reliability report

Made by `make battery`; run it yourself. Every test works with real processes on a real
database, and carries a negative control: the same test with the guard taken away, which
has to fail. A control that shows nothing would mean that the test proves nothing.
"""


def main(arguments: Sequence[str]) -> int:
    FIGURES.parent.mkdir(exist_ok=True)
    FIGURES.unlink(missing_ok=True)
    started = time.monotonic()
    databases = {"SQLite": ""}
    if url := find_postgresql():
        databases["PostgreSQL"] = url
    else:
        print("PostgreSQL does not answer here; races can only be shown on it.")
    failed = [
        name for name, url in databases.items() if not _run(name, url, list(arguments))
    ]
    lines = read_figures(FIGURES)
    print("\n" + as_text(lines))
    if not arguments:
        seconds = time.monotonic() - started
        REPORT.write_text(as_markdown(lines, failed=failed, seconds=seconds))
        print(f"Written to {REPORT.relative_to(ROOT)}.")
    print(f"Failed on {', '.join(failed)}." if failed else "Nothing failed.")
    return 1 if failed else 0


def _run(name: str, url: str, arguments: list[str]) -> bool:
    print(f"\n=== {name}", flush=True)
    environment = {
        # tests/battery/tiers.py: more than in `make test`, less than BATTERY=full.
        "BATTERY": "night",
        **os.environ,
        "DATABASE_URL": url,
        "CELERY_BROKER_URL": "",
        "CACHE_URL": "",
        "BATTERY_FIGURES": str(FIGURES),
    }
    command = (sys.executable, "-m", "pytest", "-m", "battery", "--create-db", *arguments)
    return subprocess.call(command, cwd=ROOT, env=environment) in (0, 5)


def read_figures(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines() if line]


def figures_of(line: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name not in COMMON}


def as_text(lines: Sequence[Mapping[str, Any]]) -> str:
    """Return the figures as lines for the screen, one test and database a line."""
    return "\n".join(
        f"{line['test']:<34} {line['database']:<11} "
        + ", ".join(f"{name} {value}" for name, value in figures_of(line).items())
        for line in lines
    )


def as_markdown(
    lines: Sequence[Mapping[str, Any]], *, failed: Sequence[str], seconds: float
) -> str:
    """Return the page: one small table for each test, a column for each database run."""
    parts = [INTRODUCTION]
    if lines:
        about = lines[-1]
        commits = sorted({str(line["commit"]) for line in lines})
        parts.append(
            f"{datetime.now(UTC):%Y-%m-%d}, commit {', '.join(commits)}, "
            f"{about['machine']}, Python {about['python']}, Django {about['django']}; "
            f"{seconds:.0f} seconds in all. "
            + (f"**Failed on {', '.join(failed)}.**" if failed else "Nothing failed.")
        )
    for test in dict.fromkeys(line["test"] for line in lines):
        parts.append(f"## {test}\n\n{_table([li for li in lines if li['test'] == test])}")
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _table(lines: Sequence[Mapping[str, Any]]) -> str:
    names = dict.fromkeys(name for line in lines for name in figures_of(line))
    head = ["figure", *(str(line["database"]) for line in lines)]
    rows = [
        [name.replace("_", " "), *(str(line.get(name, "–")) for line in lines)]
        for name in names
    ]
    table = [head, ["---", *("---:" for _line in lines)], *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in table)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
