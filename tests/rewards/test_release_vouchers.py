"""Letting go of held vouchers: by the till, or when their time is over."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from members.models import Member
from rewards.errors import VoucherUseClosed, VoucherUseNotFound
from rewards.models import Reward, VoucherUse
from rewards.services import redeem_reward, release_stale_holds, release_vouchers
from rewards.tasks import release_held
from tests import factories
from tests.points.helpers import give
from tests.rewards.helpers import make_benefit, make_reward
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

END = timedelta(minutes=15)


def release(at: datetime, reference: str = "HD-1") -> list[VoucherUse]:
    return release_vouchers(source=SOURCE, reference=reference, at=at)


def test_uses_and_limits_go_back(mai: Member, now: datetime) -> None:
    voucher_type = make_type()
    limit(voucher_type, 1, period="day")
    limit(voucher_type, 9, per="everyone")
    voucher = make_voucher(member=mai, voucher_type=voucher_type)
    hold("AAAA1111", mai, now)

    (released,) = release(now + timedelta(minutes=1))

    assert (released.state, released.ended_at) == ("released", now + timedelta(minutes=1))
    assert uses_left(voucher) == 1
    assert [row[3] for row in counted()] == [0, 0]
    assert release(now + timedelta(days=1))[0].ended_at == now + timedelta(minutes=1)
    assert uses_left(voucher) == 1


def test_a_limit_gets_back_only_what_it_counted(mai: Member, now: datetime) -> None:
    voucher_type = make_type(uses_per_code=None)
    make_voucher(member=mai, voucher_type=voucher_type)
    hold("AAAA1111", mai, now)
    limit(voucher_type, 2)
    hold("AAAA1111", mai, now, reference="HD-2")

    release(now)
    assert [row[3] for row in counted()] == [1]
    release(now, "HD-2")
    assert [row[3] for row in counted()] == [0]


def test_the_day_that_counted_it_gets_it_back(mai: Member, now: datetime) -> None:
    """Held before midnight in Ho Chi Minh City, let go after it."""
    voucher_type = make_type(uses_per_code=None)
    limit(voucher_type, 1, period="day")
    make_voucher(member=mai, voucher_type=voucher_type)
    evening = now.replace(hour=16, minute=59)
    hold("AAAA1111", mai, evening)
    hold("AAAA1111", mai, evening + timedelta(minutes=2), reference="HD-2")
    assert [row[3] for row in counted()] == [1, 1]

    release(evening + timedelta(minutes=5))

    assert [row[3] for row in counted()] == [0, 1]


def test_what_was_used_is_not_released(mai: Member, now: datetime) -> None:
    voucher = make_voucher(member=mai)
    use("AAAA1111", mai, now)

    with pytest.raises(VoucherUseClosed) as refusal:
        release(now)

    assert refusal.value.extra == {"state": "used"}
    assert uses_left(voucher) == 0
    with pytest.raises(VoucherUseNotFound):
        release(now, "HD-2")


def test_holds_lapse_at_their_end_and_not_a_second_before(
    mai: Member, now: datetime
) -> None:
    voucher = make_voucher(member=mai)
    hold("AAAA1111", mai, now)

    assert release_stale_holds(at=now + END - timedelta(seconds=1)) == 0
    assert states() == ["held"]
    assert release_stale_holds(at=now + END) == 1
    assert release_stale_holds(at=now + END) == 0

    assert states() == ["lapsed"]
    assert uses_left(voucher) == 1
    assert release(now + END)[0].state == "lapsed"


def test_only_what_is_overdue_lapses(mai: Member, now: datetime) -> None:
    voucher_type = make_type(uses_per_code=None)
    make_voucher("AAAA1111", member=mai, voucher_type=voucher_type)
    make_voucher("BBBB2222", member=mai, voucher_type=voucher_type)
    hold(["AAAA1111", "BBBB2222"], mai, now)
    hold("AAAA1111", mai, now + END, reference="HD-2")
    use("BBBB2222", mai, now, reference="HD-3")

    assert release_stale_holds(at=now + END) == 2

    assert states() == ["lapsed", "lapsed", "held", "used"]


def test_the_worker_gives_back_what_nobody_used_or_paid(mai: Member, now: datetime) -> None:
    """Long past: the worker looks at its own clock."""
    factories.make_wallet()
    give(mai, 100, "opening", now)
    make_voucher(member=mai)
    hold("AAAA1111", mai, now)
    benefit = make_benefit(voucher_type=make_type("coffee"))
    reward = make_reward(benefit, price_amount=50_000, stock=1)
    redeem_reward(member=mai, reward=reward, key="k", at=now)

    assert release_held() == 2

    assert states() == ["lapsed"]
    assert Reward.objects.get().taken == 0
