"""The board: read, save, publish and discard the steps of a campaign, in versions."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from campaigns.advancing import advance
from campaigns.board import board_stamp
from campaigns.counts import Counts
from campaigns.journey import Journey
from campaigns.models import Campaign, Enrolment, Step
from campaigns.outline import outline
from campaigns.services import (
    BoardChanged,
    StepsRefused,
    discard_board,
    drain_campaign,
    edited_version,
    has_draft,
    publish_board,
    read_board,
    read_kept,
    run_campaign,
    save_board,
    start_campaign,
)
from campaigns.standing import AtStep, standing
from core.happenings import happening_kinds
from members.models import Member, Tag
from messaging.models import Message, MessageTemplate
from rewards.models import Benefit
from tests import factories
from tests.campaigns.conftest import Buy
from tests.console import allow, num_queries

Tree = list[dict[str, Any]]


@pytest.fixture
def template(db: None) -> MessageTemplate:
    return factories.make_template(code="board")


@pytest.fixture
def gift(db: None) -> Benefit:
    """A tag as a benefit: it needs nothing else."""
    tag = Tag.objects.create(code="gift", name="Gift")
    return Benefit.objects.create(code="gift", name="A gift", kind="tag", tag=tag)


@pytest.fixture
def draft(template: MessageTemplate) -> Campaign:
    """A campaign that was never started and has no steps."""
    return Campaign.objects.create(code="x", name="X", conditions={"all": []})


@pytest.fixture
def lapsed(come_back: Campaign, mai: Member, binh: Member, buy: Buy) -> Campaign:
    """The running come-back campaign; Mai and Binh have not bought for long."""
    factories.make_programme()
    buy(mai, days_ago=60)
    buy(binh, days_ago=50)
    return come_back


def message(template: MessageTemplate, key: str = "m1", **fields: Any) -> dict[str, Any]:
    return {
        "key": key,
        "kind": "message",
        "template": template.pk,
        "offer": "",
        "news": "",
        "valid_days": 14,
        **fields,
    }


def wait(key: str = "w1", amount: int = 7) -> dict[str, Any]:
    return {"key": key, "kind": "wait", "settings": {"amount": amount, "unit": "days"}}


def clicked(step: str, key: str = "b1", **lanes: Tree) -> dict[str, Any]:
    return {
        "key": key,
        "kind": "branch",
        "settings": {"asks": "clicked", "step": step},
        "lanes": {"yes": [], "no": [], **lanes},
    }


def content(campaign: Campaign) -> list[Any]:
    """Everything that a campaign's steps say, in all versions."""
    rows = campaign.steps.order_by("version", "pk")
    return [(s.version, s.key, s.kind, s.lane, s.position, s.settings) for s in rows]


# --- read and save ------------------------------------------------------------------------


def test_what_is_saved_is_what_is_read(
    draft: Campaign, template: MessageTemplate, gift: Benefit
) -> None:
    tag, event = Tag.objects.get(code="gift"), next(iter(happening_kinds()))
    tree = [
        message(template, offer="Giảm 10%", news="Tin", valid_days=30),
        wait(),
        clicked(
            "m1",
            yes=[{"key": "g1", "kind": "give", "benefit": gift.pk}],
            no=[message(template, "m2"), {"key": "x1", "kind": "stop"}],
        ),
        {
            "key": "s1",
            "kind": "split",
            "settings": {"shares": [70, 20, 10]},
            "lanes": {
                "a": [{"key": "t1", "kind": "add_tag", "tag": tag.pk}],
                "b": [{"key": "t2", "kind": "remove_tag", "tag": tag.pk}],
                "c": [],
            },
        },
        {
            "key": "u1",
            "kind": "wait_until",
            "settings": {"until": "birthday", "time": "08:30", "days_before": 3},
        },
        {
            "key": "f1",
            "kind": "wait_for",
            "settings": {"event": event, "amount": 2, "unit": "weeks"},
            "lanes": {"happened": [], "timeout": [wait("w2", 1)]},
        },
        {
            "key": "c1",
            "kind": "counter",
            "settings": {"times": 2, "per": "week"},
            "lanes": {"within": [], "beyond": [{"key": "x2", "kind": "stop"}]},
        },
        {
            "key": "b2",
            "kind": "branch",
            "settings": {
                "asks": "conditions",
                "conditions": {
                    "any": [
                        {"field": "follows_oa", "is": "yes"},
                        {
                            "field": "days_since_last_order",
                            "is": "more_than",
                            "value": "{days}",
                        },
                    ]
                },
            },
            "lanes": {"yes": [], "no": []},
        },
    ]
    assert save_board(campaign=draft, tree=tree) == 1
    assert read_board(draft, version=1) == tree
    assert not has_draft(draft)


