"""Holding vouchers: all codes of an order or none, counted while they are held."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from core.errors import InvalidInput
from flows.merge import merge_members
from members.models import Member
from rewards.errors import KeyReused, VoucherRefused, VoucherUseClosed
from rewards.models import Voucher, VoucherUse
from rewards.services import release_vouchers, roll_back_vouchers
from tests import factories
from tests.rewards.using import (
    FROM_200,
    SOURCE,
    TENTH_OFF,
    counted,
    hold,
    limit,
    line,
    make_type,
    make_voucher,
    states,
    use,
    uses_left,
)

pytestmark = pytest.mark.django_db


def assert_nothing_happened() -> None:
    assert not VoucherUse.objects.exists()
    assert set(Voucher.objects.values_list("uses", flat=True)) == {0}
    assert counted() == []


def test_a_hold_counts_and_keeps_the_discount(mai: Member, now: datetime) -> None:
    voucher_type = make_type(terms=TENTH_OFF, hold_minutes=20)
    limit(voucher_type, 3, period="month")
    voucher = make_voucher(member=mai, voucher_type=voucher_type)

    (held,) = hold("aaaa-1111", mai, now, lines=(line("CF1", 185_000),))

    stored = VoucherUse.objects.get()
    assert held == stored
    assert (stored.state, stored.member, stored.actor) == ("held", mai, "Till 1")
    assert (stored.order_total, stored.discount) == (185_000, 18_500)
    assert stored.breakdown == {
        "lines": [[1, "18500"]],
        "delivery": "0",
        "notes": ["10% of 185.000 ₫."],
    }
    assert stored.held_until == now + timedelta(minutes=20)
    assert stored.happened_on.isoformat() == "2026-03-02"
    assert uses_left(voucher) == 0
    assert counted() == [(f"voucher_type:{voucher_type.pk}", mai.pk, "month", 1)]
    assert stored.counted == [["member", "month"]]


def test_a_repeat_answers_the_first(mai: Member, now: datetime) -> None:
    voucher = make_voucher(member=mai)
    (first,) = hold("AAAA1111", mai, now)

    (again,) = hold(" aaaa1111", mai, now + timedelta(minutes=5))

    assert again == first
    assert again.held_until == now + timedelta(minutes=15)
    assert uses_left(voucher) == 0
    assert VoucherUse.objects.count() == 1


def test_a_repeat_after_a_merge_answers_the_first(
    mai: Member, binh: Member, now: datetime
) -> None:
    factories.make_wallet()
    make_voucher(member=binh)
    (first,) = hold("AAAA1111", binh, now)
    merge_members(kept=mai, merged=binh, note="One person", by="staff", at=now)

    assert hold("AAAA1111", binh, now) == [first]
    assert hold("AAAA1111", mai, now) == [first]


@pytest.mark.parametrize("change", ["codes", "total", "store", "lines", "member"])
def test_a_reference_stands_for_one_basket(
    mai: Member, binh: Member, now: datetime, change: str
) -> None:
    shown = make_type(owner_only=False)
    make_voucher("AAAA1111", member=mai, voucher_type=shown)
    other = make_voucher("BBBB2222", member=mai, voucher_type=shown)
    hold("AAAA1111", mai, now)

    with pytest.raises(KeyReused):
        hold(
            ["AAAA1111", "BBBB2222"] if change == "codes" else "AAAA1111",
            binh if change == "member" else mai,
            now,
            total=185_001 if change == "total" else 185_000,
            channel="web" if change == "store" else "store",
            lines=(line("CF1", 185_000),) if change == "lines" else (),
        )

    assert states() == ["held"]
    assert uses_left(other) == 1


def test_sources_have_references_of_their_own(mai: Member, now: datetime) -> None:
    make_voucher(member=mai, voucher_type=make_type(uses_per_code=2))
    hold("AAAA1111", mai, now)
    hold("AAAA1111", mai, now, source="web")
    assert states() == ["held", "held"]


def test_one_that_cannot_be_used_holds_none(mai: Member, now: datetime) -> None:
    make_voucher("AAAA1111", member=mai)
    make_voucher("BBBB2222", member=mai, voucher_type=make_type("from200", terms=FROM_200))

    with pytest.raises(VoucherRefused) as refusal:
        hold(["AAAA1111", "BBBB2222", "NO-SUCH"], mai, now)

    assert refusal.value.extra == {
        "vouchers": [
            {
                "code": "BBBB2222",
                "reason": "minimum_value",
                "sentence": "It works from 200.000 ₫; 15.000 ₫ more is needed.",
            },
            {
                "code": "NO-SUCH",
                "reason": "not_usable",
                "sentence": "This voucher cannot be used here.",
            },
        ]
    }
    assert refusal.value.misses == 1
    assert refusal.value.message == (
        "It works from 200.000 ₫; 15.000 ₫ more is needed. "
        "This voucher cannot be used here."
    )
    assert_nothing_happened()


def test_vouchers_that_do_not_go_together_hold_none(mai: Member, now: datetime) -> None:
    grouped = {**TENTH_OFF, "group": "winter"}
    for code in ("AAAA1111", "BBBB2222"):
        voucher_type = make_type(code.lower(), terms=grouped, name=code)
        make_voucher(code, member=mai, voucher_type=voucher_type)

    with pytest.raises(VoucherRefused) as refusal:
        hold(["AAAA1111", "BBBB2222"], mai, now)

    assert [one["reason"] for one in refusal.value.extra["vouchers"]] == ["group"]
    assert_nothing_happened()


def test_a_held_voucher_is_taken(mai: Member, now: datetime) -> None:
    make_voucher(member=mai)
    hold("AAAA1111", mai, now)

    with pytest.raises(VoucherRefused) as refusal:
        hold("AAAA1111", mai, now, reference="HD-2")

    assert refusal.value.extra["vouchers"][0]["reason"] == "held"
    assert states() == ["held"]


def test_the_third_of_three_is_given_and_the_fourth_refused(
    mai: Member, now: datetime
) -> None:
    """Exactly the limit (shopware#4177)."""
    voucher = make_voucher(member=mai, voucher_type=make_type(uses_per_code=3))
    for number in range(3):
        hold("AAAA1111", mai, now, reference=f"HD-{number}")

    with pytest.raises(VoucherRefused):
        hold("AAAA1111", mai, now, reference="HD-4")

    assert uses_left(voucher) == 0


def test_a_limit_that_is_reached_takes_nothing(
    mai: Member, binh: Member, now: datetime
) -> None:
    voucher_type = make_type(owner_only=False, uses_per_code=None)
    limit(voucher_type, 1, per="everyone", period="day")
    limit(voucher_type, 5)
    voucher = make_voucher(member=mai, voucher_type=voucher_type)
    hold("AAAA1111", mai, now)

    with pytest.raises(VoucherRefused) as refusal:
        hold("AAAA1111", binh, now, reference="HD-2")

    assert refusal.value.extra["vouchers"][0]["reason"] == "not_usable"
    voucher.refresh_from_db()
    assert voucher.uses == 1
    assert [(row[1], row[3]) for row in counted()] == [(mai.pk, 1), (None, 1)]


def test_two_codes_of_a_type_count_twice(mai: Member, now: datetime) -> None:
    voucher_type = make_type()
    limit(voucher_type, 1)
    make_voucher("AAAA1111", member=mai, voucher_type=voucher_type)
    make_voucher("BBBB2222", member=mai, voucher_type=voucher_type)

    with pytest.raises(VoucherRefused) as refusal:
        hold(["AAAA1111", "BBBB2222"], mai, now)

    assert refusal.value.extra["vouchers"][0]["reason"] == "limit_reached"
    assert_nothing_happened()


def test_what_was_let_go_may_be_held_anew(mai: Member, now: datetime) -> None:
    voucher = make_voucher(member=mai)
    hold("AAAA1111", mai, now)
    release_vouchers(source=SOURCE, reference="HD-1", at=now)

    (anew,) = hold("AAAA1111", mai, now + timedelta(minutes=1), total=90_000)

    assert (anew.state, anew.ended_at, anew.order_total) == ("held", None, 90_000)
    assert states() == ["held"]
    assert uses_left(voucher) == 0


def test_another_voucher_may_follow_what_was_let_go(mai: Member, now: datetime) -> None:
    make_voucher("AAAA1111", member=mai)
    make_voucher("BBBB2222", member=mai, voucher_type=make_type("other"))
    hold("AAAA1111", mai, now)
    release_vouchers(source=SOURCE, reference="HD-1", at=now)

    hold(["BBBB2222", "AAAA1111"], mai, now)

    rows = VoucherUse.objects.order_by("position")
    assert list(rows.values_list("voucher__code", "position", "state")) == [
        ("AAAA1111", 0, "held"),
        ("BBBB2222", 1, "held"),
    ]


def test_an_overdue_hold_is_let_go_before_it_is_held_anew(
    mai: Member, now: datetime
) -> None:
    voucher = make_voucher(member=mai)
    hold("AAAA1111", mai, now)
    end = now + timedelta(minutes=15)

    (anew,) = hold("AAAA1111", mai, end, total=90_000)

    assert (anew.state, anew.held_until) == ("held", end + timedelta(minutes=15))
    assert uses_left(voucher) == 0


def test_what_was_taken_back_stays_so(mai: Member, now: datetime) -> None:
    voucher = make_voucher(member=mai)
    use("AAAA1111", mai, now)
    roll_back_vouchers(source=SOURCE, reference="HD-1", at=now)

    with pytest.raises(VoucherUseClosed) as refusal:
        hold("AAAA1111", mai, now)

    assert refusal.value.extra == {"state": "rolled_back"}
    assert uses_left(voucher) == 1


@pytest.mark.parametrize("reference", ["", "x" * 81])
def test_a_reference_has_1_to_80_characters(
    mai: Member, now: datetime, reference: str
) -> None:
    make_voucher(member=mai)
    with pytest.raises(InvalidInput, match="reference"):
        hold("AAAA1111", mai, now, reference=reference)
    assert_nothing_happened()


def test_nothing_is_no_hold(mai: Member, now: datetime) -> None:
    with pytest.raises(InvalidInput, match="at least one"):
        hold([], mai, now)


def test_the_database_refuses_two_baskets_under_one_reference(
    mai: Member, now: datetime
) -> None:
    make_voucher("AAAA1111", member=mai)
    other = make_voucher("BBBB2222", member=mai, voucher_type=make_type("other"))
    (held,) = hold("AAAA1111", mai, now)
    held.pk, held.voucher = None, other

    with (
        pytest.raises(IntegrityError),
        transaction.atomic(),
    ):
        VoucherUse.objects.bulk_create([held])


@pytest.mark.parametrize(
    "change",
    [
        {"state": "lost"},
        {"held_until": None},
        {"state": "used"},
        {"state": "released"},
        {"discount": Decimal(-1)},
    ],
)
def test_the_database_refuses_nonsense(
    mai: Member, now: datetime, change: dict[str, object]
) -> None:
    make_voucher(member=mai)
    hold("AAAA1111", mai, now)
    with pytest.raises(IntegrityError), transaction.atomic():
        VoucherUse.objects.update(**change)
