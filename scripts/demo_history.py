"""Replay a purchase history in a database of its own, and show what comes of it.

    make demo-history FILE=orders.csv.gz
    make demo-history FILE=orders.csv.gz ARGS="--currency VND --amount-per-point 10000"
    make demo-history FILE=orders.csv.gz ARGS="--come-back-percent 4 --seed 7"

The file has the columns order_id, member_id, placed_at and total. Every member is given a
phone and consent, and every third a Zalo id that follows the Official Account, so that
the come-back campaign has somebody to write to. Nothing is sent anywhere.

Nobody in a history has ever read a message, so it shows no lift. ``--come-back-percent``
lets one be seen: the come-back journey begins thirty days before the end of the history,
and so many of a hundred members whom it reaches make one purchase that is MADE UP (source
"made-up"; the hold-out group buys what the history says). The truth is printed beside what
the result page says.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DATABASE = ROOT / "var" / "demo-history.sqlite3"
# As long as the journey's goal is watched.
WINDOW = timedelta(days=30)


class Failed(Exception):
    """A step did not work; the text says which and why."""


def main() -> int:
    options = _options()
    if not options.file or not Path(options.file).exists():
        print(
            "Name the file with the history: make demo-history FILE=orders.csv.gz "
            "(columns order_id, member_id, placed_at, total)."
        )
        return 1
    try:
        replay(options)
    except Failed as error:
        print(error)
        return 1
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", default="")
    parser.add_argument("--currency", default="USD")
    parser.add_argument("--amount-per-point", default="1")
    parser.add_argument("--at", help="the day to look from; without it the last one")
    parser.add_argument("--database", help="an empty database of your own (DATABASE_URL)")
    parser.add_argument(
        "--come-back-percent",
        type=float,
        help="make up purchases of so many of a hundred whom the journey reaches",
    )
    parser.add_argument("--seed", type=int, default=1, help="which of them, and when")
    return parser.parse_args()


def replay(options: argparse.Namespace) -> None:
    manage = _Manager(options.database or _empty_scratch())
    members, last_day = read_history(Path(options.file))
    at = options.at or last_day
    manage.quietly("migrate", "-v0")
    manage.quietly(
        *("setup_programme", "--currency", options.currency),
        *("--amount-per-point", options.amount_per_point),
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "members.csv"
        write_members(path, members)
        manage.show("members in", "import_members", str(path))
    if options.come_back_percent is not None:
        replay_with_lift(manage, options, last_day)
        return
    manage.show("orders in", "import_orders", options.file)
    manage.show("the same file again", "import_orders", options.file)
    manage.show("the ledger", "verify_ledger")
    for code in ("recent-45", "come-back", "come-back"):
        manage.show(f"{code} on {at}", "run_campaign", code, "--at", at)
    manage.show(f"leftovers on {at}", "run_campaign", "leftovers", "--at", at, "--dry-run")
    _say_where(manage)


def replay_with_lift(manage: _Manager, options: argparse.Namespace, last_day: str) -> None:
    """Let the journey run through the last days of the history, with made-up returns."""
    start = options.at or f"{date.fromisoformat(last_day) - WINDOW}"
    with tempfile.TemporaryDirectory() as folder:
        before = Path(folder) / "before.csv"
        write_history_until(Path(options.file), start, before)
        manage.show(f"orders until {start}", "import_orders", str(before))
    manage.show(
        f"the journey from {start}",
        *("replay_journey", options.file, "--start", start),
        *("--come-back-percent", f"{options.come_back_percent:g}"),
        *("--seed", str(options.seed)),
    )
    manage.show("the file once more", "import_orders", options.file)
    manage.show("the ledger", "verify_ledger")
    print(
        "\nPurchases of the source “made-up” are invented; made_up_share and "
        "made_up_revenue are what the result page has to find."
    )
    _say_where(manage)


def _say_where(manage: _Manager) -> None:
    print(f"\nThe database is {manage.url}; look at it with DATABASE_URL set to that.")


def _empty_scratch() -> str:
    DATABASE.parent.mkdir(exist_ok=True)
    for path in DATABASE.parent.glob(f"{DATABASE.name}*"):
        path.unlink()
    return f"sqlite:///{DATABASE}"


class _Manager:
    """Runs management commands on the scratch database."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._environment = {**os.environ, "DATABASE_URL": url, "LOG_LEVEL": "WARNING"}

    def quietly(self, *arguments: str) -> str:
        done = subprocess.run(
            (sys.executable, "manage.py", *arguments),
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            reason = (done.stderr or done.stdout).strip().splitlines()
            raise Failed(f"{arguments[0]} failed: {reason[-1] if reason else '?'}")
        return done.stdout

    def show(self, title: str, *arguments: str) -> None:
        print(f"{title:<28}", end=" ", flush=True)
        started = time.monotonic()
        found = json.loads(self.quietly(*arguments, "--json").splitlines()[-1])
        seconds = time.monotonic() - started
        print(f"{seconds:7.1f} s  {_in_words(found)}", flush=True)


def _in_words(found: dict[str, Any]) -> str:
    """Return what a command counted, leaving out what is nothing."""
    return ", ".join(
        f"{name} {json.dumps(value, ensure_ascii=False)}"
        for name, value in found.items()
        if value not in (0, "", None, [], {})
    )


def read_history(path: Path) -> tuple[list[str], str]:
    """Return the members of a history in order of appearance, and its last day."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or not {"member_id", "placed_at"} <= rows[0].keys():
        raise Failed(f"{path.name} has no columns member_id and placed_at.")
    members = dict.fromkeys(row["member_id"] for row in rows)
    return list(members), max(row["placed_at"][:10] for row in rows)


def write_history_until(path: Path, last_day: str, target: Path) -> None:
    """Write the part of a history that lies up to a day, that day included."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", newline="") as file, target.open("w", newline="") as out:
        reader = csv.DictReader(file)
        writer = csv.DictWriter(out, fieldnames=reader.fieldnames or [])
        writer.writeheader()
        writer.writerows(row for row in reader if row["placed_at"][:10] <= last_day)


def write_members(path: Path, members: list[str]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["member_id", "phone", "zalo_user_id", "follows_oa", "consent"])
        for number, member in enumerate(members):
            follows = number % 3 == 0
            zalo = f"{9_000_000_000_000_000_000 + number}" if follows else ""
            phone = f"09{number:08}"
            writer.writerow([member, phone, zalo, "yes" if follows else "", "yes"])


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
