"""Orders that name their vouchers: never refused for them, and given back with them."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from activities.models import Order
from activities.services import OrderFact, RefundFact
from flows.record import Recorded, record, record_refunds
from members.models import Member
from points.models import Wallet
from rewards.models import Tally, VoucherUse
from rewards.services import release_stale_holds
from tests import factories
from tests.rewards.using import (
    FROM_200,
    TWENTY_OFF,
    hold,
    limit,
    make_type,
    make_voucher,
    states,
    use,
    uses_left,
)

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def wallet(db: None) -> Wallet:
    factories.make_programme()
    return factories.make_wallet()


def tell(
    member: Member,
    at: datetime,
    *vouchers: str,
    number: str = "HD-1",
    total: int = 165_000,
    told_at: datetime | None = None,
    **fields: Any,
) -> Recorded:
    told = {"voucher_discount": Decimal(20_000), **fields}
    fact = OrderFact(
        *("pos", number, member.pk, at, Decimal(total)), vouchers=vouchers, **told
    )
    return record([fact], at=told_at or at)[0]


def refund(
    member: Member, at: datetime, total: int, number: str = "R-1", of: str = "HD-1"
) -> None:
    fact = RefundFact("pos", number, member.pk, at, Decimal(total), order_number=of)
    record_refunds([fact], at=at)


def outcomes(recorded: Recorded) -> list[str]:
    """Return for each code "used" or why not, as the till is told it."""
    return [
        settled.use.state if settled.use else settled.refusal.code
        for settled in recorded.vouchers
        if settled.use or settled.refusal
    ]


def test_what_the_till_held_is_used_and_belongs_to_the_order(
    mai: Member, now: datetime
) -> None:
    voucher_type = make_type()
    limit(voucher_type, 1)
    make_voucher(member=mai, voucher_type=voucher_type)
    hold("AAAA1111", mai, now)

    recorded = tell(mai, now + timedelta(minutes=3), "aaaa-1111")

    assert (recorded.outcome, outcomes(recorded)) == ("new", ["used"])
    stored = VoucherUse.objects.get()
    assert stored.order == Order.objects.get()
    assert (stored.discount, stored.used_at) == (20_000, now + timedelta(minutes=3))
    assert Tally.objects.get().times == 1


def test_what_the_till_used_belongs_to_the_order(mai: Member, now: datetime) -> None:
    make_voucher(member=mai)
    use("AAAA1111", mai, now)

    recorded = tell(mai, now, "AAAA1111")

    assert outcomes(recorded) == ["used"]
    assert VoucherUse.objects.get().order == Order.objects.get()


def test_without_a_hold_it_is_used_now(mai: Member, now: datetime) -> None:
    voucher = make_voucher(member=mai)

    recorded = tell(mai, now, "AAAA1111")

    assert outcomes(recorded) == ["used"]
    stored = VoucherUse.objects.get()
    # The order as it was before the voucher.
    assert (stored.order_total, stored.discount) == (185_000, 20_000)
    assert (stored.source, stored.reference) == ("pos", "HD-1")
    assert uses_left(voucher) == 0


def test_a_hold_that_lapsed_is_used_anew(mai: Member, now: datetime) -> None:
    voucher = make_voucher(member=mai)
    hold("AAAA1111", mai, now)
    later = now + timedelta(hours=1)
    assert release_stale_holds(at=later) == 1

    assert outcomes(tell(mai, later, "AAAA1111")) == ["used"]
    assert states() == ["used"]
    assert uses_left(voucher) == 0


def test_what_cannot_be_used_is_noted_and_the_order_stands(
    mai: Member, binh: Member, now: datetime
) -> None:
    make_voucher("AAAA1111", member=mai)
    make_voucher("BBBB2222", member=mai, voucher_type=make_type("from", terms=FROM_200))
    make_voucher("CCCC3333", member=binh, voucher_type=make_type("his"))

    recorded = tell(mai, now, "AAAA1111", "BBBB2222", "CCCC3333", "NO-SUCH", "aaaa1111")

    assert recorded.outcome == "new"
    assert outcomes(recorded) == ["used", "minimum_value", "not_usable", "not_usable"]
    assert [settled.is_miss for settled in recorded.vouchers] == [False, False, True, True]
    assert states() == ["used"]
    assert Order.objects.count() == 1


def test_held_vouchers_that_the_order_does_not_name_go_back(
    mai: Member, now: datetime
) -> None:
    make_voucher("AAAA1111", member=mai)
    left = make_voucher("BBBB2222", member=mai, voucher_type=make_type("other"))
    hold(["AAAA1111", "BBBB2222"], mai, now)

    assert outcomes(tell(mai, now, "AAAA1111")) == ["used"]

    assert states() == ["used", "released"]
    assert uses_left(left) == 1


def test_an_order_that_names_none_leaves_the_hold_to_its_time(
    mai: Member, now: datetime
) -> None:
    make_voucher(member=mai)
    hold("AAAA1111", mai, now)
    tell(mai, now)
    assert states() == ["held"]


def test_what_is_named_beside_a_hold_has_to_go_with_it(mai: Member, now: datetime) -> None:
    alone = make_type("alone", terms={**TWENTY_OFF, "exclusive": True})
    make_voucher("AAAA1111", member=mai)
    make_voucher("BBBB2222", member=mai, voucher_type=alone)
    hold("AAAA1111", mai, now)

    assert outcomes(tell(mai, now, "AAAA1111", "BBBB2222")) == ["used", "alone"]


def test_two_of_which_one_is_left(mai: Member, now: datetime) -> None:
    """The limit has room for one: all else of the order is as it should be."""
    voucher_type = make_type()
    limit(voucher_type, 1)
    make_voucher("AAAA1111", member=mai, voucher_type=voucher_type)
    make_voucher("BBBB2222", member=mai, voucher_type=voucher_type)

    recorded = tell(mai, now, "AAAA1111", "BBBB2222")

    assert outcomes(recorded) == ["used", "limit_reached"]
    assert states() == ["used"]
    assert recorded.outcome == "new"


def test_a_voucher_that_was_good_then_is_good(mai: Member, now: datetime) -> None:
    """A till that was offline tells yesterday's order today."""
    voucher_type = make_type()
    limit(voucher_type, 1, period="day")
    make_voucher(member=mai, voucher_type=voucher_type, valid_until=now)
    fact = OrderFact(
        *("pos", "HD-1", mai.pk, now - DAY, Decimal(165_000)), vouchers=("AAAA1111",)
    )

    (recorded,) = record([fact], at=now + DAY)

    assert outcomes(recorded) == ["used"]
    assert VoucherUse.objects.get().used_at == now - DAY
    assert Tally.objects.get().starts_on.isoformat() == "2026-03-01"


