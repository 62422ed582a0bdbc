"""What staff read before a campaign starts."""

from collections.abc import Callable
from datetime import datetime, time, timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from campaigns import preview
from campaigns.admin import launch
from campaigns.enrolling import is_held_out
from campaigns.models import Campaign, CampaignPolicy
from campaigns.services import save_board
from core.money import format_money
from members.models import Member
from messaging.models import Message, SendingChannel, SendingPolicy
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


@pytest.fixture
def crowd(campaign: Campaign) -> Callable[[], tuple[int, int]]:
    """Forty more members, half of whom are left alone; returns who gets it and who not."""
    for number in range(40):
        factories.make_member(phone=f"09120001{number:02}")
    Campaign.objects.update(holdout_percent=50)
    campaign.refresh_from_db()

    def groups() -> tuple[int, int]:
        policy = CampaignPolicy.current()
        members = Member.objects.values_list("pk", flat=True)
        alone = sum(is_held_out(campaign, pk, policy) for pk in members)
        return len(members) - alone, alone

    return groups


def test_who_is_left_alone_is_not_said_to_get_a_message(
    console: Client, campaign: Campaign, crowd: Callable[[], tuple[int, int]]
) -> None:
    connect_official_account(oa_id="1", refresh_token="grant")
    console.get(reverse("admin:messaging_sendingchannel_changelist"))
    SendingChannel.objects.filter(channel="zalo_phone").update(price=300)
    gets, alone = crowd()
    assert (gets + alone, 0 < alone < 42) == (42, True)

    text = read(console, campaign)

    for line in (
        f'<p class="console-big">{gets} members</p>',
        f"{gets} will get a message: {gets} by ZNS.",
        f"{alone} more are left alone, to compare: the hold-out group.",
        f"The first message costs about {format_money(Decimal(gets * 300), 'VND')}.",
        f"costs at most {format_money(Decimal(gets * 15_000), 'VND')} for those who match",
    ):
        assert line in text, line


def test_the_hold_out_group_of_all_campaigns_is_left_alone_too(
    console: Client, campaign: Campaign, crowd: Callable[[], tuple[int, int]]
) -> None:
    Campaign.objects.update(holdout_percent=0)
    campaign.refresh_from_db()
    CampaignPolicy.objects.create(pk=1, holdout_percent=20)
    gets, alone = crowd()
    assert 0 < alone < 42
    text = read(console, campaign)
    assert f"{gets} will get a message: {gets} by ZNS." in text
    assert "left alone, to compare: the hold-out group." in text


def test_the_preview_tells_the_same(
    console: Client, campaign: Campaign, crowd: Callable[[], tuple[int, int]]
) -> None:
    gets, alone = crowd()
    page = reverse("admin:campaigns_campaign_preview", args=[campaign.pk])
    text = console.get(page).content.decode()
    assert '<p class="console-big">42 members</p>' in text
    assert f"{gets} will get a message: {gets} by ZNS." in text
    assert f"{alone} more are left alone, to compare: the hold-out group." in text


def test_of_very_many_the_share_is_told(
    console: Client,
    campaign: Campaign,
    crowd: Callable[[], tuple[int, int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    CampaignPolicy.objects.create(pk=1, holdout_percent=20)
    monkeypatch.setattr(preview, "EXACT_UP_TO", 41)
    text = read(console, campaign)
    # Of 42, a half and a fifth of the other half.
    assert '<p class="console-big">17 members</p>' in text
    assert "About 17 will get a message: 17 by ZNS." in text
    assert "About 25 more are left alone, to compare: the hold-out group." in text


def test_a_group_of_nobody_is_no_promise(
    console: Client, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    Campaign.objects.update(holdout_percent=1)
    monkeypatch.setattr(preview, "is_held_out", lambda *_told: False)
    line = "They are so few that none of them falls into the hold-out group."
    assert line in read(console, campaign)


def test_who_is_left_alone_has_not_had_enough(
    console: Client,
    offer: Campaign,
    mai: Member,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Campaign.objects.update(holdout_percent=50)
    offered(mai, offer, hours_ago=2, state="sent")
    for module in (preview, launch):
        monkeypatch.setattr(module, "is_held_out", lambda _c, pk, _p: pk == mai.pk)
    text = read(console, offer)
    assert "1 more is left alone, to compare: the hold-out group." in text
    assert "enough offers lately" not in text


@pytest.fixture
def offer(campaign: Campaign) -> Campaign:
    """A campaign that begins with an offer; there is an account to send it."""
    connect_official_account(oa_id="1", refresh_token="grant")
    return campaign


def offered(member: Member, campaign: Campaign, *, hours_ago: int, state: str) -> None:
    """Let a member have had an offer by phone."""
    step = campaign.steps.get(key="m1")
    sent_at = timezone.now() - timedelta(hours=hours_ago)
    Message.objects.create(
        key=f"earlier:{member.code}:{hours_ago}:{state}",
        member=member,
        template_id=step.template_id,
        channel="zalo_phone",
        state=state,
        due_at=sent_at,
        sent_at=sent_at,
    )


def test_says_who_has_had_enough(
    console: Client, offer: Campaign, mai: Member, binh: Member
) -> None:
    """A day is full with one, a week with three; what was refused counts nowhere."""
    text = "has had enough offers lately and will not get the first one."
    offered(mai, offer, hours_ago=25, state="delivered")
    offered(binh, offer, hours_ago=2, state="refused")
    assert text not in read(console, offer)
    offered(mai, offer, hours_ago=23, state="sent")
    assert f"1 member {text}" in read(console, offer)
    for hours_ago in (30, 60, 90):
        offered(binh, offer, hours_ago=hours_ago, state="delivered")
    assert "2 members have had enough offers lately" in read(console, offer)


def test_says_when_the_first_messages_leave_outside_the_hours(
    console: Client, offer: Campaign
) -> None:
    hour = timezone.localtime().hour
    policy = SendingPolicy.current()
    policy.marketing_from, policy.marketing_until = time(0), time(23, 59, 59)
    policy.save()
    assert "outside those hours" not in read(console, offer)

    policy.marketing_from, policy.marketing_until = (
        (time(22), time(23)) if hour < 12 else (time(1), time(2))
    )
    policy.save()
    leaves = "22:00" if hour < 12 else "01:00"
    assert f"the first messages leave at {leaves}" in read(console, offer)
    Campaign.objects.update(mode="recurring", episode="slot")
    assert "outside those hours" not in read(console, offer)


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({}, "It takes them in at once and looks for more every day"),
        ({"mode": "recurring", "episode": "slot"}, "It takes members in on its days"),
        (
            {"trigger": "event", "event": "order", "episode": "event"},
            "From now on it takes in whoever it happens to",
        ),
    ],
)
def test_says_when_it_takes_members_in(
    console: Client, campaign: Campaign, fields: dict[str, str], line: str
) -> None:
    Campaign.objects.update(**fields)
    assert line in read(console, campaign)
