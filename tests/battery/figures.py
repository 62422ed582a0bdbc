"""What the battery measured: one line of JSON for each test."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.db import connection


def figures_file() -> Path:
    """Return the file that collects the figures; BATTERY_FIGURES moves it."""
    named = os.environ.get("BATTERY_FIGURES")
    return Path(named) if named else Path(settings.VAR_DIR) / "battery.jsonl"


def report(test: str, **figures: Any) -> None:
    """Write down what a test did and found."""
    line = {
        "test": test,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "database": connection.vendor,
        "python": platform.python_version(),
        "django": django.get_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs",
        **figures,
    }
    path = figures_file()
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")
    shown = ", ".join(f"{name} {value}" for name, value in figures.items())
    sys.stdout.write(f"\n{test} ({connection.vendor}): {shown}\n")


def _commit() -> str:
    answer = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.stdout.strip()
