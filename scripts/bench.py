"""Run the benchmarks one after the other; each prints ratios to a baseline of its own run.

They need a PostgreSQL server on which databases may be made: BENCH_SERVER, or
postgres://postgres@127.0.0.1. make bench ARGS="import" runs the ones so named.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from services import find_postgresql

ROOT = Path(__file__).resolve().parent.parent


def main(words: Sequence[str]) -> int:
    scripts = sorted((ROOT / "benchmarks").glob("bench_*.py"))
    chosen = [s for s in scripts if not words or any(word in s.name for word in words)]
    if not chosen:
        names = ", ".join(s.stem.removeprefix("bench_") for s in scripts)
        print(f"There is no such benchmark. There are: {names}.")
        return 1
    if not (os.environ.get("BENCH_SERVER") or find_postgresql()):
        print("The benchmarks need PostgreSQL: start it, or name it in BENCH_SERVER.")
        return 1
    failed = []
    for script in chosen:
        print(f"\n=== {script.stem.removeprefix('bench_')}", flush=True)
        if subprocess.call((sys.executable, str(script)), cwd=ROOT) != 0:
            failed.append(script.stem)
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
