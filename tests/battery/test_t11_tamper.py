"""T11, tamper detection: whatever is changed in a sealed ledger, its transfer is named.

Each trial goes past the triggers (by the file on SQLite, as a superuser on PostgreSQL),
changes one thing, and asks ``verify_ledger``: it must name exactly what was changed. The
control is the same proof without seals, to which most of it adds up all the same.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.battery.figures import report
from tests.battery.running import Database, run
from tests.battery.tiers import size

pytestmark = pytest.mark.battery

SEED = 20260302
TRIALS = size(93, 1000)
# Each round plays a history of its own.
TRIALS_OF_A_ROUND = 250


@pytest.fixture
def tampered(scratch: Callable[[], Database]) -> dict[str, Any]:
    """Tamper round after round and add up what came of it."""
    began = time.monotonic()
    rounds = [
        play(scratch(), min(TRIALS_OF_A_ROUND, TRIALS - start), SEED + start)
        for start in range(0, TRIALS, TRIALS_OF_A_ROUND)
    ]
    ways = [way for one in rounds for way in one["ways"].items()]
    sums = {
        name: sum(one[name] for one in rounds)
        for name in ("transfers", "seals", "rewritten", "found_by_head", "unnoticed")
    }
    return {
        **sums,
        **{n: sum(way[n] for _, way in ways) for n in ("trials", "named", "by_proofs")},
        "ways": len({name for name, _way in ways}),
        "wrong": [(name, way["wrong"]) for name, way in ways if way["wrong"]],
        "seconds": round(time.monotonic() - began, 1),
    }


def play(database: Database, trials: int, seed: int) -> dict[str, Any]:
    told = run(database, "-m", "tests.battery.tamper", str(trials), str(seed))
    return dict(json.loads(told))


def test_what_was_tampered_with_is_named(tampered: dict[str, Any]) -> None:
    report(
        "T11 tamper detection",
        **{name: tampered[name] for name in ("transfers", "seals", "ways", "trials")},
        named_exactly=tampered["named"],
        seed=SEED,
        seconds=tampered["seconds"],
        violations=tampered["trials"] - tampered["named"],
    )
    report(
        "T11 control: without seals",
        trials=tampered["trials"],
        unnoticed=tampered["trials"] - tampered["by_proofs"],
    )
    report(
        "T11 ledger and seals rewritten",
        trials=tampered["rewritten"],
        found_by_a_head_kept_outside=tampered["found_by_head"],
        unnoticed_without_it=tampered["unnoticed"],
        violations=tampered["rewritten"] - tampered["found_by_head"],
    )
    assert tampered["wrong"] == []
    assert tampered["named"] == tampered["trials"] == TRIALS
    assert 0 < tampered["by_proofs"] < TRIALS
    assert tampered["found_by_head"] == tampered["rewritten"] > 0
    assert tampered["unnoticed"] == tampered["rewritten"]
