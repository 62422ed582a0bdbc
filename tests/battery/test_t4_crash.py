"""T4, a crash at every point: killed at any statement, a verb is done never or once.

``make battery`` tries every verb and both sides of every statement; ``make test`` a few
verbs, before each statement and before the commit.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from tests.battery.figures import report
from tests.battery.running import Database, run
from tests.battery.tiers import size

pytestmark = pytest.mark.battery

GROUPS = {
    "giving": ["grant", "adjust", "hold", "mature", "deliver", "buy"],
    "spending": ["spend", "gift", "reserve", "expire"],
    "tills": ["capture", "capture part", "release", "time out"],
    "taking back": ["refund spent", "refund part", "refund earned", "refund held"],
    "orders": ["buy and refund"],
}
FEW = {"few verbs": ["gift", "capture part"]}
IS_SMALL = bool(size(1, 0))


def crash(database: Database, verbs: list[str], **more: str) -> dict[str, dict]:
    told = json.loads(run(database, "-m", "tests.battery.crash", json.dumps(verbs), **more))
    assert told["differences"] == []
    return dict(told["verbs"])


@pytest.mark.parametrize("group", FEW if IS_SMALL else GROUPS)
def test_killed_anywhere_a_verb_is_done_never_or_once(
    scratch: Callable[[], Database], group: str
) -> None:
    began = time.monotonic()
    more = {} if IS_SMALL else {"BOTH_SIDES": "1"}

    # A database for each verb: what the clock brings is there for one scene only.
    runs = [FEW[group]] if IS_SMALL else [[verb] for verb in GROUPS[group]]
    told: dict[str, dict] = {}
    for verbs in runs:
        told |= crash(scratch(), verbs, **more)

    report(
        f"T4 crash at every point: {group}",
        verbs=len(told),
        statements=sum(one["statements"] for one in told.values()),
        kills=sum(one["kills"] for one in told.values()),
        never=sum(one["never"] for one in told.values()),
        once=sum(one["once"] for one in told.values()),
        seconds=round(time.monotonic() - began, 1),
        violations=sum(len(one["wrong"]) for one in told.values()),
    )
    assert {verb: one["wrong"] for verb, one in told.items() if one["wrong"]} == {}
    assert min(one["kills"] for one in told.values()) >= 5
