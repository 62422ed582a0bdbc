"""Using vouchers: at once, or from a hold."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from members.models import Member
from rewards.errors import (
    KeyReused,
    VoucherRefused,
    VoucherUseClosed,
    VoucherUseNotFound,
)
from rewards.issuing import cancel_vouchers
from rewards.models import Voucher, VoucherUse
from rewards.services import use_held_vouchers
from tests.rewards.using import (
    SOURCE,
    counted,
    hold,
    limit,
    make_type,
    make_voucher,
    states,
    use,
    uses_left,
)

pytestmark = pytest.mark.django_db


def use_held(at: datetime, reference: str = "HD-1") -> list[VoucherUse]:
    return use_held_vouchers(source=SOURCE, reference=reference, at=at)


def test_a_voucher_is_used_at_once(mai: Member, now: datetime) -> None:
    voucher = make_voucher(member=mai)

    (used,) = use("AAAA1111", mai, now)

    stored = VoucherUse.objects.get()
    assert used == stored
    assert (stored.state, stored.used_at, stored.held_until) == ("used", now, None)
    assert (stored.discount, stored.order_total) == (20_000, 185_000)
    assert uses_left(voucher) == 0


def test_a_repeat_answers_the_first(mai: Member, now: datetime) -> None:
    voucher = make_voucher(member=mai, voucher_type=make_type(uses_per_code=2))
    (first,) = use("AAAA1111", mai, now)

    (again,) = use("AAAA1111", mai, now + timedelta(days=3))

    assert (again, again.used_at) == (first, now)
    assert uses_left(voucher) == 1


def test_other_content_is_refused(mai: Member, now: datetime) -> None:
    make_voucher(member=mai)
    use("AAAA1111", mai, now)

    with pytest.raises(KeyReused):
        use("AAAA1111", mai, now, total=185_001)

    assert states() == ["used"]


def test_the_same_content_uses_its_hold(mai: Member, now: datetime) -> None:
    voucher_type = make_type()
    limit(voucher_type, 1)
    make_voucher(member=mai, voucher_type=voucher_type)
    (held,) = hold("AAAA1111", mai, now)

    (used,) = use("AAAA1111", mai, now + timedelta(minutes=1))

    assert used == held
    assert used.used_at == now + timedelta(minutes=1)
    assert [row[3] for row in counted()] == [1]
    # A late copy of the hold finds what became of it.
    assert hold("AAAA1111", mai, now)[0].state == "used"


def test_what_is_held_is_used_by_its_reference(mai: Member, now: datetime) -> None:
    voucher = make_voucher(member=mai)
    hold("AAAA1111", mai, now)
    later = now + timedelta(minutes=14, seconds=59)

    (used,) = use_held(later)
    (again,) = use_held(later + timedelta(days=1))

    assert (used.state, used.used_at) == ("used", later)
    assert again.used_at == later
    assert uses_left(voucher) == 0


def test_a_hold_secures_it_past_its_end(mai: Member, now: datetime) -> None:
    make_voucher(member=mai, valid_until=now + timedelta(seconds=1))
    hold("AAAA1111", mai, now)
    assert use_held(now + timedelta(minutes=1))[0].state == "used"


def test_in_its_last_second_the_time_is_over(mai: Member, now: datetime) -> None:
    make_voucher(member=mai)
    hold("AAAA1111", mai, now)

    with pytest.raises(VoucherUseClosed) as refusal:
        use_held(now + timedelta(minutes=15))

    assert refusal.value.extra == {"state": "lapsed"}
    assert states() == ["held"]


def test_an_unknown_reference(mai: Member, now: datetime) -> None:
    make_voucher(member=mai)
    hold("AAAA1111", mai, now, source="web")
    with pytest.raises(VoucherUseNotFound):
        use_held(now)


def test_a_cancelled_code_is_not_used_whoever_was_faster(
    mai: Member, now: datetime
) -> None:
    voucher = make_voucher(member=mai)
    assert cancel_vouchers(Voucher.objects.all(), at=now) == 1

    with pytest.raises(VoucherRefused) as refusal:
        use("AAAA1111", mai, now)

    assert refusal.value.extra["vouchers"][0]["reason"] == "cancelled"
    assert states() == []
    assert uses_left(voucher) == 1


def test_what_is_held_is_not_cancelled(mai: Member, now: datetime) -> None:
    make_voucher(member=mai)
    hold("AAAA1111", mai, now)
    assert cancel_vouchers(Voucher.objects.all(), at=now) == 0
    assert use_held(now)[0].state == "used"
