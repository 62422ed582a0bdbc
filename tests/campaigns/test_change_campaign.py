"""What decides who gets what of a campaign that acts changes with a second person."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from campaigns.admin.campaign import CampaignForm
from campaigns.approving import LOOKED_AT
from campaigns.changing import DECIDES_NOTHING, change_campaign
from campaigns.models import Campaign, CampaignPolicy
from campaigns.services import (
    TransitionRefused,
    drain_campaign,
    end_campaign,
    pause_campaign,
    run_campaign,
    save_board,
    start_campaign,
)
from core.approvals import NotAllowed, approve_change, reject_change
from core.models import ChangeRequest
from members.models import Member
from rewards.models import Benefit
from tests.campaigns.journeys import EVERYBODY, wait
from tests.console import allow, form_data
from tests.rewards.helpers import make_benefit

NOBODY = {"any": []}
MEN = {"all": [{"field": "gender", "is": "is", "value": "male"}]}
REFUSED = "was changed after it was asked for"


@pytest.fixture
def campaign(mai: Member, binh: Member, now: datetime) -> Campaign:
    """A running campaign that meets nobody, where one member is the bound."""
    CampaignPolicy.objects.create(pk=1, approve_above=1)
    campaign = Campaign.objects.create(
        code="all", name="All", conditions=NOBODY, episode="once"
    )
    save_board(campaign=campaign, tree=[wait("w1", 1)])
    return start_campaign(campaign=campaign, at=now)


@pytest.fixture
def boss(db: None) -> User:
    return User.objects.create_superuser("boss", "boss@example.com", "boss-password")


def page_of(campaign: Campaign) -> str:
    return reverse("admin:campaigns_campaign_change", args=[campaign.pk])


def save(console: Client, campaign: Campaign, address: str = "", **fields: Any) -> Any:
    """Send a campaign's form as a browser does, with some fields changed."""
    data = form_data(console.get(page_of(campaign)))
    if "conditions" in fields:
        fields["conditions"] = json.dumps(fields["conditions"])
    response = console.post(address or page_of(campaign), data | fields, follow=True)
    campaign.refresh_from_db()
    return response


def test_each_field_of_the_form_decides_something_or_nothing() -> None:
    decides = {name.removesuffix("_id") for name in LOOKED_AT}
    assert not decides & set(DECIDES_NOTHING)
    assert decides | set(DECIDES_NOTHING) == set(CampaignForm.Meta.fields)


def test_who_changes_when_a_second_person_approves(
    console: Client, staff: User, boss: User, campaign: Campaign, now: datetime
) -> None:
    response = save(console, campaign, name="Everybody", conditions=EVERYBODY)

    assert "until then everything that decides who gets what stays as it was" in (
        response.content.decode()
    )
    assert (campaign.name, campaign.conditions) == ("Everybody", NOBODY)
    request = ChangeRequest.objects.get()
    assert request.summary == ("Change “All”, which is running: who. 0 members → 2 members")
    with pytest.raises(NotAllowed):
        approve_change(request, by=staff, at=now)
    approve_change(request, by=boss, at=now)
    campaign.refresh_from_db()
    assert (campaign.name, campaign.conditions) == ("Everybody", EVERYBODY)
    first = campaign.history.first()
    assert (first.history_change_reason, first.history_user) == ("staff + boss", boss)


def test_the_second_person_reads_what_changes_from_what_to_what(
    console: Client, campaign: Campaign
) -> None:
    gift = make_benefit("voucher", name="Tách cà phê")
    changed = {"conditions": EVERYBODY, "episode": "month", "goal_benefit": gift.pk}
    save(console, campaign, **changed, leaves="")
    request = ChangeRequest.objects.get()

    address = reverse("admin:core_changerequest_change", args=[request.pk])
    differences = console.get(address).context["differences"]

    assert [tuple(one) for one in differences] == [
        ("Reaches", "0 members", "2 members"),
        ("who", "Members who do not exist.", "Members who are in the programme."),
        ("how often", "once per member", "once a month"),
        ("leave when the conditions no longer hold", "yes", "no"),
        ("given for reaching the goal", "nothing", "Tách cà phê"),
    ]


def test_the_page_says_so_and_names_what_waits(console: Client, campaign: Campaign) -> None:
    save(console, campaign, conditions=EVERYBODY)
    text = console.get(page_of(campaign)).content.decode()
    assert "where it then meets more than 1 member, a second person" in text
    assert "0 members → 2 members" in text


