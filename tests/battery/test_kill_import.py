"""An import that is killed again and again ends with the rows of one that was not.

A real ``manage.py import_orders`` is killed by kill -9 in the middle of its work and
started again on the same file, until it comes to the end. A second database gets the same
file undisturbed, and both have to hold the same members, orders, points and tags.
"""

from __future__ import annotations

import csv
import json
import os
import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.battery.figures import report
from tests.battery.running import Database, run, started

pytestmark = pytest.mark.battery

SEED = 20260302
KILLS = 5
MEMBERS, ORDERS = (
    (20_000, 200_000) if os.environ.get("BATTERY") == "full" else (4000, 20_000)
)
BAD_ROWS = 20
LIMIT_SECONDS = 300.0
HEAD = ("order_id", "member_id", "phone", "placed_at", "total", "status", "sku", "quantity")

PHONE = "JOIN members_identifier p ON p.kind = 'phone' AND p.member_id = {owner} "
# What a file leaves behind, told without the numbers that a database gives by itself.
QUESTIONS = {
    "members": (
        "SELECT p.value, m.state, m.name, m.follows_oa FROM members_member m "
        + PHONE.format(owner="m.id")
    ),
    "orders": (
        "SELECT o.source, o.external_id, p.value, o.channel, o.status, o.placed_at, "
        "o.placed_on, o.total, o.currency FROM activities_order o "
        + PHONE.format(owner="o.member_id")
    ),
    "lines": (
        "SELECT o.external_id, l.position, l.sku, l.quantity, l.total "
        "FROM activities_orderline l JOIN activities_order o ON o.id = l.order_id"
    ),
    "summaries": (
        "SELECT p.value, s.first_order_on, s.last_order_on, s.last_order_at, s.num_orders, "
        "s.spend FROM activities_purchasesummary s " + PHONE.format(owner="s.member_id")
    ),
    "transfers": (
        "SELECT o.external_id, p.value, t.kind, t.amount, t.happened_at, t.source_type, "
        "t.rule_version, f.kind FROM points_transfer t "
        "JOIN activities_order o ON t.key = 'order:' || o.id || ':per-amount' "
        "JOIN points_account f ON f.id = t.from_account_id "
        "JOIN points_account g ON g.id = t.to_account_id "
        + PHONE.format(owner="g.member_id")
    ),
    "lots": (
        "SELECT o.external_id, p.value, l.amount, l.remaining, l.expires_on "
        "FROM points_lot l JOIN points_transfer t ON t.id = l.transfer_id "
        "JOIN activities_order o ON o.id = t.source_id "
        "JOIN points_account a ON a.id = l.account_id " + PHONE.format(owner="a.member_id")
    ),
    "balances": (
        "SELECT p.value, a.balance, a.version FROM points_account a "
        + PHONE.format(owner="a.member_id")
    ),
    "tags": (
        "SELECT p.value, g.code, x.source FROM members_membertag x "
        "JOIN members_tag g ON g.id = x.tag_id " + PHONE.format(owner="x.member_id")
    ),
}
ORDERS_WITHOUT_POINTS = """
    SELECT COUNT(*) FROM activities_order o WHERE o.status = 'completed' AND NOT EXISTS (
        SELECT 1 FROM points_transfer t WHERE t.key = 'order:' || o.id || ':per-amount'
    )
"""
TABLES = {
    True: "SELECT name FROM sqlite_master WHERE type = 'table'",
    False: "SELECT tablename FROM pg_tables WHERE schemaname = 'public'",
}


