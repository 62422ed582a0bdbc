"""Checking vouchers: who learns what, to the second, and nothing is held."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from activities.models import Product, Store
from activities.services import OrderFact
from core.errors import InvalidInput
from flows.merge import merge_members
from flows.record import record
from members.models import Member, MemberTag, Segment, Tag
from rewards.models import Tally, Voucher, VoucherType, VoucherUse
from rewards.services import check_vouchers
from rewards.using.checking import Quote
from tests import factories
from tests.rewards.using import (
    FROM_200,
    TENTH_OFF,
    TWENTY_OFF,
    checkout,
    hold,
    limit,
    line,
    make_type,
    make_voucher,
    use,
)

pytestmark = pytest.mark.django_db

NEUTRAL = ("not_usable", "This voucher cannot be used here.")


def check(
    codes: Sequence[str] | str, member: Member | None, at: datetime, **basket: Any
) -> Quote:
    codes = [codes] if isinstance(codes, str) else codes
    return check_vouchers(codes=codes, checkout=checkout(**basket), member=member, at=at)


def told(quote: Quote) -> list[tuple[str, str] | None]:
    """Return for each code why not, as the reader is told it."""
    locks = [answer.told for answer in quote.answers]
    return [(lock.code, lock.sentence) if lock else None for lock in locks]


def reason(quote: Quote) -> str:
    lock = quote.answers[0].refusal
    return lock.code if lock else ""


def test_a_voucher_takes_off_and_nothing_is_held(mai: Member, now: datetime) -> None:
    make_voucher(member=mai)

    quote = check("AAAA1111", mai, now)

    assert told(quote) == [None]
    assert (quote.total, quote.taken, quote.to_pay) == (185_000, 20_000, 165_000)
    assert Voucher.objects.get().uses == 0
    assert not VoucherUse.objects.exists()


@pytest.mark.parametrize(
    "typed", ["aaaa1111", " AAAA-1111 ", "ＡＡＡＡ１１１１", "aa aa–11\u200b11"]
)
def test_a_code_is_understood_however_it_is_typed(
    mai: Member, now: datetime, typed: str
) -> None:
    make_voucher(member=mai)
    assert check(typed, mai, now).taken == 20_000


def test_what_is_taken_off_stands_line_by_line(mai: Member, now: datetime) -> None:
    make_voucher(member=mai, voucher_type=make_type(terms=TENTH_OFF))
    lines = (line("CF1", 58_000, quantity=Decimal(2)), line("BM1", 127_000))

    quote = check("AAAA1111", mai, now, lines=lines)

    priced = quote.answers[0].priced
    assert priced is not None
    assert priced.lines == ((1, 5_800), (2, 12_700))
    assert quote.taken == 18_500


def test_several_vouchers_take_off_together(mai: Member, now: datetime) -> None:
    make_voucher("AAAA1111", member=mai)
    make_voucher("BBBB2222", member=mai, voucher_type=make_type("tenth", terms=TENTH_OFF))

    quote = check(["BBBB2222", "AAAA1111"], mai, now, total=200_000)

    # In the order in which they were told; 20.000 first, then a tenth of the rest.
    assert [answer.taken for answer in quote.answers] == [18_000, 20_000]
    assert quote.to_pay == 162_000


def test_one_that_goes_with_no_other_says_so(mai: Member, now: datetime) -> None:
    alone = make_type("alone", name="Alone", terms={**TWENTY_OFF, "exclusive": True})
    make_voucher("AAAA1111", member=mai, voucher_type=make_type("big", name="Big"))
    make_voucher("BBBB2222", member=mai, voucher_type=alone)

    quote = check(["AAAA1111", "BBBB2222"], mai, now)

    assert [answer.taken for answer in quote.answers] == [20_000, 0]
    assert told(quote)[1] == (
        "alone",
        "It goes together with no other voucher; used instead: “Big”.",
    )


@pytest.mark.parametrize(
    ("offset", "expected"), [(-1, "not_yet"), (0, ""), (3599, ""), (3600, "over")]
)
def test_usable_from_the_first_second_up_to_the_last(
    mai: Member, now: datetime, offset: int, expected: str
) -> None:
    make_voucher(member=mai, valid_from=now, valid_until=now + timedelta(hours=1))
    assert reason(check("AAAA1111", mai, now + timedelta(seconds=offset))) == expected


@pytest.mark.parametrize(
    ("voucher", "voucher_type", "expected"),
    [
        ({"state": "cancelled"}, {}, "cancelled"),
        ({"state": "pooled"}, {}, "unknown"),
        ({"uses": 1}, {}, "used"),
        ({}, {"is_active": False}, "inactive"),
        ({}, {"terms": FROM_200}, "minimum_value"),
        ({}, {"terms": {"kind": "magic"}}, "inactive"),
        ({}, {"terms": {"kind": "partner"}}, "partner"),
        ({}, {"terms": {**TWENTY_OFF, "channels": ["web"]}}, "channel"),
        ({}, {"terms": {**TWENTY_OFF, "weekdays": [7]}}, "weekday"),
        ({}, {"terms": {**TWENTY_OFF, "payment_methods": ["momo"]}}, "payment_method"),
        ({}, {"terms": {**TWENTY_OFF, "segment_ids": [999]}}, "segment"),
    ],
)
def test_its_owner_learns_what_is_missing_and_a_stranger_nothing(
    mai: Member,
    binh: Member,
    now: datetime,
    voucher: dict[str, Any],
    voucher_type: dict[str, Any],
    expected: str,
) -> None:
    make_voucher(member=mai, voucher_type=make_type(**voucher_type), **voucher)

    owner, stranger = check("AAAA1111", mai, now), check("AAAA1111", binh, now)
    nobody, unknown = check("AAAA1111", None, now), check("NO-SUCH", mai, now)

    assert reason(owner) == expected
    assert told(owner) != [NEUTRAL]
    assert owner.misses == 0
    for quote in (stranger, nobody, unknown):
        assert told(quote) == [NEUTRAL]
        assert (quote.misses, quote.taken) == (1, 0)


def test_somebody_elses_voucher_looks_like_none(
    mai: Member, binh: Member, now: datetime
) -> None:
    make_voucher(member=mai)

    for reader in (binh, None):
        quote = check("AAAA1111", reader, now)
        assert told(quote) == [NEUTRAL]
        assert quote.taken == 0


def test_whoever_shows_it_may_use_it_where_the_type_says_so(
    mai: Member, binh: Member, now: datetime
) -> None:
    make_voucher(member=mai, voucher_type=make_type(owner_only=False))
    make_voucher("BEARER", voucher_type=make_type("bearer"))

    for reader in (mai, binh, None):
        assert check(["AAAA1111", "BEARER"], reader, now).taken == 40_000


def test_a_bearers_code_tells_no_reason(mai: Member, now: datetime) -> None:
    make_voucher(voucher_type=make_type(terms=FROM_200))
    assert told(check("AAAA1111", mai, now)) == [NEUTRAL]


def test_a_code_for_everyone_says_what_is_missing_in_its_time(
    mai: Member, now: datetime
) -> None:
    shared = make_type(
        codes=VoucherType.Codes.SHARED, terms=FROM_200, uses_per_code=None, name="Summer"
    )
    make_voucher("SUMMER20", voucher_type=shared, valid_from=now)

    early = check("summer20", None, now - timedelta(seconds=1))
    short = check("summer20", None, now)
    enough = check("summer20", None, now, total=200_000)

    assert told(early) == [NEUTRAL]
    assert told(short) == [
        ("minimum_value", "It works from 200.000 ₫; 15.000 ₫ more is needed.")
    ]
    assert short.misses == 0
    assert enough.to_pay == 180_000


def test_a_merged_members_code_works_for_who_was_kept(
    mai: Member, binh: Member, now: datetime
) -> None:
    factories.make_wallet()
    make_voucher(member=binh)
    merge_members(kept=mai, merged=binh, note="One person", by="staff", at=now)

    assert check("AAAA1111", mai, now).taken == 20_000


def test_a_till_that_holds_it_is_why_not(mai: Member, now: datetime) -> None:
    make_voucher(member=mai)
    hold("AAAA1111", mai, now)

    quote = check("AAAA1111", mai, now)

    assert told(quote) == [
        ("held", "A till is holding this voucher. It is free again at 12:15.")
    ]


def test_limits_of_a_member_and_of_everyone(
    mai: Member, binh: Member, now: datetime
) -> None:
    voucher_type = make_type(uses_per_code=None, owner_only=False)
    limit(voucher_type, 1, period="day")
    limit(voucher_type, 2, per="everyone")
    make_voucher(member=mai, voucher_type=voucher_type)
    use("AAAA1111", mai, now)

    assert told(check("AAAA1111", mai, now)) == [
        ("limit_reached", "You used it today as often as you can. Use it again tomorrow.")
    ]
    use("AAAA1111", binh, now, reference="HD-2")
    tomorrow = now + timedelta(days=1)
    assert reason(check("AAAA1111", mai, tomorrow)) == "paced_out"


def test_nobody_has_a_limit_of_their_own(now: datetime) -> None:
    """An unknown customer does not break the answer: the rule is not met."""
    shared = make_type(codes=VoucherType.Codes.SHARED, uses_per_code=None)
    limit(shared, 1)
    make_voucher(voucher_type=shared)

    assert reason(check("AAAA1111", None, now)) == "member_unknown"


def test_only_a_first_order(mai: Member, now: datetime) -> None:
    factories.make_programme()
    factories.make_wallet()
    first = make_type(terms={**TWENTY_OFF, "first_order_only": True})
    make_voucher(member=mai, voucher_type=first)

    assert reason(check("AAAA1111", mai, now)) == ""
    fact = OrderFact("pos", "HD-0", mai.pk, now, Decimal(50_000))
    order_id = record([fact], at=now)[0].order_id
    assert reason(check("AAAA1111", mai, now)) == "first_order"
    # The order itself is not an earlier one.
    assert reason(check("AAAA1111", mai, now, order_id=order_id)) == ""


def test_groups_stores_and_products(mai: Member, binh: Member, now: datetime) -> None:
    tag = Tag.objects.create(code="vip", name="VIP")
    MemberTag.objects.create(member=mai, tag=tag, tagged_at=now)
    vip = Segment.objects.create(
        name="VIP", conditions={"field": "tag", "is": "has", "value": "vip"}
    )
    store = Store.objects.create(code="Q1", name="Quận 1")
    Product.objects.create(sku="CF1", name="Cà phê", category="drinks")
    terms = {
        **TENTH_OFF,
        "segment_ids": [vip.pk],
        "store_ids": [store.pk],
        "scope": "lines",
        "products": {"categories": ["drinks"]},
    }
    make_voucher(voucher_type=make_type(terms=terms, owner_only=False), member=mai)
    lines = (line("BM1", 127_000), line("CF1", 58_000))

    def asked(member: Member, **basket: Any) -> tuple[str, Decimal]:
        quote = check("AAAA1111", member, now, **{"store_id": store.pk} | basket)
        return reason(quote), quote.taken

    assert asked(mai, lines=lines) == ("", Decimal(5_800))
    assert asked(mai, lines=lines, store_id=None) == ("store", 0)
    assert asked(binh, lines=lines) == ("segment", 0)
    assert asked(mai, lines=lines[:1]) == ("no_product", 0)


def test_delivery_and_a_discount_of_the_shop_are_told_apart(
    mai: Member, now: datetime
) -> None:
    tenth = make_type(terms=TENTH_OFF)
    make_voucher(member=mai, voucher_type=tenth)
    lines = (line("CF1", 100_000), line("BM1", 100_000))

    with_fee = check(
        "AAAA1111", mai, now, total=230_000, delivery_fee=Decimal(30_000), lines=lines
    )
    # The shop itself took 50.000 off the whole order.
    cheaper = check("AAAA1111", mai, now, total=150_000, lines=lines)

    assert with_fee.taken == 20_000
    assert cheaper.taken == 15_000


def test_a_code_told_twice_is_a_mistake(mai: Member, now: datetime) -> None:
    make_voucher(member=mai)
    for codes in (["AAAA1111", "aaaa-1111"], ["X-1", "x1"]):
        with pytest.raises(InvalidInput, match="told twice"):
            check(codes, mai, now)


def test_queries_do_not_grow_with_codes(mai: Member, now: datetime) -> None:
    limited = make_type(uses_per_code=None)
    limit(limited, 50)
    for number in range(9):
        make_voucher(f"CODE{number}", member=mai, voucher_type=limited)

    def queries(count: int) -> int:
        codes = [f"CODE{number}" for number in range(count)]
        with CaptureQueriesContext(connection) as context:
            check(codes, mai, now, lines=(line("CF1", 185_000),))
        return len(context)

    # Programme, vouchers with their types, their limits, the counts.
    assert (queries(1), queries(9)) == (4, 4)
    assert not Tally.objects.exists()
