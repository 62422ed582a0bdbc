"""T1, the bank: clients move points at random while they are killed; nothing gets lost.

Eight client processes earn, spend, adjust, give away, reserve, capture, release, hold,
mature, take back (also in parts) and expire the points of twenty members. One of them
dies by kill -9 every half second, and on PostgreSQL the server ends connections in the
middle of their work. Who comes back sends its open operation again.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.battery.bank import OBSERVER, SABOTEUR
from tests.battery.bank_checker import Checker, Verdict
from tests.battery.figures import report
from tests.battery.harness import Fleet, fleet, read_history
from tests.battery.running import Database, run
from tests.battery.unguarded import drop_constraints

pytestmark = pytest.mark.battery

SEED = 20260302
KILL_EVERY = 0.5
LIMIT_SECONDS = 200.0
CLIENTS, OPERATIONS = (32, 1000) if os.environ.get("BATTERY") == "full" else (8, 200)


@dataclass
class Run:
    """What was done to the clients."""

    seconds: float = 0.0
    kills: int = 0


def play(
    database: Database,
    folder: Path,
    *,
    clients: int = CLIENTS,
    operations: int = OPERATIONS,
    members: int = 20,
    kill: bool = True,
    **more: str,
) -> Run:
    """Let clients work until all are done, killing one every half second."""
    prepared = run(database, "-m", "tests.battery.prepare_bank", str(members), "100")
    plan = {"seed": SEED, "operations": operations, "members": json.loads(prepared)}
    (folder / "plan.json").write_text(json.dumps(plan))
    done = Run()
    with fleet(database, folder, "tests.battery.bank", **more) as processes:
        for number in (OBSERVER, *range(clients)):
            processes.start(number)
        if kill and not database.is_sqlite:
            processes.start(SABOTEUR)
        began = time.monotonic()
        wait(processes, done, kill=kill)
        done.seconds = time.monotonic() - began
    return done


def wait(processes: Fleet, done: Run, *, kill: bool) -> None:
    chance = random.Random(SEED)
    deadline = time.monotonic() + LIMIT_SECONDS
    while busy := [number for number in processes.busy() if number >= 0]:
        assert time.monotonic() < deadline, "the clients were not done in time"
        time.sleep(KILL_EVERY)
        victim = chance.choice(busy)
        if kill and victim in processes.busy():
            processes.kill(victim)
            processes.start(victim)
            done.kills += 1


def tell(test: str, verdict: Verdict, done: Run, folder: Path) -> None:
    report(
        test,
        seed=SEED,
        operations=verdict.counts["operations"],
        acknowledged=verdict.counts["ok"],
        refused=verdict.counts["fail"],
        sent_again=verdict.counts["resent"],
        clients_killed=done.kills,
        connections_ended=len(read_history(folder / "sabotage.history")),
        snapshots=verdict.counts["snapshots"],
        seconds=round(done.seconds, 1),
        violations=verdict.num_violations,
    )


def test_kills_lose_nothing_and_double_nothing(
    scratch: Callable[[], Database], tmp_path: Path
) -> None:
    database = scratch()

    done = play(database, tmp_path)

    verdict = Checker(database, tmp_path, CLIENTS).judge()
    tell("T1 bank", verdict, done, tmp_path)
    assert verdict.violations == {}
    assert verdict.counts["operations"] == CLIENTS * OPERATIONS
    assert json.loads(run(database, "manage.py", "verify_ledger", "--json"))["ok"]
    if database.is_sqlite:
        assert database.ask("PRAGMA integrity_check") == [("ok",)]
    # A run without faults, refusals or reading would prove little.
    assert done.kills >= 5
    assert verdict.counts["snapshots"] >= 50
    assert verdict.counts["fail"] >= 50
    if not database.is_sqlite:
        assert read_history(tmp_path / "sabotage.history")


@pytest.mark.postgresql
def test_control_without_guards_points_appear_from_nowhere(
    scratch: Callable[[], Database], tmp_path: Path
) -> None:
    """SQLite's writers follow each other, so there the mistake does not show."""
    database = scratch()
    drop_constraints(database)

    done = play(database, tmp_path, operations=40, members=4, kill=False, GUARDS_OFF="1")

    verdict = Checker(database, tmp_path, CLIENTS).judge()
    tell("T1 control: guards off", verdict, done, tmp_path)
    assert verdict.violations["wrong balance"]
    assert verdict.violations["wrong total"]
