"""Check style, types, migrations and translations; tell everything that is amiss."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable

CHECKS = {
    "style": (PYTHON, "-m", "ruff", "check", "."),
    "layout": (PYTHON, "-m", "ruff", "format", "--check", "."),
    "types": (PYTHON, "-m", "mypy"),
    "settings": (PYTHON, "manage.py", "check", "--fail-level", "WARNING"),
    "migrations": (PYTHON, "manage.py", "makemigrations", "--check", "--dry-run"),
    "translations": (PYTHON, "scripts/check_translations.py"),
}


def main() -> int:
    failed = []
    for name, command in CHECKS.items():
        print(f"--- {name}", flush=True)
        if subprocess.call(command, cwd=ROOT) != 0:
            failed.append(name)
    print(f"\nAmiss: {', '.join(failed)}." if failed else "\nNothing is amiss.")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