def test_saving_again_writes_the_same_once(
    draft: Campaign, template: MessageTemplate
) -> None:
    for _time in range(2):
        save_board(campaign=draft, tree=[message(template), wait()])
    assert [step.key for step in draft.steps.order_by("position")] == ["m1", "w1"]


def test_a_question_is_told_with_the_days_of_the_campaign(
    draft: Campaign, template: MessageTemplate
) -> None:
    Campaign.objects.filter(pk=draft.pk).update(days=60)
    draft.refresh_from_db()
    condition = {"field": "days_since_last_order", "is": "more_than", "value": "{days}"}
    question = {
        "key": "b1",
        "kind": "branch",
        "settings": {"asks": "conditions", "conditions": {"all": [condition]}},
    }
    save_board(campaign=draft, tree=[question])
    (line,) = outline(draft, version=1)
    assert line.text == "Is it true that they last bought more than 60 days ago?"


# --- what is refused ----------------------------------------------------------------------

UNKNOWN = 987654


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        ("nonsense", "There is no such kind of step."),
        ({"key": "a", "kind": "tag"}, "There is no such kind of step."),
        ({"key": "a", "kind": ["wait"]}, "There is no such kind of step."),
        (
            {"key": "A!", "kind": "stop"},
            "Two steps have the same key. Open the page again.",
        ),
        ({"kind": "stop"}, "Two steps have the same key. Open the page again."),
        ({"key": "a", "kind": "message"}, "Choose the message that this step sends."),
        (
            {"key": "a", "kind": "message", "template": UNKNOWN},
            "Choose the message that this step sends.",
        ),
        ({"key": "a", "kind": "give", "benefit": "x"}, "Choose what this step gives."),
        ({"key": "a", "kind": "add_tag"}, "Choose the tag."),
        ({"key": "a", "kind": "wait"}, "Write how long to wait."),
        (
            {"key": "a", "kind": "wait", "settings": {"amount": 0}},
            "Write how long to wait.",
        ),
        (
            {"key": "a", "kind": "wait", "settings": {"amount": 1, "unit": "years"}},
            "Choose minutes, hours, days or weeks.",
        ),
        (
            {"key": "a", "kind": "wait", "settings": {"amount": 99_999, "unit": "days"}},
            "Nobody waits longer than ten years.",
        ),
        (
            {"key": "a", "kind": "wait_until", "settings": {"until": "tomorrow"}},
            "Choose until when they wait.",
        ),
        (
            {"key": "a", "kind": "wait_until", "settings": {"time": "late"}},
            "Write the time of day as 09:00.",
        ),
        (
            {"key": "a", "kind": "wait_until", "settings": {"until": "weekday"}},
            "Choose a day of the week.",
        ),
        (
            {"key": "a", "kind": "wait_until", "settings": {"until": "date", "date": ""}},
            "Choose a date.",
        ),
        (
            {
                "key": "a",
                "kind": "wait_until",
                "settings": {"until": "birthday", "days_before": 61},
            },
            "Write how many days before the birthday, 0 to 60.",
        ),
        (
            {"key": "a", "kind": "wait_for", "settings": {"event": "x"}},
            "Choose what they wait for.",
        ),
        (
            {"key": "a", "kind": "branch", "settings": {"asks": "weather"}},
            "Choose what is asked.",
        ),
        (
            {"key": "a", "kind": "branch", "settings": {"asks": "clicked"}},
            "Choose which message is meant.",
        ),
        (
            {"key": "a", "kind": "branch", "settings": {"asks": "clicked", "step": "b"}},
            "The message it asks about must come before it.",
        ),
        (
            {"key": "a", "kind": "split", "settings": {"shares": [100]}},
            "Split into two to four ways.",
        ),
        (
            {"key": "a", "kind": "split", "settings": {"shares": [50, "x"]}},
            "Each way needs a whole percent, at least 1.",
        ),
        (
            {"key": "a", "kind": "split", "settings": {"shares": [50, 49]}},
            "The ways add up to 99 %; they need to make 100 %.",
        ),
        ({"key": "a", "kind": "counter"}, "Write how many times, at least 1."),
        (
            {"key": "a", "kind": "counter", "settings": {"times": 1, "per": "hour"}},
            "Choose after which time the counter starts again.",
        ),
        (
            {"key": "a", "kind": "stop", "lanes": [1]},
            "The steps did not arrive whole. Open the page again.",
        ),
        (
            {"key": "a", "kind": "stop", "lanes": {"yes": [wait()]}},
            "This step has no such way.",
        ),
        (
            {
                "key": "a",
                "kind": "counter",
                "settings": {"times": 1},
                "lanes": {"within": 3},
            },
            "The steps did not arrive whole. Open the page again.",
        ),
    ],
)
def test_a_step_that_cannot_be_done_is_refused_in_words(
    draft: Campaign, template: MessageTemplate, step: Any, sentence: str
) -> None:
    save_board(campaign=draft, tree=[message(template)])
    before = content(draft)
    with pytest.raises(StepsRefused) as refusal:
        save_board(campaign=draft, tree=[step])
    key = step.get("key", "") if isinstance(step, dict) else ""
    if sentence == "There is no such kind of step.":
        key = ""
    assert refusal.value.extra["problems"] == [{"key": key, "sentence": sentence}]
    assert content(draft) == before


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"offer": "x" * 81}, "Write at most 80 letters."),
        ({"news": "x" * 201}, "Write at most 200 letters."),
        ({"valid_days": 0}, "An offer is valid for 1 to 365 days."),
        ({"valid_days": 366}, "An offer is valid for 1 to 365 days."),
        ({"valid_days": True}, "An offer is valid for 1 to 365 days."),
        ({"valid_days": "9" * 5000}, "An offer is valid for 1 to 365 days."),
    ],
)
def test_a_message_that_does_not_fit_is_refused(
    draft: Campaign, template: MessageTemplate, fields: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(StepsRefused) as refusal:
        save_board(campaign=draft, tree=[message(template, **fields)])
    assert refusal.value.extra["problems"] == [{"key": "m1", "sentence": sentence}]
    assert content(draft) == []


def test_one_time_codes_and_gifts_with_an_address_are_no_steps(
    draft: Campaign, gift: Benefit
) -> None:
    code = factories.make_template(
        code="otp", purpose=MessageTemplate.Purpose.ONE_TIME_CODE
    )
    parcel = Benefit.objects.create(code="mug", name="Mug", kind="gift")
    Benefit.objects.filter(pk=gift.pk).update(is_active=False)
    tree = [
        message(code),
        {"key": "g1", "kind": "give", "benefit": parcel.pk},
        {"key": "g2", "kind": "give", "benefit": gift.pk},
    ]
    with pytest.raises(StepsRefused) as refusal:
        save_board(campaign=draft, tree=tree)
    assert [problem["sentence"] for problem in refusal.value.extra["problems"]] == [
        "One-time codes are no campaign messages.",
        "“Mug” needs an address or a time; send a voucher for it instead.",
        "A gift is switched off.",
    ]
    assert content(draft) == []


def test_every_problem_is_told_at_its_step(draft: Campaign) -> None:
    tree = [
        {
            "key": "s1",
            "kind": "split",
            "settings": {"shares": [50, 60]},
            "lanes": {"a": [wait("w1", 0)], "b": [{"key": "m1", "kind": "message"}]},
        },
        {"key": "s1", "kind": "stop"},
    ]
    with pytest.raises(StepsRefused) as refusal:
        save_board(campaign=draft, tree=tree)
    assert [(one["key"], one["sentence"]) for one in refusal.value.extra["problems"]] == [
        ("s1", "The ways add up to 110 %; they need to make 100 %."),
        ("w1", "Write how long to wait."),
        ("m1", "Choose the message that this step sends."),
        ("s1", "Two steps have the same key. Open the page again."),
    ]


def test_a_question_is_about_a_message_that_was_sent_before_it(
    draft: Campaign, template: MessageTemplate
) -> None:
    """What is sent in one lane is not sent before the lane beside it."""
    beside = clicked("m1", yes=[message(template, "m2")], no=[clicked("m2", "b2")])
    with pytest.raises(StepsRefused) as refusal:
        save_board(campaign=draft, tree=[message(template), beside])
    assert refusal.value.extra["problems"] == [
        {"key": "b2", "sentence": "The message it asks about must come before it."}
    ]
    after = clicked("m1", yes=[message(template, "m2")])
    save_board(campaign=draft, tree=[message(template), after, clicked("m2", "b2")])


def test_sixty_steps_and_six_lanes_deep_are_the_most(draft: Campaign) -> None:
    save_board(campaign=draft, tree=[wait(f"w{n}") for n in range(60)])
    with pytest.raises(StepsRefused, match="A campaign has at most 60 steps"):
        save_board(campaign=draft, tree=[wait(f"w{n}") for n in range(61)])
    assert draft.steps.count() == 60

    def deep(levels: int) -> Tree:
        if not levels:
            return [wait()]
        settings = {"times": 1, "per": "ever"}
        lanes = {"within": deep(levels - 1)}
        key = f"c{levels}"
        return [{"key": key, "kind": "counter", "settings": settings, "lanes": lanes}]

    save_board(campaign=draft, tree=deep(6))
    with pytest.raises(StepsRefused) as refusal:
        save_board(campaign=draft, tree=deep(7))
    assert refusal.value.extra["problems"] == [
        {
            "key": "c1",
            "sentence": "So many questions inside each other cannot be followed.",
        }
    ]


@pytest.mark.parametrize("tree", [None, {}, "x", 3])
def test_what_is_no_list_of_steps_did_not_arrive_whole(draft: Campaign, tree: Any) -> None:
    with pytest.raises(StepsRefused, match="The steps did not arrive whole"):
        save_board(campaign=draft, tree=tree)


# --- drafts of what is running ------------------------------------------------------------


def test_a_draft_does_not_touch_what_is_in_force(
    lapsed: Campaign, mai: Member, now: datetime
) -> None:
    template = MessageTemplate.objects.get(code="news")
    in_force = read_board(lapsed, version=1)
    assert save_board(campaign=lapsed, tree=[wait(), message(template)]) == 2
    assert (has_draft(lapsed), edited_version(lapsed)) == (True, 2)
    assert read_board(lapsed, version=1) == in_force

    run_campaign(campaign=lapsed, at=now, trigger="clock")
    assert Message.objects.get(member=mai).template.code == "come-back"
    assert set(Enrolment.objects.values_list("version", flat=True)) == {1}


def test_members_on_their_way_keep_the_steps_they_began_with(
    lapsed: Campaign, mai: Member, binh: Member, now: datetime
) -> None:
    template = MessageTemplate.objects.get(code="come-back")
    news = MessageTemplate.objects.get(code="news")
    save_board(campaign=lapsed, tree=[wait(), message(template, "old")])
    publish_board(campaign=lapsed, at=now)
    run_campaign(campaign=lapsed, at=now, trigger="clock")
    assert Message.objects.count() == 0

    save_board(campaign=lapsed, tree=[message(news, "new", news="Tin")])
    assert publish_board(campaign=lapsed, at=now, actor="staff") == 3
    late = factories.make_member(code="LATE", phone="0977111222")
    Enrolment.objects.filter(member=binh).delete()
    advance(lapsed, at=now + timedelta(days=7), counts=Counts())
    assert [m.template_id for m in Message.objects.filter(member=mai)] == [template.pk]

    run_campaign(campaign=lapsed, at=now + timedelta(days=7), trigger="clock")
    assert [m.template_id for m in Message.objects.filter(member=binh)] == [news.pk]
    versions = Enrolment.objects.values_list("member", "version")
    assert set(versions) == {(mai.pk, 2), (binh.pk, 3)}
    assert not Message.objects.filter(member=late).exists()


def test_a_draft_can_be_thrown_away(come_back: Campaign) -> None:
    before = content(come_back)
    save_board(campaign=come_back, tree=[wait()])
    discard_board(campaign=come_back)
    assert content(come_back) == before
    assert not has_draft(come_back)


def test_a_draft_that_says_what_is_in_force_is_none(come_back: Campaign) -> None:
    save_board(campaign=come_back, tree=[wait()])
    same = read_board(come_back, version=1)
    assert save_board(campaign=come_back, tree=same) == 1
    assert not has_draft(come_back)


def test_publishing_needs_a_draft(come_back: Campaign, now: datetime) -> None:
    with pytest.raises(StepsRefused, match="There is no draft to publish"):
        publish_board(campaign=come_back, at=now)
    come_back.refresh_from_db()
    assert come_back.version == 1


def test_what_became_impossible_meanwhile_is_not_published(
    come_back: Campaign, gift: Benefit, now: datetime
) -> None:
    save_board(campaign=come_back, tree=[{"key": "g1", "kind": "give", "benefit": gift.pk}])
    Benefit.objects.filter(pk=gift.pk).update(is_active=False)
    with pytest.raises(StepsRefused, match="A gift is switched off"):
        publish_board(campaign=come_back, at=now)
    come_back.refresh_from_db()
    assert come_back.version == 1
    assert has_draft(come_back)


def test_a_draft_without_any_step_is_refused(come_back: Campaign) -> None:
    before = content(come_back)
    with pytest.raises(StepsRefused, match="Keep at least one step"):
        save_board(campaign=come_back, tree=[])
    assert content(come_back) == before


def test_who_takes_nobody_in_any_more_keeps_its_steps(
    come_back: Campaign, now: datetime
) -> None:
    save_board(campaign=come_back, tree=[wait()])
    drain_campaign(campaign=come_back, at=now)
    before = content(come_back)
    for work in (
        lambda: save_board(campaign=come_back, tree=[wait("w2")]),
        lambda: publish_board(campaign=come_back, at=now),
    ):
        with pytest.raises(StepsRefused, match="takes nobody in any more"):
            work()
    assert content(come_back) == before


# --- tags that are kept on ----------------------------------------------------------------


def test_the_next_version_keeps_the_kept_tags(
    recent: Campaign, template: MessageTemplate, now: datetime
) -> None:
    tag = Tag.objects.get(code="45")
    assert save_board(campaign=recent, tree=[message(template)]) == 2
    assert read_kept(recent, version=2) == [tag.pk]
    publish_board(campaign=recent, at=now)
    kinds = recent.steps.filter(version=2).values_list("kind", flat=True)
    assert sorted(kinds) == ["message", "tag"]


def test_kept_tags_are_changed_with_the_draft(recent: Campaign, now: datetime) -> None:
    other = Tag.objects.create(code="new", name="New")
    before = read_kept(recent, version=1)
    assert save_board(campaign=recent, tree=[], kept=[other.pk]) == 2
    assert (has_draft(recent), read_kept(recent, version=1)) == (True, before)
    publish_board(campaign=recent, at=now)
    assert read_kept(recent, version=recent.version) == [other.pk]


def test_unknown_tags_are_not_kept(recent: Campaign) -> None:
    before = content(recent)
    with pytest.raises(StepsRefused, match="Choose the tag"):
        save_board(campaign=recent, tree=[], kept=[UNKNOWN])
    assert content(recent) == before


def test_only_continuous_campaigns_keep_tags(leftovers: Campaign) -> None:
    tag = Tag.objects.get(code="45")
    tree = read_board(leftovers, version=1)
    with pytest.raises(StepsRefused, match="Only continuous campaigns put tags on"):
        save_board(campaign=leftovers, tree=tree, kept=[tag.pk])
    assert not has_draft(leftovers)


# --- two people at one board --------------------------------------------------------------


def test_nobody_writes_over_what_somebody_else_has_changed(
    come_back: Campaign, now: datetime
) -> None:
    opened = board_stamp(come_back)
    save_board(campaign=come_back, tree=[wait("w1")], stamp=opened)
    theirs = board_stamp(come_back)
    assert theirs != opened
    for work in (
        lambda: save_board(campaign=come_back, tree=[wait("w2")], stamp=opened),
        lambda: publish_board(campaign=come_back, at=now, stamp=opened),
        lambda: discard_board(campaign=come_back, stamp=opened),
    ):
        with pytest.raises(BoardChanged, match="Somebody has changed these steps"):
            work()
    assert board_stamp(come_back) == theirs
    come_back.refresh_from_db()
    assert come_back.version == 1


def test_saving_what_is_there_already_is_no_conflict(come_back: Campaign) -> None:
    """The answer got lost, and the page sends the same once more."""
    opened = board_stamp(come_back)
    for _time in range(2):
        save_board(campaign=come_back, tree=[wait()], stamp=opened)
    assert read_board(come_back, version=2) == [wait()]


def test_starting_a_campaign_changes_where_its_board_saves(
    draft: Campaign, template: MessageTemplate, now: datetime
) -> None:
    save_board(campaign=draft, tree=[message(template)])
    opened = board_stamp(draft)
    start_campaign(campaign=draft, at=now)
    with pytest.raises(BoardChanged):
        save_board(campaign=draft, tree=[wait()], stamp=opened)
    assert not has_draft(draft)


# --- where members stand ------------------------------------------------------------------


def test_counts_who_rests_and_who_has_passed(
    lapsed: Campaign, mai: Member, binh: Member, now: datetime
) -> None:
    template = MessageTemplate.objects.get(code="come-back")
    tree = [message(template), wait("w1", 3), wait("w2", 3), {"key": "x", "kind": "stop"}]
    save_board(campaign=lapsed, tree=[*tree, wait("w3")])
    publish_board(campaign=lapsed, at=now)
    run_campaign(campaign=lapsed, at=now, trigger="clock")
    Enrolment.objects.filter(member=binh).update(due_at=now + timedelta(days=9))
    advance(lapsed, at=now + timedelta(days=3), counts=Counts())

    found = standing(lapsed, Journey(lapsed, 2))
    assert (found.entered, found.through, found.on_the_way) == (2, 0, 2)
    assert found.steps == {
        "m1": AtStep(0, 2),
        "w1": AtStep(1, 1),
        "w2": AtStep(1, 0),
        "x": AtStep(0, 0),
        "w3": AtStep(0, None),
    }
    advance(lapsed, at=now + timedelta(days=6), counts=Counts())
    found = standing(lapsed, Journey(lapsed, 2))
    assert (found.through, found.on_the_way, found.steps["w2"]) == (1, 1, AtStep(0, 1))
    assert standing(lapsed, Journey(lapsed, 1)).steps["1"] == AtStep(0, 0)


# --- the page and its doors ---------------------------------------------------------------


def address(campaign: Campaign, door: str = "") -> str:
    name = f"admin:campaigns_campaign_board{door and '_'}{door}"
    return reverse(name, args=[campaign.pk])


def post(client: Client, campaign: Campaign, door: str, **told: Any) -> Any:
    told = {"stamp": board_stamp(campaign), **told}
    return client.post(address(campaign, door), json.dumps(told), "application/json")


def test_saves_publishes_and_discards_over_the_page(
    console: Client, come_back: Campaign
) -> None:
    answer = post(console, come_back, "save", tree=[wait()], kept=[]).json()
    assert answer["tree"] == [wait()]
    assert answer["sentences"] == {"w1": "Wait 7 days"}
    assert (answer["version"], answer["isDraft"], answer["neverStarted"]) == (
        2,
        True,
        False,
    )
    assert answer["stamp"] == board_stamp(come_back)

    answer = post(console, come_back, "publish").json()
    assert (answer["version"], answer["isDraft"]) == (2, False)
    come_back.refresh_from_db()
    assert come_back.version == 2
    assert come_back.history.first().history_change_reason == "staff"

    post(console, come_back, "save", tree=[wait("w2")])
    answer = post(console, come_back, "discard").json()
    assert (answer["tree"], answer["isDraft"]) == ([wait()], False)


def test_many_savings_are_one_line_of_the_history(
    console: Client, come_back: Campaign
) -> None:
    for amount in (1, 2, 3):
        post(console, come_back, "save", tree=[wait("w1", amount)])
    assert LogEntry.objects.filter(object_id=come_back.pk).count() == 1


def test_the_page_is_told_what_is_wrong(console: Client, come_back: Campaign) -> None:
    response = post(console, come_back, "save", tree=[{"key": "w1", "kind": "wait"}])
    assert response.status_code == 400
    assert response.json() == {
        "code": "steps_refused",
        "error": "Write how long to wait.",
        "problems": [{"key": "w1", "sentence": "Write how long to wait."}],
    }
    assert not has_draft(come_back)


def test_the_page_is_told_that_somebody_was_faster(
    console: Client, come_back: Campaign
) -> None:
    save_board(campaign=come_back, tree=[wait()])
    for door in ("save", "publish", "discard"):
        response = post(console, come_back, door, tree=[wait("w2")], stamp="old")
        assert response.status_code == 409
        assert response.json()["code"] == "board_changed"
        assert "Open the page again to see them." in response.json()["error"]
    assert read_board(come_back, version=2) == [wait()]
    come_back.refresh_from_db()
    assert come_back.version == 1


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{",
        "\xff",
        "[" * 100_000,
        '{"tree": [NaN]}',
        '{"tree": [{"key": "m", "kind": "message", "offer": "\\u0000"}]}',
        '{"tree": "' + "x" * 500_000 + '"}',
    ],
)
def test_what_is_no_tree_is_refused(
    console: Client, come_back: Campaign, body: str
) -> None:
    response = console.post(
        address(come_back, "save"), body.encode("latin-1"), "application/json"
    )
    assert response.status_code == 400
    assert response.json()["error"] == (
        "The steps did not arrive whole. Open the page again."
    )
    assert not has_draft(come_back)


