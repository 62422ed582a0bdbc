"""From a pool comes what ends first, and never what has ended."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from members.models import Member
from rewards.errors import BenefitUnavailable
from rewards.giving import Giving, give_benefit
from rewards.models import Voucher
from tests.rewards.batches.helpers import pooled
from tests.rewards.helpers import make_benefit, make_voucher_type

pytestmark = pytest.mark.django_db


def test_what_ends_first_goes_first(mai: Member, now: datetime) -> None:
    grab = make_voucher_type(codes="pool")
    benefit = make_benefit(voucher_type=grab)
    pooled(grab, "ENDLESS1", "ENDLESS2")
    pooled(grab, "LATER", valid_until=now + timedelta(days=9))
    pooled(grab, "SOON", valid_until=now + timedelta(days=1))
    pooled(grab, "OVER", valid_until=now)

    given = []
    for number in range(4):
        giving = Giving(benefit, mai.pk, f"key{number}", "staff")
        given.append(give_benefit(giving, at=now).vouchers.get().code)

    assert given == ["SOON", "LATER", "ENDLESS1", "ENDLESS2"]
    with pytest.raises(BenefitUnavailable):
        give_benefit(Giving(benefit, mai.pk, "key4", "staff"), at=now)
    assert Voucher.objects.get(code="OVER").state == "pooled"
