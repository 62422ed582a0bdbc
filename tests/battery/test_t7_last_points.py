"""T7, the last points: of two hundred who want them at once exactly one gets them.

Forty connections of eight processes begin each round together (twenty of four on SQLite,
whose writers wait for each other by looking again after a while). The control takes locks,
guarded statements and constraints away and must show what they are for.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from tests.battery.figures import report
from tests.battery.running import Database, run
from tests.battery.storm import Plan
from tests.battery.unguarded import drop_constraints

pytestmark = pytest.mark.battery

TRIES = 200
ROUNDS = 20
AMOUNT = 10


class Storm:
    """One storm on a scratch database, and what is left behind it."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.folder = folder

    def prepare(self, members: int, points: int) -> list[int]:
        command = ("-m", "tests.battery.prepare_bank", str(members), str(points))
        return list(json.loads(run(self.database, *command)))

    def blow(self, plan: Plan, **more: str) -> list[dict[str, Any]]:
        if self.database.is_sqlite:
            plan = replace(plan, processes=4)
        began = time.monotonic()
        told = json.dumps(asdict(plan))
        command = ("-m", "tests.battery.storm", told, str(self.folder))
        rounds = list(json.loads(run(self.database, *command, **more)))
        self.seconds = time.monotonic() - began
        self.connections = plan.crowd
        return rounds

    def written(self, kind: str) -> list[str]:
        rows = self.database.ask(f"SELECT key FROM points_transfer WHERE kind = '{kind}'")
        return sorted(key for (key,) in rows)

    def balances(self) -> set[int]:
        rows = self.database.ask("SELECT balance FROM points_account WHERE kind = 'member'")
        return {int(balance) for (balance,) in rows}

    def is_proven(self) -> bool:
        return bool(
            json.loads(run(self.database, "manage.py", "verify_ledger", "--json"))["ok"]
        )

    def tell(self, test: str, rounds: Sequence[dict[str, Any]], wanted: int) -> None:
        winners = [len(one["won"]) for one in rounds]
        report(
            test,
            rounds=len(rounds),
            tries=sum(len(one["won"]) + one["refused"] for one in rounds),
            connections=self.connections,
            winners_wanted=wanted,
            winners=f"{min(winners)}–{max(winners)}",
            faults=sum(sum(one["faults"].values()) for one in rounds),
            seconds=round(self.seconds, 1),
            violations=sum(number != wanted for number in winners),
        )


@pytest.fixture
def storm(scratch: Callable[[], Database], tmp_path: Path) -> Storm:
    return Storm(scratch(), tmp_path)


def winners(rounds: Sequence[dict[str, Any]]) -> list[str]:
    return sorted(key for one in rounds for key in one["won"])


def outcome(rounds: Sequence[dict[str, Any]]) -> set[tuple[int, int, int]]:
    """Return how many won, were refused and failed, over all rounds."""
    return {
        (len(one["won"]), one["refused"], sum(one["faults"].values())) for one in rounds
    }


def test_the_last_points_are_spent_once(storm: Storm) -> None:
    members = storm.prepare(ROUNDS, AMOUNT)

    rounds = storm.blow(Plan("spend", members, TRIES, AMOUNT))

    storm.tell("T7 last points", rounds, 1)
    assert outcome(rounds) == {(1, TRIES - 1, 0)}
    assert storm.written("spend") == winners(rounds)
    assert storm.balances() == {0}
    assert storm.is_proven()


def test_fifty_times_the_amount_is_spent_fifty_times(storm: Storm) -> None:
    members = storm.prepare(1, 50 * AMOUNT)

    rounds = storm.blow(Plan("spend", members, 1000, AMOUNT))

    storm.tell("T7 fifty of a thousand", rounds, 50)
    assert outcome(rounds) == {(50, 950, 0)}
    assert storm.written("spend") == winners(rounds)
    assert storm.balances() == {0}
    assert storm.is_proven()


def test_a_transfer_is_taken_back_once(storm: Storm) -> None:
    storm.prepare(5, AMOUNT)
    given = storm.database.ask("SELECT id FROM points_transfer WHERE kind = 'opening'")

    rounds = storm.blow(Plan("reverse", [int(pk) for (pk,) in given], TRIES))

    storm.tell("T7 taken back", rounds, 1)
    assert outcome(rounds) == {(1, TRIES - 1, 0)}
    assert storm.written("reverse") == winners(rounds)
    assert storm.balances() == {0}
    assert storm.is_proven()


@pytest.mark.postgresql
def test_control_without_guards_many_spend_the_same(storm: Storm) -> None:
    drop_constraints(storm.database)
    members = storm.prepare(3, AMOUNT)

    rounds = storm.blow(Plan("spend", members, TRIES, AMOUNT), GUARDS_OFF="1")

    storm.tell("T7 control: guards off", rounds, 1)
    assert max(len(one["won"]) for one in rounds) > 1
    assert len(storm.written("spend")) == len(winners(rounds))
