"""Taking the use of vouchers back: there is no order after all."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from members.models import Member
from rewards.errors import VoucherRefused, VoucherUseClosed, VoucherUseNotFound
from rewards.models import VoucherUse
from rewards.services import roll_back_vouchers
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


def roll_back(at: datetime, reference: str = "HD-1") -> list[VoucherUse]:
    return roll_back_vouchers(source=SOURCE, reference=reference, at=at)


def test_the_use_and_the_limits_go_back(mai: Member, now: datetime) -> None:
    voucher_type = make_type()
    limit(voucher_type, 1, period="month")
    voucher = make_voucher(member=mai, voucher_type=voucher_type)
    use("AAAA1111", mai, now)
    later = now + timedelta(days=40)

    (back,) = roll_back(later)

    assert (back.state, back.used_at, back.ended_at) == ("rolled_back", now, later)
    assert uses_left(voucher) == 1
    assert [row[3] for row in counted()] == [0]
    assert roll_back(later + timedelta(days=1))[0].ended_at == later
    assert uses_left(voucher) == 1
    assert use("AAAA1111", mai, later, reference="HD-2")[0].state == "used"


def test_a_code_past_its_end_stays_past_it(mai: Member, now: datetime) -> None:
    end = now + timedelta(days=1)
    voucher = make_voucher(member=mai, valid_until=end)
    use("AAAA1111", mai, now)

    roll_back(now + timedelta(days=2))

    voucher.refresh_from_db()
    assert (voucher.valid_until, voucher.uses) == (end, 0)
    with pytest.raises(VoucherRefused) as refusal:
        use("AAAA1111", mai, now + timedelta(days=2), reference="HD-2")
    assert refusal.value.extra["vouchers"][0]["reason"] == "over"


def test_what_does_not_come_back_stays_used(mai: Member, now: datetime) -> None:
    once = make_type("once", returns_on_refund=False)
    make_voucher("AAAA1111", member=mai, voucher_type=once)
    make_voucher("BBBB2222", member=mai, voucher_type=make_type("often"))
    use("AAAA1111", mai, now)
    use(["BBBB2222"], mai, now, reference="HD-2")

    with pytest.raises(VoucherUseClosed, match="do not come back"):
        roll_back(now)
    roll_back(now, "HD-2")

    assert states() == ["used", "rolled_back"]


def test_of_several_those_that_come_back_do(mai: Member, now: datetime) -> None:
    once = make_type("once", returns_on_refund=False)
    make_voucher("AAAA1111", member=mai, voucher_type=once)
    make_voucher("BBBB2222", member=mai, voucher_type=make_type("often"))
    use(["AAAA1111", "BBBB2222"], mai, now)

    roll_back(now)

    assert states() == ["used", "rolled_back"]


def test_what_is_only_held_is_released_instead(mai: Member, now: datetime) -> None:
    make_voucher(member=mai)
    hold("AAAA1111", mai, now)

    with pytest.raises(VoucherUseClosed) as refusal:
        roll_back(now)

    assert refusal.value.extra == {"state": "held"}
    assert states() == ["held"]
    with pytest.raises(VoucherUseNotFound):
        roll_back(now, "HD-2")
