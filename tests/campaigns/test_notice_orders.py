"""A purchase arrives: the tag is back at once, and who was called back has returned."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from activities.services import OrderFact
from campaigns.models import Campaign, Enrolment
from campaigns.services import pause_campaign, run_campaign
from flows.record import record
from members.models import Member, MemberTag
from points.audit import verify_ledger
from points.models import Transfer, Wallet
from points.queries import balances
from rewards.models import Benefit, GivenBenefit
from tests.campaigns.conftest import Buy
from tests.factories import make_wallet


def is_tagged(member: Member) -> bool:
    return MemberTag.objects.filter(member=member, tag__code="45").exists()


def test_the_tag_is_back_in_the_same_transaction(
    recent: Campaign, mai: Member, binh: Member, buy: Buy
) -> None:
    buy(mai)

    assert is_tagged(mai)
    assert not is_tagged(binh)


def promise(campaign: Campaign, wallet: Wallet) -> None:
    """Let a campaign give a hundred points to who comes back."""
    campaign.goal_benefit = Benefit.objects.create(
        code="back", name="100 điểm", kind="points", wallet=wallet, amount=100
    )
    campaign.save(update_fields=["goal_benefit"])


@pytest.mark.parametrize(("days_ago", "expected"), [(45, True), (46, False)])
def test_only_an_order_inside_the_window_counts(
    recent: Campaign, mai: Member, buy: Buy, days_ago: int, expected: bool
) -> None:
    buy(mai, days_ago=days_ago)

    assert is_tagged(mai) is expected


def test_a_paused_campaign_tags_nobody(
    recent: Campaign, mai: Member, buy: Buy, now: datetime
) -> None:
    pause_campaign(campaign=recent, at=now, actor="staff")

    buy(mai)

    assert not is_tagged(mai)


def test_the_tag_keeps_the_day_since_when(
    recent: Campaign, mai: Member, buy: Buy, now: datetime
) -> None:
    buy(mai)
    buy(mai, at=now + timedelta(days=3))

    assert MemberTag.objects.get().tagged_at == now


def test_a_member_who_buys_again_has_returned(
    come_back: Campaign, mai: Member, binh: Member, buy: Buy, now: datetime
) -> None:
    buy(mai, days_ago=46)
    buy(binh, days_ago=46)
    run_campaign(campaign=come_back, at=now, trigger="clock")
    back = now + timedelta(hours=5)

    order_id = buy(mai, at=back)

    returned = Enrolment.objects.get(member=mai)
    assert (returned.state, returned.closed_at, returned.return_order_id) == (
        "returned",
        back,
        order_id,
    )
    assert Enrolment.objects.get(member=binh).state == "active"


def test_coming_back_is_rewarded_once_as_promised(
    come_back: Campaign, mai: Member, buy: Buy, now: datetime
) -> None:
    promise(come_back, make_wallet(expiry_months=12))
    buy(mai, days_ago=46)
    run_campaign(campaign=come_back, at=now, trigger="clock")

    buy(mai, at=now + timedelta(days=1))
    buy(mai, at=now + timedelta(days=2))

    gift = Transfer.objects.get(source_type="benefit")
    assert (gift.amount, gift.kind, gift.note) == (100, "earn", "100 điểm")
    given = GivenBenefit.objects.get()
    assert (given.pk, given.source, given.source_id) == (
        gift.source_id,
        "campaign",
        come_back.pk,
    )
    assert given.key == f"campaign-goal:{Enrolment.objects.get().pk}"
    assert balances([mai.pk]) == {mai.pk: 100}
    assert verify_ledger().ok


def test_who_was_not_called_back_gets_nothing_extra(
    come_back: Campaign, binh: Member, buy: Buy, now: datetime
) -> None:
    promise(come_back, make_wallet())

    buy(binh, at=now)

    assert not Transfer.objects.exists()


def test_an_order_from_before_brings_nobody_back(
    come_back: Campaign, mai: Member, buy: Buy, now: datetime
) -> None:
    buy(mai, days_ago=100)
    run_campaign(campaign=come_back, at=now, trigger="clock")

    buy(mai, days_ago=60, at=now + timedelta(days=1))

    enrolment = Enrolment.objects.get()
    assert (enrolment.state, enrolment.return_order_id) == ("active", None)


def test_the_first_order_of_a_batch_is_the_return(
    come_back: Campaign, mai: Member, buy: Buy, now: datetime
) -> None:
    buy(mai, days_ago=46)
    run_campaign(campaign=come_back, at=now, trigger="clock")
    later = now + timedelta(days=5)
    facts = [
        OrderFact("pos", f"B{hours}", mai.pk, now + timedelta(hours=hours), Decimal(1))
        for hours in (30, 10, 20)
    ]

    answers = record(facts, at=later)

    assert Enrolment.objects.get().return_order_id == answers[1].order_id


@pytest.mark.parametrize(("later", "state"), [(0, "returned"), (1, "active")])
def test_after_the_days_of_the_goal_nobody_has_returned(
    come_back: Campaign, mai: Member, buy: Buy, now: datetime, later: int, state: str
) -> None:
    """Whoever bought a minute too late is closed by the clock, not by the order."""
    buy(mai, days_ago=46)
    run_campaign(campaign=come_back, at=now, trigger="clock")

    buy(mai, at=now + timedelta(days=30, minutes=later))

    assert Enrolment.objects.get().state == state