def test_what_decides_nothing_is_saved_at_once(console: Client, campaign: Campaign) -> None:
    Campaign.objects.update(conditions=EVERYBODY)
    save(console, campaign, name="Everybody", description="For all", position="7")
    assert (campaign.name, campaign.description) == ("Everybody", "For all")
    assert (campaign.position, ChangeRequest.objects.count()) == (7, 0)


@pytest.mark.parametrize("bound", [2, None])
def test_up_to_the_bound_one_person_is_enough(
    console: Client, campaign: Campaign, bound: int | None
) -> None:
    CampaignPolicy.objects.update(approve_above=bound)
    save(console, campaign, conditions=EVERYBODY, days="30")
    assert (campaign.conditions, campaign.days) == (EVERYBODY, 30)
    assert not ChangeRequest.objects.exists()


def test_who_narrows_it_below_the_bound_needs_nobody(
    console: Client, campaign: Campaign
) -> None:
    Campaign.objects.update(conditions=EVERYBODY)
    save(console, campaign, conditions=MEN)
    assert (campaign.conditions, ChangeRequest.objects.count()) == (MEN, 0)


def test_a_draft_saves_as_it_is_and_asks_when_it_starts(
    console: Client, campaign: Campaign
) -> None:
    Campaign.objects.update(state="draft")
    save(console, campaign, conditions=EVERYBODY)
    assert (campaign.conditions, ChangeRequest.objects.count()) == (EVERYBODY, 0)
    text = console.get(page_of(campaign)).content.decode()
    assert "a second person has to approve it first" not in text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("days", "60"),
        ("episode", "month"),
        ("rest_days", "3"),
        ("goal", "none"),
        ("goal_days", "7"),
        ("holdout_percent", "10"),
        ("mode", "recurring"),
    ],
)
def test_each_thing_that_decides_waits(
    console: Client, campaign: Campaign, field: str, value: str
) -> None:
    Campaign.objects.update(conditions=EVERYBODY)
    before = Campaign.objects.filter(pk=campaign.pk).values().get()
    save(console, campaign, **{field: value})
    assert Campaign.objects.filter(pk=campaign.pk).values().get() == before
    assert field in ChangeRequest.objects.get().payload["after"]


def test_a_pause_is_no_way_around_it(
    console: Client, boss: User, campaign: Campaign, now: datetime
) -> None:
    pause_campaign(campaign=campaign, at=now)
    save(console, campaign, conditions=EVERYBODY)
    act = reverse("admin:campaigns_campaign_act", args=[campaign.pk, "resume"])
    console.post(act)
    campaign.refresh_from_db()
    assert (campaign.state, campaign.conditions) == ("running", NOBODY)

    approve_change(ChangeRequest.objects.get(), by=boss, at=now)
    campaign.refresh_from_db()
    assert (campaign.state, campaign.conditions) == ("running", EVERYBODY)


def test_who_is_under_way_counts_where_nobody_enters_any_more(
    console: Client, campaign: Campaign, now: datetime
) -> None:
    Campaign.objects.update(conditions=EVERYBODY, leaves=False)
    run_campaign(campaign=campaign, at=now, trigger="staff")
    drain_campaign(campaign=campaign, at=now)
    save(console, campaign, conditions=NOBODY)
    assert (campaign.conditions, ChangeRequest.objects.count()) == (EVERYBODY, 1)
    assert ChangeRequest.objects.get().payload["reach"] == [2, 2]


def test_who_is_under_way_counts_beside_whom_the_conditions_meet(
    console: Client, campaign: Campaign, now: datetime
) -> None:
    Campaign.objects.update(conditions=EVERYBODY, leaves=False)
    run_campaign(campaign=campaign, at=now, trigger="staff")
    save(console, campaign, conditions=MEN, goal_days="60")
    assert (campaign.conditions, campaign.goal_days) == (EVERYBODY, 30)
    assert ChangeRequest.objects.get().payload["reach"] == [2, 2]


def test_the_same_change_is_asked_for_once(console: Client, campaign: Campaign) -> None:
    save(console, campaign, conditions=EVERYBODY)
    save(console, campaign, conditions=EVERYBODY)
    assert ChangeRequest.objects.count() == 1
    save(console, campaign, conditions=EVERYBODY, days="30")
    assert ChangeRequest.objects.count() == 2


