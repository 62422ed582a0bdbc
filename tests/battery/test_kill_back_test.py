"""A back-test that is killed again and again comes to the numbers of one that was not.

A real worker process is killed by kill -9 in the middle of its chunks, and another one goes
on, until it is done. The same orders are tested undisturbed in the same database.
"""

from __future__ import annotations

import csv
import json
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.battery.figures import report
from tests.battery.running import Database, run, started

pytestmark = pytest.mark.battery

SEED = 20260302
ORDERS, MEMBERS, KILLS = 4000, 300, 4
LIMIT_SECONDS = 240.0
WORKER = ("-m", "tests.battery.work_on_back_test")

RULES = """
from points.models import EarnCap, EarnRule, Wallet
rule = EarnRule.objects.get(code="per-amount")
EarnCap.objects.create(rule=rule, limit=40, unit="points", period="month")
EarnRule.objects.create(code="extra", name="Thêm", wallet=rule.wallet, method="extra",
                        points=3, budget=5000)
"""
ASK = """
from datetime import date, timedelta
from django.utils import timezone
from points.backtests import ask_back_test
today = timezone.localdate()
test = ask_back_test(first_day=today - timedelta(days=400), last_day=today, by="battery",
                     at=timezone.now())
print("NUMBER", test.pk)
"""
MEMBER_SUMS = """
SELECT wallet_id, member_id, points_before, points_after, points_given
FROM points_backtestmember WHERE back_test_id = {0} ORDER BY wallet_id, member_id
"""
LEFT_OVERS = """
SELECT (SELECT COUNT(*) FROM points_backtestorder),
  (SELECT COUNT(*) FROM points_backtestuse)
"""


def write_file(path: Path) -> None:
    chance = random.Random(SEED)
    today = datetime.now(UTC).replace(hour=5, minute=0, second=0, microsecond=0)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("order_id", "phone", "placed_at", "total"))
        for number in range(ORDERS):
            phone = f"09{10_000_000 + chance.randrange(MEMBERS)}"
            # Whole days: many orders of one moment are told apart by their number.
            when = (today - timedelta(days=chance.randrange(1, 300))).isoformat()
            rows.writerow((f"HD{number}", phone, when, chance.randrange(15, 400) * 1000))


@pytest.fixture
def database(scratch: Callable[[], Database], tmp_path: Path) -> Database:
    database, file = scratch(), tmp_path / "orders.csv"
    write_file(file)
    run(database, "manage.py", "setup_programme")
    run(database, "manage.py", "import_orders", str(file), "--create-members", "--json")
    run(database, "manage.py", "shell", "-c", RULES)
    return database


def ask(database: Database) -> int:
    return int(run(database, "manage.py", "shell", "-c", ASK).split("NUMBER")[1])


def column(database: Database, test: int, name: str) -> Any:
    return database.ask(f"SELECT {name} FROM points_backtest WHERE id = {test}")[0][0]


def kill_after(database: Database, test: int, done: int, pause: float) -> int:
    """Start a worker, and kill it when so many orders are done; returns how many are."""
    deadline = time.monotonic() + LIMIT_SECONDS
    with started(database, *WORKER, str(test)) as worker:
        while worker.is_running() and column(database, test, "num_done") < done:
            assert time.monotonic() < deadline, "the worker stands still"
            time.sleep(0.01)
        time.sleep(pause)
    return int(column(database, test, "num_done"))


def killed_often(database: Database) -> tuple[int, list[int]]:
    """Kill workers at one test until it has seen enough, then let one finish it."""
    test, chance, stood = ask(database), random.Random(SEED), [0]
    for _ in range(KILLS):
        pause = chance.uniform(0, 0.15)
        stood.append(kill_after(database, test, stood[-1] + 1, pause))
    run(database, *WORKER, str(test))
    return test, stood[1:]


def outcome(database: Database, test: int) -> tuple[Any, list[Any]]:
    assert column(database, test, "state") == "done", column(database, test, "error")
    result = column(database, test, "result")
    told = json.loads(result) if isinstance(result, str) else result
    return told, database.ask(MEMBER_SUMS.format(test))


def test_ends_with_the_same_numbers_as_if_nothing_had_happened(database: Database) -> None:
    transfers = database.count("points_transfer")
    test, stood = killed_often(database)
    undisturbed = ask(database)
    run(database, *WORKER, str(undisturbed))

    killed, whole = outcome(database, test), outcome(database, undisturbed)
    report(
        "Back-test under kill -9",
        seed=SEED,
        orders=ORDERS,
        kills=len(stood),
        orders_at_each_kill=" ".join(map(str, stood)),
        points=" ".join(map(str, whole[0]["wallets"][0]["points"])),
        violations=int(killed != whole),
    )
    assert killed == whole
    assert whole[0]["orders"] == ORDERS
    assert database.ask(LEFT_OVERS) == [(0, 0)]
    assert database.count("points_transfer") == transfers
    # Killed when all was done, or before anything was, it would prove nothing.
    assert len({orders for orders in stood if 0 < orders < ORDERS}) >= 3
