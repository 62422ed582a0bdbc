"""T3, the refund storm: what was redeemed comes back once, however many ask at once.

Every redemption is refunded twice at the same moment; and a crowd takes parts of the same
transfers back. Without the count of what was taken back, more returns than ever moved.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.battery.figures import report
from tests.battery.running import Database, run
from tests.battery.storm import Plan
from tests.battery.test_t7_last_points import Storm, outcome
from tests.battery.tiers import size
from tests.battery.unguarded import drop_constraints

pytestmark = pytest.mark.battery

MEMBERS = 50
WORKERS, REDEMPTIONS = size(8, 64), size(320, 5056)
MOVED, PART, TRIES = 100, 9, 40
MOST = MOVED // PART


@pytest.fixture
def storm(scratch: Callable[[], Database], tmp_path: Path) -> Storm:
    return Storm(scratch(), tmp_path)


def test_each_redemption_is_refunded_once(storm: Storm) -> None:
    members = storm.prepare(MEMBERS, REDEMPTIONS)
    # SQLite's writers wait for each other by looking again; a crowd would starve some.
    workers = min(WORKERS, 8) if storm.database.is_sqlite else WORKERS
    began = time.monotonic()

    command = ("-m", "tests.battery.refund_twice", str(workers), str(REDEMPTIONS))
    told = run(storm.database, *command, json.dumps(members), str(storm.folder))

    tally = json.loads(told)
    wanted = REDEMPTIONS // workers * workers
    report(
        "T3 refunded twice",
        workers=workers,
        **tally,
        seconds=round(time.monotonic() - began, 1),
        violations=abs(tally["done"] - wanted),
    )
    assert tally == {"redeemed": wanted, "done": wanted, "refused": wanted}
    assert storm.database.count("points_transfer WHERE kind = 'reverse'") == wanted
    assert storm.balances() == {REDEMPTIONS}
    assert storm.is_proven()


def take_parts(storm: Storm, transfers: int, guards_off: str = "") -> list[int]:
    """Let a crowd take parts of the same transfers back; return what each gave in all."""
    storm.prepare(transfers, MOVED)
    given = storm.database.ask("SELECT id FROM points_transfer WHERE kind = 'opening'")
    if guards_off:
        # Where debt is allowed nothing else stops it.
        drop_constraints(storm.database)
        with psycopg.connect(storm.database.url) as server:
            server.execute("UPDATE points_account SET may_go_negative = true")
    plan = Plan("part", [int(pk) for (pk,) in given], TRIES, PART)
    name = "T3 parts" + (" control: count off" if guards_off else "")

    rounds = storm.blow(plan, GUARDS_OFF=guards_off)

    storm.tell(name, rounds, MOST)
    if not guards_off:
        assert outcome(rounds) == {(MOST, TRIES - MOST, 0)}
    taken = storm.database.ask(
        "SELECT SUM(amount) FROM points_transfer WHERE reverses_id IS NOT NULL "
        "GROUP BY reverses_id"
    )
    return [int(amount) for (amount,) in taken]


def test_parts_never_add_up_to_more_than_was_moved(storm: Storm) -> None:
    assert set(take_parts(storm, 3)) == {MOST * PART}
    assert storm.balances() == {MOVED - MOST * PART}
    assert storm.is_proven()


@pytest.mark.postgresql
def test_control_without_the_count_more_comes_back(storm: Storm) -> None:
    assert max(take_parts(storm, 2, guards_off="count")) > MOVED