def test_what_was_changed_since_needs_a_new_look(
    console: Client, boss: User, campaign: Campaign, now: datetime
) -> None:
    save(console, campaign, conditions=EVERYBODY)
    Campaign.objects.update(days=30)

    with pytest.raises(TransitionRefused) as refusal:
        approve_change(ChangeRequest.objects.get(), by=boss, at=now)

    assert REFUSED in str(refusal.value)
    campaign.refresh_from_db()
    assert (campaign.conditions, ChangeRequest.objects.get().state) == (NOBODY, "open")


def test_new_steps_since_need_a_new_look(
    console: Client, boss: User, campaign: Campaign, now: datetime
) -> None:
    save(console, campaign, conditions=EVERYBODY)
    save_board(campaign=campaign, tree=[wait("w1", 2)])
    Campaign.objects.update(version=2)
    with pytest.raises(TransitionRefused, match=REFUSED):
        approve_change(ChangeRequest.objects.get(), by=boss, at=now)


def test_what_is_over_by_now_stays_as_it_was(
    console: Client, boss: User, campaign: Campaign, now: datetime
) -> None:
    save(console, campaign, conditions=EVERYBODY)
    end_campaign(campaign=campaign, at=now)
    with pytest.raises(TransitionRefused, match=REFUSED):
        approve_change(ChangeRequest.objects.get(), by=boss, at=now)
    campaign.refresh_from_db()
    assert campaign.conditions == NOBODY


def test_a_gift_that_is_gone_is_refused(
    console: Client, boss: User, campaign: Campaign, now: datetime
) -> None:
    Campaign.objects.update(conditions=EVERYBODY)
    gift = make_benefit("voucher", name="Tách cà phê")
    save(console, campaign, goal_benefit=str(gift.pk))
    Benefit.objects.all().delete()
    with pytest.raises(TransitionRefused, match="is no longer there"):
        approve_change(ChangeRequest.objects.get(), by=boss, at=now)
    campaign.refresh_from_db()
    assert campaign.goal_benefit is None


def test_when_it_is_rejected_nothing_changes(
    console: Client, boss: User, campaign: Campaign, now: datetime
) -> None:
    save(console, campaign, conditions=EVERYBODY)
    reject_change(ChangeRequest.objects.get(), by=boss, at=now)
    campaign.refresh_from_db()
    assert campaign.conditions == NOBODY


def test_an_old_state_comes_back_with_a_second_person_only(
    console: Client, campaign: Campaign
) -> None:
    """History offers each earlier state for reverting."""
    Campaign.objects.update(conditions=EVERYBODY)
    campaign.refresh_from_db()
    campaign.save()
    wide = campaign.history.first()
    Campaign.objects.update(conditions=NOBODY, version=3)
    back = reverse(
        "admin:campaigns_campaign_simple_history", args=[campaign.pk, wide.history_id]
    )

    data = form_data(console.get(page_of(campaign)))
    console.post(back, data | {"conditions": json.dumps(EVERYBODY)})

    campaign.refresh_from_db()
    assert (campaign.conditions, campaign.version) == (NOBODY, 3)
    assert ChangeRequest.objects.get().kind == "change_campaign"


def test_a_form_that_is_saved_late_leaves_state_and_steps_alone(
    staff: User, campaign: Campaign, now: datetime
) -> None:
    opened = Campaign.objects.get(pk=campaign.pk)
    pause_campaign(campaign=campaign, at=now)
    Campaign.objects.update(version=2)
    opened.name = "Late"

    assert change_campaign(campaign=opened, by=staff, at=now) is None

    campaign.refresh_from_db()
    assert (campaign.name, campaign.state, campaign.version) == ("Late", "paused", 2)
    assert (opened.state, opened.version) == ("paused", 2)


def test_who_may_not_run_campaigns_is_refused(
    helper: User, helper_console: Client, campaign: Campaign
) -> None:
    allow(helper, "change_campaign", "view_campaign")
    response = save(helper_console, campaign, name="Mine", conditions=EVERYBODY)
    assert "You may not ask for this." in response.content.decode()
    assert (campaign.name, campaign.conditions) == ("All", NOBODY)
    assert not ChangeRequest.objects.exists()
