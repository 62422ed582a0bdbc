"""Check style, types, migrations and translations; tell everything that is amiss."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
SIDE_BY_SIDE = 2

CHECKS = {
    # The longest first: the others pass beside it.
    "types": (PYTHON, "-m", "mypy"),
    "style": (PYTHON, "-m", "ruff", "check", "."),
    "layout": (PYTHON, "-m", "ruff", "format", "--check", "."),
    "settings": (PYTHON, "manage.py", "check", "--fail-level", "WARNING"),
    "migrations": (PYTHON, "manage.py", "makemigrations", "--check", "--dry-run"),
    "translations": (PYTHON, "scripts/check_translations.py"),
}


def main() -> int:
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        outcomes = zip(CHECKS, pool.map(_run, CHECKS.values()), strict=True)
        failed = [name for name, done in outcomes if not _passes(name, done)]
    print(f"\nAmiss: {', '.join(failed)}." if failed else "\nNothing is amiss.")
    return 1 if failed else 0


def _run(command: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=ROOT,
        # Several start at once: in a new checkout each would make the site's own key.
        env={"SECRET_KEY": "lint", **os.environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def _passes(name: str, done: subprocess.CompletedProcess[str]) -> bool:
    print(f"--- {name}\n{done.stdout}", end="", flush=True)
    return done.returncode == 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
