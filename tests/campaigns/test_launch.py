"""What staff read before a campaign starts."""

from datetime import datetime, time
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import Campaign, CampaignPolicy
from campaigns.services import save_board
from members.models import Member
from messaging.models import SendingChannel, SendingPolicy
from messaging.services import connect_official_account
from rewards.models import Benefit
from tests import factories
from tests.campaigns.journeys import EVERYBODY


@pytest.fixture
def campaign(mai: Member, binh: Member) -> Campaign:
    template = factories.make_template()
    benefit = Benefit.objects.create(
        code="b", name="Ly cà phê", kind="donation", value=Decimal(15_000), cause="x"
    )
    campaign = Campaign.objects.create(
        code="all", name="All", conditions=EVERYBODY, episode="once", goal_benefit=benefit
    )
    tree = [
        {"key": "m1", "kind": "message", "template": template.pk},
        {"key": "g1", "kind": "give", "benefit": benefit.pk},
    ]
    save_board(campaign=campaign, tree=tree)
    return campaign


def read(console: Client, campaign: Campaign) -> str:
    page = reverse("admin:campaigns_campaign_act", args=[campaign.pk, "start"])
    return console.get(page).content.decode()


def test_cost_law_and_who_approves(
    console: Client, campaign: Campaign, now: datetime
) -> None:
    connect_official_account(oa_id="1", refresh_token="grant")
    console.get(reverse("admin:messaging_sendingchannel_changelist"))
    SendingChannel.objects.filter(channel="zalo_phone").update(price=300)
    CampaignPolicy.objects.create(pk=1, approve_above=1)
    policy = SendingPolicy.current()
    policy.marketing_from, policy.marketing_until = time(9), time(20)
    policy.save()

    text = read(console, campaign)

    for line in (
        "2 will get a message: 2 by ZNS.",
        "The first message costs about 600 ₫.",
        "What its steps give costs at most 30.000 ₫ for those who match now.",
        "Whoever reaches the goal gets: Ly cà phê.",
        "Offers leave from 09:00 to 20:00, at most 1 in 24 hours and 3 in 7 days",
        "There is no hold-out group: nobody will know what it brought.",
        "It reaches more than 1 members: a second person has to approve it.",
    ):
        assert line in text, line


def test_a_hold_out_group_is_named(console: Client, campaign: Campaign) -> None:
    Campaign.objects.update(holdout_percent=10)
    assert "10 of a hundred are left alone, to compare." in read(console, campaign)
