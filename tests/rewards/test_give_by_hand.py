"""Benefits by hand: small at once, large ones only with a second person."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission, User
from django.utils import timezone

from core.approvals import NotAllowed, approve_change
from core.models import ChangeRequest, Programme
from members.models import Member
from points.by_hand import give_by_hand as give_points
from points.queries import balances
from rewards.by_hand import give_by_hand
from rewards.models import Benefit, Fulfilment, GivenBenefit, Voucher
from tests import factories
from tests.rewards.helpers import make_benefit

pytestmark = pytest.mark.django_db


def person(name: str, *codes: str) -> User:
    user = User.objects.create_user(name, password="x", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codes))
    return User.objects.get(pk=user.pk)


@pytest.fixture
def lan() -> User:
    return person("lan", "give_benefit", "adjust_points")


@pytest.fixture
def ha() -> User:
    return person("ha", "give_benefit", "adjust_points", "decide_changerequest")


def give(
    benefit: Benefit, member: Member, by: User, at: datetime, key: str = "k"
) -> GivenBenefit | ChangeRequest:
    return give_by_hand(benefit=benefit, member=member, key=key, at=at, note="Sorry", by=by)


def test_it_is_given_at_once_and_once(mai: Member, lan: User, now: datetime) -> None:
    benefit = make_benefit(value=50_000)

    first, again = give(benefit, mai, lan, now), give(benefit, mai, lan, now)

    assert first == again
    given = GivenBenefit.objects.get()
    assert (given.source, given.actor, given.note) == ("staff", "lan", "Sorry")
    assert Voucher.objects.get().member == mai


def test_above_the_bound_a_second_person_decides(
    mai: Member, lan: User, ha: User, now: datetime
) -> None:
    factories.make_programme(gift_approval_above=Decimal(100_000))
    benefit = make_benefit(value=60_000)
    give(benefit, mai, lan, now, "first")

    asked, again = (
        give(benefit, mai, lan, now, "second"),
        give(benefit, mai, lan, now, "second"),
    )

    assert isinstance(asked, ChangeRequest)
    assert asked == again
    assert asked.summary == "“A voucher” for Nguyễn Thị Mai: Sorry"
    assert Voucher.objects.count() == 1
    with pytest.raises(NotAllowed):
        approve_change(asked, by=lan, at=now)
    approve_change(asked, by=ha, at=now + timedelta(hours=1))
    assert Voucher.objects.count() == 2
    assert GivenBenefit.objects.get(key="second").actor == "lan + ha"


def test_each_person_each_member_and_each_day_count_alone(
    mai: Member, binh: Member, lan: User, ha: User, now: datetime
) -> None:
    factories.make_programme(gift_approval_above=Decimal(100_000))
    benefit = make_benefit("gift", value=100_000)

    told = [
        give(benefit, mai, lan, now, "a"),
        give(benefit, binh, lan, now, "b"),
        give(benefit, mai, ha, now, "c"),
        give(benefit, mai, lan, now + timedelta(days=1), "d"),
        give(benefit, mai, lan, now + timedelta(days=1), "e"),
    ]

    waits = [isinstance(one, ChangeRequest) for one in told]
    assert waits == [False, False, False, False, True]
    assert Fulfilment.objects.count() == 4


def test_points_follow_the_bound_of_their_wallet_and_count_together(
    mai: Member, lan: User
) -> None:
    now = timezone.now()
    wallet = factories.make_wallet(approval_above=100)
    benefit = make_benefit("points", wallet=wallet, amount=60)
    give(benefit, mai, lan, now, "a")

    assert isinstance(give(benefit, mai, lan, now, "b"), ChangeRequest)
    by_points = give_points(
        member=mai,
        wallet=wallet,
        amount=50,
        key="c",
        at=now,
        reason="goodwill",
        note="Sorry",
        by=lan,
    )
    assert isinstance(by_points, ChangeRequest)
    assert balances([mai.pk])[mai.pk] == 60


def test_without_a_bound_anything_goes(mai: Member, lan: User, now: datetime) -> None:
    assert Programme.current().gift_approval_above is None
    benefit = make_benefit("gift", value=10**9)
    assert isinstance(give(benefit, mai, lan, now), GivenBenefit)
