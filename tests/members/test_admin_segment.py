"""The editor of conditions: what it is given, what it counts, what it refuses."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from core.time_limit import TookTooLong
from members.admin.conditions import ConditionsWidget
from members.models import Member, Segment
from members.segments import FIELDS
from members.segments.counting import Counted
from tests import factories
from tests.console import allow, num_queries

COUNT = reverse("admin:members_segment_count")
ADD = reverse("admin:members_segment_add")
FOLLOWERS = {"all": [{"field": "follows_oa", "is": "yes"}]}


@pytest.fixture(autouse=True)
def programme(db: None) -> None:
    factories.make_programme()


def count(client: Client, conditions: object, **more: str) -> dict[str, object]:
    data = {"conditions": json.dumps(conditions), **more}
    answer: dict[str, object] = client.post(COUNT, data).json()
    return answer


def test_counts_and_names_who_matches(console: Client, mai: Member, binh: Member) -> None:
    Member.objects.filter(pk=mai.pk).update(follows_oa=True)
    answer = count(console, FOLLOWERS)
    assert (answer["count"], answer["of"]) == ("1", "2")
    assert answer["sentence"] == "follow the Official Account"
    assert [one["name"] for one in answer["sample"]] == ["Nguyễn Thị Mai"]


def test_fills_in_the_days_of_a_campaign(console: Client, mai: Member) -> None:
    asked = {"field": "days_since_last_order", "is": "more_than", "value": "{days}"}
    assert "46" in str(count(console, asked, days="46")["sentence"])
    assert "error" in count(console, asked)


@pytest.mark.parametrize(
    "conditions",
    [{}, {"field": "password", "is": "yes"}, {"all": "x"}, [1], {"not": {"all": {}}}],
)
def test_answers_a_wrong_tree_with_a_sentence(console: Client, conditions: object) -> None:
    assert str(count(console, conditions)["error"]).endswith(".")


def test_answers_a_broken_tree_with_a_sentence(console: Client) -> None:
    answer = console.post(COUNT, {"conditions": "{"}).json()
    assert answer == {"error": "The conditions did not arrive whole. Open the page again."}


def test_counting_needs_the_permission_to_see_members(
    helper: User, helper_console: Client
) -> None:
    assert helper_console.post(COUNT, {"conditions": "{}"}).status_code == 403
    allow(helper, "view_member")
    assert helper_console.post(COUNT, {"conditions": "{}"}).status_code == 200


@pytest.mark.parametrize(
    ("counted", "told"),
    [
        (Counted(1234, 5000, []), "1.234"),
        (Counted(843_800, 1_000_000, [], step=200), "about 840.000"),
        (Counted(8_800, 1_000_000, [], step=200), "about 8.800"),
        (Counted(4, 10_000, [], step=2), "about 4"),
        (Counted(0, 1_000_000, [], step=200), "fewer than 600"),
    ],
)
def test_an_estimate_says_that_it_is_one(
    console: Client, monkeypatch: pytest.MonkeyPatch, counted: Counted, told: str
) -> None:
    monkeypatch.setattr(
        "members.admin.conditions.count_now", lambda *_args, **_kwargs: counted
    )
    assert count(console, FOLLOWERS)["count"] == told


def test_what_cannot_be_counted_in_time_is_said_in_a_sentence(
    console: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_args: object, **_kwargs: object) -> Counted:
        raise TookTooLong

    monkeypatch.setattr("members.admin.conditions.count_now", never)
    assert count(console, FOLLOWERS) == {
        "error": "This question takes too long to answer. Leave some of it out."
    }


def test_saves_what_the_editor_sends(console: Client) -> None:
    data = {"name": "OA", "code": "oa", "conditions": json.dumps(FOLLOWERS)}
    assert console.post(ADD, data).status_code == 302
    assert Segment.objects.get(code="oa").conditions == FOLLOWERS


def test_refuses_conditions_that_nobody_can_ask(console: Client) -> None:
    data = {"name": "OA", "code": "oa", "conditions": json.dumps({"field": "x", "is": "y"})}
    text = console.post(ADD, data).content.decode()
    assert "Choose a field from the list." in text
    assert not Segment.objects.exists()


def test_offers_every_field_in_words(mai: Member) -> None:
    config = ConditionsWidget().get_context("conditions", FOLLOWERS, {"id": "x"})["config"]
    assert {field["code"] for field in config["fields"]} == set(FIELDS)
    assert all(field["label"] and field["group"] for field in config["fields"])
    json.dumps(config)


def test_a_segment_filters_the_list_of_members(
    console: Client, mai: Member, binh: Member
) -> None:
    Member.objects.filter(pk=mai.pk).update(follows_oa=True)
    Segment.objects.create(code="oa", name="OA", conditions=FOLLOWERS)
    address = reverse("admin:members_member_changelist")
    text = console.get(address, {"segment": "oa"}).content.decode()
    assert "Nguyễn Thị Mai" in text
    assert "Trần Văn Bình" not in text


def test_the_list_costs_the_same_for_ten_and_for_sixty(console: Client) -> None:
    address = reverse("admin:members_segment_changelist")
    for number in range(10):
        Segment.objects.create(code=f"s{number}", name="S", conditions=FOLLOWERS)
    ten = num_queries(console, address)
    for number in range(10, 49):
        Segment.objects.create(code=f"s{number}", name="S", conditions=FOLLOWERS)
    assert num_queries(console, address) == ten
