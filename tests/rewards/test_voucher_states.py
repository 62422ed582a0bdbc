"""Every verb on every state of a voucher's use: where it leads, or that it is refused.

A refusal leaves every row as it was, and in each end state the counts agree with it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from activities.services import OrderFact
from core.errors import DomainError
from flows.record import record
from members.models import Member
from rewards.models import Tally, Voucher, VoucherUse
from rewards.services import (
    release_stale_holds,
    release_vouchers,
    roll_back_vouchers,
    use_held_vouchers,
)
from tests.rewards.using import SOURCE, hold, limit, make_type, make_voucher, use

pytestmark = pytest.mark.django_db

NONE = "none"
OVERDUE = "overdue"
REFUSED = "refused"
REFERENCE: dict[str, Any] = {"source": SOURCE, "reference": "HD-1"}
Step = Callable[[Member, datetime], object]


def do_hold(mai: Member, at: datetime) -> object:
    return hold("AAAA1111", mai, at)


def do_use(mai: Member, at: datetime) -> object:
    return use("AAAA1111", mai, at)


def use_held(mai: Member, at: datetime) -> object:
    return use_held_vouchers(**REFERENCE, at=at)


def release(mai: Member, at: datetime) -> object:
    return release_vouchers(**REFERENCE, at=at)


def roll_back(mai: Member, at: datetime) -> object:
    return roll_back_vouchers(**REFERENCE, at=at)


def lapse(mai: Member, at: datetime) -> object:
    return release_stale_holds(at=at)


def lapse_later(mai: Member, at: datetime) -> object:
    return release_stale_holds(at=at + timedelta(hours=1))


def order(status: str = "completed") -> Step:
    """Tell the order of this number, which names the voucher."""

    def tell(mai: Member, at: datetime) -> object:
        return record([the_order(mai, at, status)], at=at)

    return tell


def the_order(mai: Member, at: datetime, status: str = "completed") -> OrderFact:
    return OrderFact(
        *(SOURCE, "HD-1", mai.pk, at.replace(minute=0, second=0), Decimal(165_000)),
        status=status,
        voucher_discount=Decimal(20_000),
        vouchers=("AAAA1111",),
    )


# How to get into each state.
WAYS: dict[str, tuple[Step, ...]] = {
    NONE: (),
    "held": (do_hold,),
    OVERDUE: (do_hold,),
    "used": (do_use,),
    "released": (do_hold, release),
    "lapsed": (do_hold, lapse_later),
    "rolled_back": (do_use, roll_back),
}
# What each verb makes of each state, in the order of WAYS.
TABLE: dict[str, tuple[Step, tuple[str, ...]]] = {
    "hold": (do_hold, ("held", "held", "held", "used", "held", "held", REFUSED)),
    "use": (do_use, ("used", "used", "used", "used", "used", "used", REFUSED)),
    "use what is held": (
        use_held,
        (REFUSED, "used", REFUSED, "used", REFUSED, REFUSED, REFUSED),
    ),
    "release": (
        release,
        (REFUSED, "released", "released", REFUSED, "released", "lapsed", REFUSED),
    ),
    "roll back": (
        roll_back,
        (REFUSED, REFUSED, REFUSED, "rolled_back", REFUSED, REFUSED, "rolled_back"),
    ),
    "lapse": (
        lapse,
        (NONE, "held", "lapsed", "used", "released", "lapsed", "rolled_back"),
    ),
    "order told": (
        order(),
        ("used", "used", "used", "used", "used", "used", "rolled_back"),
    ),
    "order told as cancelled": (
        order("cancelled"),
        (NONE, "released", "released", "used", "released", "lapsed", "rolled_back"),
    ),
}
PAIRS = [
    pytest.param(state, verb, outcome, id=f"{verb} when {state}")
    for verb, (_step, outcomes) in TABLE.items()
    for state, outcome in zip(WAYS, outcomes, strict=True)
]


def state_now() -> str:
    return VoucherUse.objects.values_list("state", flat=True).first() or NONE


def rows() -> list[Any]:
    return [list(VoucherUse.objects.values()), list(Voucher.objects.values()), tallies()]


def tallies() -> list[int]:
    return list(Tally.objects.values_list("times", flat=True))


@pytest.fixture
def voucher(mai: Member) -> Voucher:
    voucher_type = make_type()
    limit(voucher_type, 1)
    return make_voucher(member=mai, voucher_type=voucher_type)


@pytest.mark.parametrize(("state", "verb", "outcome"), PAIRS)
def test_every_verb_on_every_state(
    mai: Member, voucher: Voucher, now: datetime, state: str, verb: str, outcome: str
) -> None:
    for step in WAYS[state]:
        step(mai, now)
    before = rows()
    at = now + timedelta(minutes=15 if state == OVERDUE else 1)
    step = TABLE[verb][0]

    if outcome == REFUSED:
        with pytest.raises(DomainError):
            step(mai, at)
        assert rows() == before
        return
    step(mai, at)

    assert state_now() == outcome
    is_counted = outcome in ("held", "used")
    voucher.refresh_from_db()
    assert voucher.uses == is_counted
    assert sum(tallies()) == is_counted
    # Sent twice, it changes nothing more.
    after = rows()
    step(mai, at)
    assert rows() == after


@pytest.mark.parametrize("state", ["used", "held"])
def test_an_order_that_is_cancelled_gives_its_voucher_back(
    mai: Member, voucher: Voucher, now: datetime, state: str
) -> None:
    for step in WAYS[state]:
        step(mai, now)
    order()(mai, now)
    use_ = VoucherUse.objects.get()
    assert (use_.state, use_.order is not None) == ("used", True)

    order("cancelled")(mai, now)

    assert state_now() == "rolled_back"
    voucher.refresh_from_db()
    assert voucher.uses == 0
    after = rows()
    order("cancelled")(mai, now)
    order()(mai, now)
    assert rows() == after


def test_a_voucher_that_another_order_used_is_noted(
    mai: Member, voucher: Voucher, now: datetime
) -> None:
    use("AAAA1111", mai, now, reference="HD-0")

    (recorded,) = record([the_order(mai, now)], at=now)

    assert recorded.outcome == "new"
    (settled,) = recorded.vouchers
    assert settled.use is None
    assert settled.refusal is not None
    assert settled.refusal.code == "used"