def write_file(path: Path) -> None:
    """Write orders of two groups of members: told by code and phone, or by phone alone."""
    chance = random.Random(SEED)
    # Nobody is so near to the campaign's last day that midnight could pass over them.
    ages = [*range(1, 30), *range(60, 300)]
    today = datetime.now(UTC).replace(hour=5, minute=0, second=0, microsecond=0)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(HEAD)
        for number in range(ORDERS):
            buyer = chance.randrange(MEMBERS)
            code = f"KH{buyer}" if buyer % 5 else ""
            placed_at = today - timedelta(days=chance.choice(ages), minutes=number % 600)
            status = "cancelled" if chance.random() < 0.02 else "completed"
            phone, when = f"09{10_000_000 + buyer}", placed_at.isoformat()
            for line in range(1 + (number % 10 == 0)):
                total = chance.randrange(15, 400) * 1000
                row = (f"HD{number}", code, phone, when, total, status, f"SP{line}", 1)
                rows.writerow(row)
            if number % (ORDERS // BAD_ROWS) == 7:
                rows.writerow(
                    (f"BAD{number}", "KH1", phone, "31/31/2026", 1000, "", "", "")
                )


class Import:
    """The command as a process, and what stands in its database meanwhile."""

    def __init__(
        self, database: Database, file: Path, program: Sequence[str] = ("manage.py",)
    ) -> None:
        self.database = database
        self.file = file
        self.program = program
        self.rejects = file.with_name(f"rejects-{database.url[-1]}.csv")

    @property
    def command(self) -> list[str]:
        options = ["--create-members", "--json", "--reject-file", str(self.rejects)]
        return [*self.program, "import_orders", str(self.file), *options]

    def num_orders(self) -> int:
        return self.database.count("activities_order")

    def kill_after(self, orders: int, pause: float) -> bool:
        """Start, and kill when so many orders stand; False when it was done before."""
        deadline = time.monotonic() + LIMIT_SECONDS
        with started(self.database, *self.command) as process:
            while process.is_running() and self.num_orders() < orders:
                assert time.monotonic() < deadline, "the import stands still"
                time.sleep(0.02)
            time.sleep(pause)
            was_running = process.is_running()
            if not was_running:
                process.finish(0)
        return was_running

    def finish(self) -> dict[str, Any]:
        return dict(json.loads(run(self.database, *self.command)))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "orders.csv"
    write_file(path)
    return path


def set_up(database: Database, file: Path, *program: str) -> Import:
    run(database, "manage.py", "setup_programme")
    return Import(database, file, program or ("manage.py",))


def contents(database: Database, question: str) -> list[str]:
    return sorted(repr(row) for row in database.ask(question))


def sizes(database: Database) -> dict[str, int]:
    """Count the rows of every table there is."""
    names = sorted(name for (name,) in database.ask(TABLES[database.is_sqlite]))
    return {name: database.count(name) for name in names}


def test_ends_with_the_same_rows_as_if_nothing_had_happened(
    scratch: Callable[[], Database], file: Path
) -> None:
    chance = random.Random(SEED)
    killed, undisturbed = set_up(scratch(), file), set_up(scratch(), file)
    stood: list[int] = []

    began = time.monotonic()
    for _ in range(KILLS):
        # One more order is one more chunk; the pause puts the kill anywhere within it.
        if killed.kill_after(killed.num_orders() + 1, chance.uniform(0, 0.4)):
            stood.append(killed.num_orders())
    last = killed.finish()
    seconds = time.monotonic() - began
    whole = undisturbed.finish()

    differing = [
        name
        for name, question in QUESTIONS.items()
        if contents(killed.database, question) != contents(undisturbed.database, question)
    ]
    report(
        "Import under kill -9",
        seed=SEED,
        orders=ORDERS,
        members=MEMBERS,
        kills=len(stood),
        orders_at_each_kill=" ".join(map(str, stood)),
        seconds=round(seconds, 1),
        violations=len(differing),
    )
    assert differing == []
    assert killed.database.ask(ORDERS_WITHOUT_POINTS) == [(0,)]
    assert sizes(killed.database) == sizes(undisturbed.database)
    assert killed.rejects.read_text() == undisturbed.rejects.read_text()
    assert last["new"] + last["known"] == whole["new"] == ORDERS
    assert last["rejected"] == whole["rejected"] == BAD_ROWS
    for one in (killed, undisturbed):
        assert json.loads(run(one.database, "manage.py", "verify_ledger", "--json"))["ok"]
        assert one.database.count("points_transfer") > ORDERS * 0.9
        assert one.database.count("members_membertag") > MEMBERS * 0.2
    # Killed when all was done, or before anything was, it would prove nothing.
    assert len([orders for orders in stood if 0 < orders < ORDERS]) >= 2


def test_control_without_transactions_a_kill_costs_points(
    scratch: Callable[[], Database], file: Path
) -> None:
    """Orders that stand without their points are known for ever, and give none."""
    careless = set_up(scratch(), file, "-m", "tests.battery.careless_import")

    kills = 0
    for _ in range(3):
        kills += careless.kill_after(careless.num_orders() + 1, 0)
    careless.finish()

    orders, transfers = careless.num_orders(), careless.database.count("points_transfer")
    without = int(careless.database.ask(ORDERS_WITHOUT_POINTS)[0][0])
    report(
        "Import control: no transactions",
        kills=kills,
        orders=orders,
        transfers=transfers,
        orders_without_their_points=without,
    )
    assert without > 0
