"""The job that must never fail: bought, lapsed, called back, returned."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from activities.models import Order
from campaigns.models import CampaignRun, Enrolment
from campaigns.presets import COME_BACK, RECENT, TAG, create_presets
from campaigns.services import find_campaign, run_campaign
from members.models import Member, MemberTag
from messaging.models import Message
from tests.api.conftest import Till

pytestmark = pytest.mark.django_db


def run(code: str, at: datetime) -> None:
    campaign = find_campaign(code=code)
    run_campaign(campaign=campaign, at=at, trigger=CampaignRun.Trigger.CLOCK)


def has_tag(member: Member) -> bool:
    return MemberTag.objects.filter(member=member, tag__code=TAG).exists()


def buy(till: Till, number: str, at: datetime) -> dict[str, object]:
    response = till.order(order_id=number, placed_at=at.isoformat(), key=number)
    assert response.status_code == 201
    return dict(response.json())


def test_a_lapsed_member_comes_back(till: Till, mai: Member) -> None:
    now = timezone.now()
    create_presets(at=now - timedelta(days=90))
    assert buy(till, "before", now - timedelta(days=60))["balance"] == 18

    # A month later the purchase is still recent; today it is not.
    run(RECENT, now - timedelta(days=30))
    assert has_tag(mai)
    run(RECENT, now)
    assert not has_tag(mai)

    run(COME_BACK, now)
    enrolment = Enrolment.objects.get(member=mai)
    assert enrolment.state == Enrolment.State.ACTIVE
    assert Message.objects.filter(member=mai).count() == 1

    answer = buy(till, "after", timezone.now())

    assert (answer["status"], answer["points"], answer["balance"]) == ("recorded", 18, 36)
    assert has_tag(mai)
    enrolment.refresh_from_db()
    assert enrolment.state == Enrolment.State.RETURNED
    assert enrolment.return_order == Order.objects.get(external_id="after")

    # Nothing is left to say to somebody who is here.
    run(COME_BACK, timezone.now())
    assert Message.objects.filter(member=mai).count() == 1


def test_an_order_sent_again_changes_nothing(till: Till, mai: Member) -> None:
    now = timezone.now()
    create_presets(at=now - timedelta(days=90))
    buy(till, "before", now - timedelta(days=60))
    run(COME_BACK, now)
    till.order(order_id="after", placed_at=now.isoformat(), key="a")
    closed_at = Enrolment.objects.get(member=mai).closed_at

    till.order(order_id="after", placed_at=now.isoformat(), key="b")

    assert Enrolment.objects.get(member=mai).closed_at == closed_at
    assert MemberTag.objects.filter(member=mai).count() == 1
