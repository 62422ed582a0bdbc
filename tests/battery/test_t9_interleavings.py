"""T9, every interleaving: a rival comes exactly before each statement of a verb.

Whatever two verbs come to when they meet, one of the two orders in which nobody meets has
to explain it: the answers, the balances, every lot, hold, reservation and movement. The
control takes locks and conditions away, and then there are outcomes that neither explains.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from tests.battery.figures import report
from tests.battery.running import Database, run
from tests.battery.tiers import size
from tests.battery.unguarded import drop_constraints

pytestmark = [pytest.mark.battery, pytest.mark.postgresql]

FEW = [
    ("gift", "gift back"),
    ("capture", "release"),
    ("refund part", "refund other part"),
    ("merge", "spend"),
]
SPENDS = ("spend", "spend again")
MORE = [
    SPENDS,
    ("spend", "expire"),
    ("spend", "refund spent"),
    ("spend", "gift"),
    ("mature", "refund held"),
    ("reserve", "spend"),
    ("capture", "time out"),
    ("expire", "refund earned"),
    ("buy", "spend"),
    ("merge", "buy"),
    ("merge", "mature"),
    ("merge", "refund spent"),
    ("merge", "refund earned"),
    ("merge", "merge the other way"),
    ("merge and part", "spend"),
]


def meet(database: Database, pairs: list[tuple[str, str]], **more: str) -> dict[str, dict]:
    asked = json.dumps(pairs)
    told = json.loads(run(database, "-m", "tests.battery.interleave", asked, **more))
    return {**told["pairs"], "differences": told["differences"]}


def tell(test: str, told: dict[str, dict], seconds: float) -> None:
    report(
        test,
        pairs=len(told),
        meetings=sum(one["met"] for one in told.values()),
        waited=sum(one["waited"] for one in told.values()),
        seconds=round(seconds, 1),
        violations=sum(len(one["unexplained"]) for one in told.values()),
    )


def test_rivals_at_every_statement_leave_what_an_order_leaves(
    scratch: Callable[[], Database],
) -> None:
    pairs = [*FEW, *MORE] if size(0, 1) else FEW
    both = [order for one, other in pairs for order in ((one, other), (other, one))]
    began = time.monotonic()

    # A database for each pair: what the clock brings is there for one scene only.
    groups = [[pair] for pair in both] if size(0, 1) else [both]
    told: dict[str, dict] = {}
    for group in groups:
        found = meet(scratch(), group)
        assert found.pop("differences") == []
        told |= found

    tell("T9 interleavings", told, time.monotonic() - began)
    strange = {pair: one["unexplained"] for pair, one in told.items() if one["unexplained"]}
    assert strange == {}
    # Who never waits never met.
    assert all(one["waited"] for one in told.values())


def test_control_without_guards_no_order_explains_it(
    scratch: Callable[[], Database],
) -> None:
    database = scratch()
    drop_constraints(database)
    began = time.monotonic()

    told = meet(database, [SPENDS], GUARDS_OFF="all")

    assert told.pop("differences")
    tell("T9 control: guards off", told, time.monotonic() - began)
    assert any(one["unexplained"] for one in told.values())
