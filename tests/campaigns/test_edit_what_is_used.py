"""What a campaign that acts uses, and others keep, changes with a second person too."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from campaigns.approving import ask_to_start
from campaigns.models import Campaign, CampaignPolicy
from campaigns.services import (
    TransitionRefused,
    pause_campaign,
    publish_board,
    run_campaign,
    save_board,
    start_campaign,
)
from core.approvals import NotAllowed, approve_change, reject_change
from core.errors import Conflict
from core.models import ChangeRequest
from members.models import Member, Segment
from messaging.models import MessageTemplate
from rewards.models import Benefit
from tests import factories
from tests.campaigns.journeys import wait
from tests.console import allow, form_data, num_queries
from tests.rewards.helpers import make_benefit

NOBODY: dict[str, Any] = {"any": []}
EVERYBODY: dict[str, Any] = {"all": []}
IN_SEGMENT = {"field": "segment", "is": "is", "value": "best"}
REFUSED = "It was changed after it was asked for"
ASKED = "A second person has to approve this change."


@pytest.fixture
def segment(db: None) -> Segment:
    return Segment.objects.create(code="best", name="Best", conditions=NOBODY)


@pytest.fixture
def gift(db: None) -> Benefit:
    return make_benefit("donation", name="Tặng cây", cause="x", value=Decimal(20_000))


@pytest.fixture
def template(db: None) -> MessageTemplate:
    return factories.make_template()


@pytest.fixture
def campaign(
    mai: Member,
    binh: Member,
    segment: Segment,
    gift: Benefit,
    template: MessageTemplate,
    now: datetime,
) -> Campaign:
    """A running campaign for everybody but the best, where one member is the bound."""
    factories.make_programme()
    CampaignPolicy.objects.create(pk=1, approve_above=1)
    campaign = Campaign.objects.create(
        code="all",
        name="All",
        conditions={"not": IN_SEGMENT},
        episode="once",
        leaves=False,
    )
    tree = [
        wait("w1", 1),
        {"key": "m1", "kind": "message", "template": template.pk},
        {"key": "g1", "kind": "give", "benefit": gift.pk},
    ]
    save_board(campaign=campaign, tree=tree)
    return start_campaign(campaign=campaign, at=now)


@pytest.fixture
def boss(db: None) -> User:
    return User.objects.create_superuser("boss", "boss@example.com", "boss-password")


def page_of(one: Model) -> str:
    meta = one._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[one.pk])


def save(console: Client, one: Model, address: str = "", **fields: Any) -> str:
    """Send a form as a browser does, with some fields changed; return what is read."""
    data = form_data(console.get(page_of(one)))
    fields = {
        name: json.dumps(value) if isinstance(value, dict) else value
        for name, value in fields.items()
    }
    response = console.post(address or page_of(one), data | fields, follow=True)
    one.refresh_from_db()
    return response.content.decode()


def told(request: ChangeRequest, console: Client) -> list[tuple[str, str, str]]:
    """Return what the second person reads."""
    address = reverse("admin:core_changerequest_change", args=[request.pk])
    return [tuple(one) for one in console.get(address).context["differences"]]


# --- segments -----------------------------------------------------------------------------


def test_who_is_in_a_segment_changes_when_a_second_person_approves(
    console: Client,
    staff: User,
    boss: User,
    campaign: Campaign,
    segment: Segment,
    now: datetime,
) -> None:
    Segment.objects.update(conditions=EVERYBODY)
    segment.refresh_from_db()

    text = save(console, segment, name="Better", conditions=NOBODY)

    assert ASKED in text
    assert (segment.name, segment.conditions) == ("Best", EVERYBODY)
    request = ChangeRequest.objects.get()
    assert request.summary == (
        "Change segment “Best”: name, conditions. “All” meets 2 members."
    )
    assert told(request, console) == [
        ("“All” meets", "0 members", "2 members"),
        ("name", "Best", "Better"),
        ("conditions", "Members who are in the programme.", "Members who do not exist."),
    ]
    with pytest.raises(NotAllowed):
        approve_change(request, by=staff, at=now)
    approve_change(request, by=boss, at=now)
    segment.refresh_from_db()
    assert (segment.name, segment.conditions) == ("Better", NOBODY)


def test_who_narrows_it_below_the_bound_needs_nobody(
    console: Client, campaign: Campaign, segment: Segment
) -> None:
    save(console, segment, conditions=EVERYBODY)
    assert (segment.conditions, ChangeRequest.objects.count()) == (EVERYBODY, 0)


def test_the_form_names_what_it_touches_before_anything_is_saved(
    console: Client, campaign: Campaign, segment: Segment
) -> None:
    text = console.get(page_of(segment)).content.decode()
    assert "In use right now by:" in text
    assert f'<a class="console-link" href="{page_of(campaign)}">All</a>' in text
    assert "Where it meets more than 1 member, a second person has to approve" in text
    Campaign.objects.update(state="draft")
    assert "In use right now by:" not in console.get(page_of(segment)).content.decode()


def test_the_form_names_what_waits(
    console: Client, campaign: Campaign, segment: Segment, boss: User, now: datetime
) -> None:
    save(console, segment, conditions={"all": [IN_SEGMENT | {"value": "other"}]})
    Segment.objects.update(conditions=EVERYBODY)
    save(console, segment, conditions=NOBODY)
    request = ChangeRequest.objects.get()
    line = f'Waits for a second person: <a class="console-link" href="{page_of(request)}">'
    assert line in console.get(page_of(segment)).content.decode()
    reject_change(request, by=boss, at=now)
    assert "Waits for a second" not in console.get(page_of(segment)).content.decode()
    segment.refresh_from_db()
    assert segment.conditions == EVERYBODY


@pytest.mark.parametrize("bound", [2, None])
def test_up_to_the_bound_one_person_is_enough(
    console: Client, campaign: Campaign, segment: Segment, bound: int | None
) -> None:
    CampaignPolicy.objects.update(approve_above=bound)
    Segment.objects.update(conditions=EVERYBODY)
    save(console, segment, conditions=NOBODY)
    assert (segment.conditions, ChangeRequest.objects.count()) == (NOBODY, 0)


def test_what_decides_nothing_is_saved_at_once(
    console: Client, campaign: Campaign, segment: Segment
) -> None:
    save(console, segment, name="Better", description="Ours")
    assert (segment.name, segment.description) == ("Better", "Ours")
    assert not ChangeRequest.objects.exists()


@pytest.mark.parametrize(
    ("state", "asks"),
    [
        *(("draft", False), ("ended", False)),
        *(("running", True), ("paused", True)),
    ],
)
def test_only_what_acts_asks(
    console: Client, campaign: Campaign, segment: Segment, state: str, asks: bool
) -> None:
    Campaign.objects.update(state=state)
    Segment.objects.update(conditions=EVERYBODY)
    save(console, segment, conditions=NOBODY)
    assert ChangeRequest.objects.exists() is asks
    assert (segment.conditions == EVERYBODY) is asks


def test_who_is_under_way_counts_where_nobody_enters_any_more(
    console: Client, campaign: Campaign, gift: Benefit, now: datetime
) -> None:
    run_campaign(campaign=campaign, at=now, trigger="staff")
    Campaign.objects.update(state="draining", conditions=NOBODY)
    save(console, gift, cause="y")
    assert (gift.cause, ChangeRequest.objects.count()) == ("x", 1)
    assert ChangeRequest.objects.get().payload["met"] == [["All", 2, 2]]


def by_way_of_another(campaign: Campaign, segment: Segment) -> None:
    Segment.objects.create(code="outer", name="Outer", conditions={"not": IN_SEGMENT})
    asked = {"field": "segment", "is": "is", "value": "outer"}
    Campaign.objects.update(conditions=asked)


def by_a_question(campaign: Campaign, segment: Segment) -> None:
    Campaign.objects.update(conditions=EVERYBODY)
    settings = {"asks": "conditions", "conditions": IN_SEGMENT}
    tree = [{"key": "q1", "kind": "branch", "settings": settings}, wait("w2", 1)]
    save_board(campaign=campaign, tree=tree)
    publish_board(campaign=campaign, at=datetime.now().astimezone())


def by_its_event(campaign: Campaign, segment: Segment) -> None:
    event = {"trigger": "event", "event": f"segment_entered:{segment.pk}"}
    Campaign.objects.update(conditions=EVERYBODY, **event)


@pytest.mark.parametrize("use", [by_way_of_another, by_a_question, by_its_event])
def test_every_way_to_use_a_segment_is_found(
    console: Client,
    campaign: Campaign,
    segment: Segment,
    use: Callable[[Campaign, Segment], None],
) -> None:
    use(campaign, segment)
    Segment.objects.filter(code="best").update(conditions={"all": [EVERYBODY, EVERYBODY]})
    segment.refresh_from_db()
    before = segment.conditions
    save(console, segment, conditions=NOBODY)
    assert (segment.conditions, ChangeRequest.objects.count()) == (before, 1)


def test_the_same_edit_is_asked_for_once(
    console: Client, campaign: Campaign, segment: Segment
) -> None:
    Segment.objects.update(conditions=EVERYBODY)
    save(console, segment, conditions=NOBODY)
    save(console, segment, conditions=NOBODY)
    assert ChangeRequest.objects.count() == 1
    save(console, segment, conditions=NOBODY, name="Other")
    assert ChangeRequest.objects.count() == 2


def test_what_was_changed_since_needs_a_new_look(
    console: Client, boss: User, campaign: Campaign, segment: Segment, now: datetime
) -> None:
    Segment.objects.update(conditions=EVERYBODY)
    save(console, segment, conditions=NOBODY)
    other = {"all": [EVERYBODY]}
    Segment.objects.update(conditions=other)
    with pytest.raises(Conflict, match=REFUSED):
        approve_change(ChangeRequest.objects.get(), by=boss, at=now)
    segment.refresh_from_db()
    assert (segment.conditions, ChangeRequest.objects.get().state) == (other, "open")


def test_a_segment_that_is_gone_is_refused(
    console: Client, boss: User, campaign: Campaign, segment: Segment, now: datetime
) -> None:
    Segment.objects.update(conditions=EVERYBODY)
    save(console, segment, conditions=NOBODY)
    Segment.objects.all().delete()
    with pytest.raises(Conflict, match=REFUSED):
        approve_change(ChangeRequest.objects.get(), by=boss, at=now)


def test_who_decides_needs_the_right_to_change_it(
    console: Client, campaign: Campaign, segment: Segment, helper: User, now: datetime
) -> None:
    Segment.objects.update(conditions=EVERYBODY)
    save(console, segment, conditions=NOBODY)
    request = ChangeRequest.objects.get()
    for missing in ("change_segment", "decide_changerequest"):
        allow(helper, *{"change_segment", "decide_changerequest"} - {missing})
        helper = User.objects.get(pk=helper.pk)
        with pytest.raises(NotAllowed):
            approve_change(request, by=helper, at=now)
        helper.user_permissions.clear()
    allow(helper, "change_segment", "decide_changerequest")
    approve_change(request, by=User.objects.get(pk=helper.pk), at=now)
    segment.refresh_from_db()
    assert segment.conditions == NOBODY


def test_who_may_not_see_campaigns_reads_their_names_without_a_link(
    helper: User, helper_console: Client, campaign: Campaign, segment: Segment
) -> None:
    allow(helper, "view_segment", "change_segment")
    text = helper_console.get(page_of(segment)).content.decode()
    assert "“All”" in text
    assert f'“<a class="console-link" href="{page_of(campaign)}"' not in text


def test_the_second_person_gets_a_link_to_what_it_is_about(
    console: Client,
    helper: User,
    helper_console: Client,
    campaign: Campaign,
    segment: Segment,
    staff: User,
    now: datetime,
) -> None:
    Segment.objects.update(conditions=EVERYBODY)
    save(console, segment, conditions=NOBODY)
    ask_to_start(campaign=campaign, reach=2, by=staff, at=now)
    for request, about in zip(
        ChangeRequest.objects.order_by("pk"), (segment, campaign), strict=True
    ):
        link = f'Look at it: <a class="console-link" href="{page_of(about)}">{about}</a>'
        assert link in console.get(page_of(request)).content.decode()
    allow(helper, "view_changerequest")
    assert "Look at it:" not in helper_console.get(page_of(request)).content.decode()


def test_who_may_only_look_changes_nothing(
    helper: User, helper_console: Client, campaign: Campaign, segment: Segment
) -> None:
    allow(helper, "view_segment")
    data = {"name": "Mine", "conditions": json.dumps(EVERYBODY)}
    assert helper_console.post(page_of(segment), data).status_code == 403
    segment.refresh_from_db()
    assert (segment.name, segment.conditions) == ("Best", NOBODY)
    assert not ChangeRequest.objects.exists()


def test_the_form_costs_the_same_for_one_campaign_and_for_many(
    console: Client, campaign: Campaign, segment: Segment
) -> None:
    # What the first page of a process asks once is no part of the form.
    console.get(page_of(segment))
    one = num_queries(console, page_of(segment))
    for number in range(12):
        Campaign.objects.create(
            code=f"c{number}", name=f"C{number}", conditions=IN_SEGMENT, state="running"
        )
    assert num_queries(console, page_of(segment)) == one


# --- benefits -----------------------------------------------------------------------------


def test_what_is_given_changes_when_a_second_person_approves(
    console: Client, boss: User, campaign: Campaign, gift: Benefit, now: datetime
) -> None:
    text = save(console, gift, name="Tặng hai cây", value="40000")

    assert ASKED in text
    assert "was changed successfully" not in text
    assert (gift.name, gift.value) == ("Tặng cây", 20_000)
    request = ChangeRequest.objects.get()
    assert told(request, console) == [
        ("“All” meets", "2 members", "2 members"),
        ("name", "Tặng cây", "Tặng hai cây"),
        ("what one costs", "20.000 ₫", "40.000 ₫"),
    ]
    approve_change(request, by=boss, at=now)
    gift.refresh_from_db()
    assert (gift.name, gift.value) == ("Tặng hai cây", 40_000)
    first = gift.history.first()
    assert (first.history_change_reason, first.history_user) == ("staff + boss", boss)


def test_what_the_goal_gives_counts_as_well(
    console: Client, campaign: Campaign, gift: Benefit
) -> None:
    tree = [wait("w1", 1)]
    save_board(campaign=campaign, tree=tree)
    publish_board(campaign=campaign, at=datetime.now().astimezone())
    save(console, gift, cause="y")
    assert (gift.cause, ChangeRequest.objects.count()) == ("y", 0)
    Campaign.objects.update(goal_benefit=gift)
    save(console, gift, cause="z")
    assert (gift.cause, ChangeRequest.objects.count()) == ("y", 1)


def test_what_an_earlier_version_gives_counts_while_somebody_is_on_it(
    console: Client, campaign: Campaign, gift: Benefit, now: datetime
) -> None:
    run_campaign(campaign=campaign, at=now, trigger="staff")
    save_board(campaign=campaign, tree=[wait("w9", 1)])
    publish_board(campaign=campaign, at=now)
    save(console, gift, cause="y")
    assert (gift.cause, ChangeRequest.objects.count()) == ("x", 1)


def test_switching_off_waits_for_nobody_and_switching_on_does(
    console: Client, campaign: Campaign, gift: Benefit
) -> None:
    save(console, gift, is_active="")
    assert (gift.is_active, ChangeRequest.objects.count()) == (False, 0)
    save(console, gift, is_active="on")
    assert (gift.is_active, ChangeRequest.objects.count()) == (False, 1)


def test_a_budget_decides_who_gets_it(
    console: Client, boss: User, campaign: Campaign, gift: Benefit, now: datetime
) -> None:
    save(console, gift, budget="10")
    assert gift.budget is None
    approve_change(ChangeRequest.objects.get(), by=boss, at=now)
    gift.refresh_from_db()
    assert gift.budget == 10


def test_an_old_state_comes_back_with_a_second_person_only(
    console: Client, campaign: Campaign, gift: Benefit
) -> None:
    old = gift.history.first()
    Benefit.objects.update(value=Decimal(50_000))
    gift.refresh_from_db()
    back = reverse("admin:rewards_benefit_simple_history", args=[gift.pk, old.history_id])
    save(console, gift, back, value="20000")
    assert (gift.value, ChangeRequest.objects.count()) == (50_000, 1)
    assert gift.history.count() == 1


def test_an_old_state_comes_back_at_once_where_nobody_acts_with_it(
    console: Client, gift: Benefit
) -> None:
    old = gift.history.first()
    Benefit.objects.update(value=Decimal(50_000))
    gift.refresh_from_db()
    back = reverse("admin:rewards_benefit_simple_history", args=[gift.pk, old.history_id])
    save(console, gift, back, value="20000")
    assert (gift.value, gift.history.count()) == (20_000, 2)


# --- texts --------------------------------------------------------------------------------


def test_a_text_changes_with_its_places_when_a_second_person_approves(
    console: Client,
    boss: User,
    campaign: Campaign,
    template: MessageTemplate,
    now: datetime,
) -> None:
    before = template.body
    body = f"{before} <extra>"
    new = {"parameters-TOTAL_FORMS": "6", "parameters-5-template": str(template.pk)}
    place = {"name": "extra", "value": "Thêm", "value_en": "More", "max_length": "30"}
    new |= {f"parameters-5-{name}": value for name, value in place.items()}

    text = save(console, template, body=body, **new)

    assert ASKED in text
    assert (template.body, template.parameters.count()) == (before, 5)
    request = ChangeRequest.objects.get()
    assert [line[0] for line in told(request, console)] == [
        "“All” meets",
        "text",
        "places in the text",
    ]
    approve_change(request, by=boss, at=now)
    template.refresh_from_db()
    assert (template.body, template.parameters.count()) == (body, 6)
    assert template.parameters.get(name="extra").value == "Thêm"


def test_a_place_alone_asks_too(
    console: Client,
    boss: User,
    campaign: Campaign,
    template: MessageTemplate,
    now: datetime,
) -> None:
    save(console, template, **{"parameters-0-value": "bạn"})
    assert template.parameters.get(name="customer_name").value == "{{ name }}"
    approve_change(ChangeRequest.objects.get(), by=boss, at=now)
    assert template.parameters.get(name="customer_name").value == "bạn"
    assert template.parameters.count() == 5


def test_a_text_is_switched_off_by_one_person(
    console: Client, campaign: Campaign, template: MessageTemplate
) -> None:
    save(console, template, is_active="")
    assert (template.is_active, ChangeRequest.objects.count()) == (False, 0)


def test_its_name_is_nobodys_to_wait_for(
    console: Client, campaign: Campaign, template: MessageTemplate
) -> None:
    save(console, template, name="Tin mới")
    assert (template.name, ChangeRequest.objects.count()) == ("Tin mới", 0)


# --- the bound ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "told_bound", "after", "asks"),
    [
        (10, "20", 10, True),
        (10, "", 10, True),
        (10, "5", 5, False),
        (None, "5", 5, False),
        (None, "", None, False),
    ],
)
def test_one_who_would_decide_alone_about_more_does_not_decide_so(
    console: Client, before: int | None, told_bound: str, after: int | None, asks: bool
) -> None:
    policy = CampaignPolicy.objects.create(pk=1, approve_above=before)
    save(console, policy, approve_above=told_bound, margin_percent="40")
    assert (policy.approve_above, ChangeRequest.objects.exists()) == (after, asks)
    assert policy.margin_percent == (100 if asks else 40)


def test_a_second_person_raises_the_bound(
    console: Client, staff: User, boss: User, now: datetime
) -> None:
    policy = CampaignPolicy.objects.create(pk=1, approve_above=10)
    text = save(console, policy, approve_above="")
    assert ASKED in text
    request = ChangeRequest.objects.get()
    assert told(request, console) == [
        ("a second person approves above (members)", "10", "–")
    ]
    with pytest.raises(NotAllowed):
        approve_change(request, by=staff, at=now)
    approve_change(request, by=boss, at=now)
    policy.refresh_from_db()
    assert policy.approve_above is None


def test_the_hold_out_group_of_all_campaigns_is_decided_by_two_while_one_acts(
    console: Client, campaign: Campaign, now: datetime
) -> None:
    policy = CampaignPolicy.objects.get()
    save(console, policy, holdout_percent="10")
    assert (policy.holdout_percent, ChangeRequest.objects.count()) == (0, 1)
    Campaign.objects.update(state="ended")
    save(console, policy, holdout_percent="10")
    assert (policy.holdout_percent, ChangeRequest.objects.count()) == (10, 1)


# --- beside the start of a campaign -------------------------------------------------------


def test_a_start_is_approved_only_with_what_was_looked_at(
    staff: User, boss: User, campaign: Campaign, segment: Segment, now: datetime
) -> None:
    Campaign.objects.update(state="draft")
    campaign.refresh_from_db()
    asked = ask_to_start(campaign=campaign, reach=2, by=staff, at=now)
    Segment.objects.update(conditions={"field": "follows_oa", "is": "yes"})
    with pytest.raises(TransitionRefused, match="was changed after it was asked for"):
        approve_change(asked, by=boss, at=now)
    campaign.refresh_from_db()
    assert campaign.state == "draft"


def test_a_pause_is_no_way_around_it(
    console: Client, campaign: Campaign, gift: Benefit, now: datetime
) -> None:
    pause_campaign(campaign=campaign, at=now)
    save(console, gift, cause="y")
    assert (gift.cause, ChangeRequest.objects.count()) == ("x", 1)


def test_in_vietnamese(console: Client, campaign: Campaign, segment: Segment) -> None:
    Segment.objects.update(conditions=EVERYBODY)
    save(console, segment, conditions=NOBODY)
    console.cookies.load({"django_language": "vi"})
    text = console.get(page_of(segment)).content.decode()
    assert "Đang chờ người thứ hai duyệt:" in text
