"""Asked just before sending: does the reason still hold?"""

from datetime import datetime, timedelta

from campaigns.eligibility import still_eligible
from campaigns.models import Campaign
from campaigns.services import run_campaign
from members.models import Member
from messaging.fields import ineligible
from messaging.models import Message
from tests.campaigns.conftest import Buy


def test_who_is_still_away_gets_it(
    come_back: Campaign, mai: Member, buy: Buy, now: datetime
) -> None:
    buy(mai, days_ago=46)
    run_campaign(campaign=come_back, at=now, trigger="clock")

    assert ineligible(list(Message.objects.all()), now) == {}


def test_who_has_returned_does_not(
    come_back: Campaign, mai: Member, buy: Buy, now: datetime
) -> None:
    buy(mai, days_ago=46)
    run_campaign(campaign=come_back, at=now, trigger="clock")
    later = now + timedelta(hours=2)
    buy(mai, at=later)
    message = Message.objects.get()

    assert ineligible([message], later) == {message.pk: "returned"}


def test_a_late_order_inside_the_window_counts_too(
    come_back: Campaign, mai: Member, buy: Buy, now: datetime
) -> None:
    buy(mai, days_ago=46)
    run_campaign(campaign=come_back, at=now, trigger="clock")
    buy(mai, days_ago=1)
    message = Message.objects.get()

    assert still_eligible([message], now) == {message.pk: "no_longer_matches"}


def test_a_blocked_member_does_not(
    come_back: Campaign, mai: Member, buy: Buy, now: datetime
) -> None:
    buy(mai, days_ago=46)
    run_campaign(campaign=come_back, at=now, trigger="clock")
    Member.objects.update(state=Member.State.BLOCKED)
    message = Message.objects.get()

    assert still_eligible([message], now) == {message.pk: "no_longer_matches"}