def test_a_first_order_is_not_an_earlier_one(mai: Member, now: datetime) -> None:
    first = make_type(uses_per_code=None, terms={**TWENTY_OFF, "first_order_only": True})
    make_voucher(member=mai, voucher_type=first)

    assert outcomes(tell(mai, now, "AAAA1111")) == ["used"]
    assert outcomes(tell(mai, now, "AAAA1111", number="HD-2")) == ["first_order"]


def test_a_repeat_answers_what_became_of_the_codes(mai: Member, now: datetime) -> None:
    make_voucher(member=mai)
    tell(mai, now, "AAAA1111", "NO-SUCH")

    again = tell(mai, now, "AAAA1111", "NO-SUCH")

    assert (again.outcome, outcomes(again)) == ("known", ["used", "not_usable"])
    assert states() == ["used"]


def test_the_codes_are_part_of_what_was_told(mai: Member, now: datetime) -> None:
    make_voucher(member=mai)
    tell(mai, now, "AAAA1111")

    other = tell(mai, now)

    assert (other.outcome, other.code) == ("refused", "conflict")
    assert other.vouchers == []


def test_a_cancelled_order_gives_them_back(mai: Member, now: datetime) -> None:
    voucher = make_voucher(member=mai)
    tell(mai, now, "AAAA1111")

    again = tell(mai, now, "AAAA1111", status="cancelled")

    assert (again.outcome, outcomes(again)) == ("known", ["rolled_back"])
    assert uses_left(voucher) == 1
    assert outcomes(tell(mai, now, "AAAA1111", number="HD-2")) == ["used"]


def test_an_order_that_the_voucher_paid_wholly_gives_it_back_too(
    mai: Member, now: datetime
) -> None:
    make_voucher(member=mai)
    tell(mai, now, "AAAA1111", total=0)

    tell(mai, now, "AAAA1111", total=0, status="cancelled")

    assert states() == ["rolled_back"]


def test_only_a_whole_refund_gives_them_back(mai: Member, now: datetime) -> None:
    voucher_type = make_type()
    limit(voucher_type, 1)
    voucher = make_voucher(member=mai, voucher_type=voucher_type)
    tell(mai, now, "AAAA1111")

    refund(mai, now + DAY, 164_999)
    assert (states(), uses_left(voucher)) == (["used"], 0)

    refund(mai, now + DAY, 1, "R-2")
    assert (states(), uses_left(voucher)) == (["rolled_back"], 1)
    assert Tally.objects.get().times == 0


def test_what_does_not_come_back_stays_used(mai: Member, now: datetime) -> None:
    make_voucher(member=mai, voucher_type=make_type(returns_on_refund=False))
    tell(mai, now, "AAAA1111")
    refund(mai, now + DAY, 165_000)
    assert states() == ["used"]


def test_a_refund_that_came_before_its_sale(mai: Member, now: datetime) -> None:
    make_voucher(member=mai)
    refund(mai, now, 165_000)

    recorded = tell(mai, now, "AAAA1111", told_at=now + DAY)

    assert recorded.outcome == "new"
    assert states() == ["rolled_back"]


def test_other_orders_keep_theirs(mai: Member, now: datetime) -> None:
    make_voucher(member=mai, voucher_type=make_type(uses_per_code=2))
    tell(mai, now, "AAAA1111")
    tell(mai, now, "AAAA1111", number="HD-2")
    refund(mai, now, 165_000, of="HD-2")
    assert states() == ["used", "rolled_back"]


def test_orders_without_vouchers_cost_nothing_more(mai: Member, now: datetime) -> None:
    """One question for them in all: none."""
    facts = [
        OrderFact("pos", f"HD-{number}", mai.pk, now, Decimal(50_000))
        for number in range(20)
    ]
    with CaptureQueriesContext(connection) as context:
        record(facts, at=now)
    asked = [query["sql"] for query in context if "rewards_voucher" in query["sql"]]
    assert asked == []
