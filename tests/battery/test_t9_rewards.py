"""T9 for rewards and vouchers: a rival comes exactly before each statement of a verb.

As for the ledger: whatever two verbs come to when they meet, one of the two orders in which
nobody meets has to explain it, points, stock, limits, codes and states together.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.battery.running import Database
from tests.battery.test_t9_interleavings import meet, tell
from tests.battery.tiers import size
from tests.battery.unguarded import drop_constraints

pytestmark = [pytest.mark.battery, pytest.mark.postgresql]

SCENES = "tests.battery.reward_scenes"
USES = ("use", "use elsewhere")
FEW = [
    USES,
    ("use given", "cancel"),
    ("use held", "time out"),
    ("pay", "cancel unpaid"),
]
# Of these only `make battery` asks; each group is one test of a few minutes.
GROUPS = {
    "redemptions": [
        ("redeem", "redeem by binh"),
        ("redeem", "cancel"),
        ("redeem by binh", "cancel"),
        ("pay", "lapse unpaid"),
    ],
    "codes": [
        ("use", "disable"),
        ("use", "switch off"),
        ("use", "use by binh"),
        ("hold", "hold another"),
        ("hold", "use"),
        ("roll back", "use the used"),
    ],
    "holds and orders": [
        ("use held", "release"),
        ("use held", "disable held"),
        ("order", "time out"),
        ("order", "release"),
        ("order of the used", "roll back"),
        ("order of the free", "use"),
        ("order of the free", "hold"),
        ("order and refund", "use held"),
    ],
    "merges": [
        ("merge", "redeem"),
        ("merge", "use"),
        ("merge", "order"),
        ("merge the other way", "redeem by binh"),
    ],
}
# A flag that nobody locks; a count that is looked at before a row is wanted, twice.
ONLY_LOOK = {
    frozenset({"use held", "disable held"}),
    frozenset({"use", "switch off"}),
    frozenset({"roll back", "use the used"}),
}


def meet_both_ways(
    scratch: Callable[[], Database], pairs: list[tuple[str, str]], name: str
) -> None:
    """Let each of a pair be the rival of the other; every outcome has to be explained."""
    both = [order for one, other in pairs for order in ((one, other), (other, one))]
    began = time.monotonic()

    # A database for each pair: what the clock brings is there for one scene only.
    groups = [[pair] for pair in both] if size(0, 1) else [both]
    told: dict[str, dict] = {}
    for group in groups:
        found = meet(scratch(), group, SCENES=SCENES)
        assert found.pop("differences") == []
        told |= found

    tell(f"T9 rewards: {name}", told, time.monotonic() - began)
    strange = {pair: one["unexplained"] for pair, one in told.items() if one["unexplained"]}
    assert strange == {}
    # Who never waits never met, but for those who read what is committed and go.
    waited = {frozenset(pair.split(" / ")) for pair, one in told.items() if one["waited"]}
    assert {frozenset(pair) for pair in pairs} - waited <= ONLY_LOOK


def test_rivals_at_every_statement_leave_what_an_order_leaves(
    scratch: Callable[[], Database],
) -> None:
    meet_both_ways(scratch, FEW, "last use")


@pytest.mark.skipif(not size(0, 1), reason="make battery lets more of them meet")
@pytest.mark.parametrize("name", GROUPS)
def test_more_rivals(scratch: Callable[[], Database], name: str) -> None:
    meet_both_ways(scratch, GROUPS[name], name)


def test_control_without_guards_no_order_explains_it(
    scratch: Callable[[], Database],
) -> None:
    database = scratch()
    drop_constraints(database)
    began = time.monotonic()

    told = meet(database, [USES], SCENES=SCENES, GUARDS_OFF="scarce")

    told.pop("differences")
    tell("T9 control: rewards unguarded", told, time.monotonic() - began)
    assert any(one["unexplained"] for one in told.values())