@pytest.mark.parametrize("door", ["save", "publish", "discard"])
def test_who_may_only_look_changes_nothing(
    helper: User, helper_console: Client, come_back: Campaign, door: str
) -> None:
    assert helper_console.get(address(come_back)).status_code == 403
    allow(helper, "view_campaign")
    save_board(campaign=come_back, tree=[wait()])
    before = content(come_back)
    page = helper_console.get(address(come_back))
    assert page.status_code == 200
    assert page.context["config"]["mayChange"] is False
    assert post(helper_console, come_back, door, tree=[wait("w2")]).status_code == 403
    assert content(come_back) == before
    come_back.refresh_from_db()
    assert come_back.version == 1


@pytest.mark.parametrize("door", ["save", "publish", "discard"])
def test_looking_at_a_door_does_nothing(
    console: Client, come_back: Campaign, door: str
) -> None:
    assert console.get(address(come_back, door)).status_code == 403
    assert (
        console.post(f"/admin/campaigns/campaign/{UNKNOWN}/board/{door}/").status_code
        == 404
    )


def test_the_page_shows_the_draft_and_what_is_in_force(
    console: Client, come_back: Campaign
) -> None:
    save_board(campaign=come_back, tree=[wait()])
    config = console.get(address(come_back)).context["config"]
    assert config["state"]["tree"] == [wait()]
    assert (config["mayChange"], config["hasDraft"]) == (True, True)
    assert config["enters"] == [
        "Members who do not have the tag “45” and last bought more than 45 days ago.",
        "How often: once per lapse (until the next purchase).",
    ]
    assert config["ends"] == [
        "The goal is watched for 30 days after they entered: they buy."
    ]
    config = console.get(address(come_back), {"in_force": ""}).context["config"]
    assert config["state"]["tree"] == read_board(come_back, version=1)
    assert (config["mayChange"], config["state"]["isDraft"]) == (False, False)


def test_names_are_no_markup(console: Client, draft: Campaign) -> None:
    evil = factories.make_template(code="evil", name="</script><script>alert(1)</script>")
    Campaign.objects.filter(pk=draft.pk).update(name="<b>X</b>")
    save_board(campaign=draft, tree=[message(evil, offer="<img src=x>")])
    for page in (
        address(draft),
        reverse("admin:campaigns_campaign_change", args=[draft.pk]),
    ):
        text = console.get(page).content.decode()
        assert "<script>alert(1)" not in text
        assert "<b>X</b>" not in text
        assert "<img src=x>" not in text


def test_draws_the_message_that_is_being_written(
    console: Client, helper_console: Client, draft: Campaign, template: MessageTemplate
) -> None:
    told = {"template": template.pk, "offer": "<b>10%</b>", "news": "Tin mới"}
    text = console.get(address(draft, "phone"), told).content.decode()
    assert "&lt;b&gt;10%&lt;/b&gt;" in text
    assert "Tin mới" in text
    assert console.get(address(draft, "phone"), {"template": "x"}).status_code == 404
    assert helper_console.get(address(draft, "phone"), told).status_code == 403


def test_draws_an_sms_as_an_sms(
    console: Client, draft: Campaign, template: MessageTemplate
) -> None:
    MessageTemplate.objects.filter(pk=template.pk).update(
        channels=["sms"], sms_text="Tin: <offer>"
    )
    told = {"template": template.pk, "offer": "10 %"}
    text = console.get(address(draft, "phone"), told).content.decode()
    assert "[QC] Tin: 10 %" in text


def test_what_is_switched_off_stays_readable_where_it_is_used(
    console: Client, come_back: Campaign
) -> None:
    MessageTemplate.objects.update(is_active=False)
    (row,) = console.get(address(come_back)).context["config"]["choices"]["template"]
    assert row[1:] == ["Nhắc khách quay lại (switched off)", ["offer"]]


def test_a_long_board_asks_the_database_no_more_often(
    console: Client, draft: Campaign, template: MessageTemplate
) -> None:
    save_board(campaign=draft, tree=[message(template)])
    console.get(address(draft))
    few = num_queries(console, address(draft))
    lanes = {"yes": [message(template, "m2")], "no": [message(template, "m3")]}
    save_board(
        campaign=draft,
        tree=[
            message(template),
            clicked("m1", **lanes),
            *[wait(f"w{n}") for n in range(9)],
        ],
    )
    assert num_queries(console, address(draft)) == few
    assert Step.objects.filter(campaign=draft).count() == 13
