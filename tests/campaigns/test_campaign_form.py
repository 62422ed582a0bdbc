"""The form of a campaign: what belongs together is kept together."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import Campaign
from core.happenings import happening_kinds
from tests.console import form_data

ADD = f"{reverse('admin:campaigns_campaign_add')}?blank=1"


def make(console: Client, **fields: Any) -> Campaign:
    """Fill in the form of a new campaign as a browser does, and read it back."""
    data = form_data(console.get(ADD))
    data |= {"name": "X", "code": "x", "conditions": json.dumps({"all": []}), **fields}
    response = console.post(ADD, data)
    assert response.status_code == 302, response.context["adminform"].form.errors
    return Campaign.objects.get(code="x")


def test_a_new_campaign_is_by_conditions_once_per_lapse(console: Client) -> None:
    made = make(console)
    assert (made.mode, made.trigger, made.episode) == ("continuous", "conditions", "lapse")


def test_what_begins_by_an_event_enters_each_time_it_happens(console: Client) -> None:
    event = next(iter(happening_kinds()))
    made = make(console, trigger="event", event=event)
    assert (made.trigger, made.event, made.episode) == ("event", event, "event")


def test_how_often_stays_as_chosen_where_it_fits(console: Client) -> None:
    event = next(iter(happening_kinds()))
    assert make(console, trigger="event", event=event, episode="month").episode == "month"


@pytest.mark.parametrize("mode", ["recurring", "one_off"])
def test_only_continuous_campaigns_begin_by_an_event(console: Client, mode: str) -> None:
    event = next(iter(happening_kinds()))
    made = make(console, mode=mode, trigger="event", event=event, episode="event")
    assert (made.trigger, made.event) == ("conditions", "")
    assert made.episode == {"recurring": "slot", "one_off": "lapse"}[mode]


@pytest.mark.parametrize(
    ("fields", "name"),
    [({"trigger": "event"}, "event"), ({"goal": "event"}, "goal_event")],
)
def test_an_event_has_to_be_chosen(
    console: Client, fields: dict[str, Any], name: str
) -> None:
    data = form_data(console.get(ADD))
    data |= {"name": "X", "code": "x", "conditions": json.dumps({"all": []}), **fields}
    errors = console.post(ADD, data).context["adminform"].form.errors
    assert errors == {name: ["Choose what has to happen."]}
    assert not Campaign.objects.exists()


def test_the_page_says_in_words_who_enters_and_how_it_ends(console: Client) -> None:
    made = make(
        console,
        mode="recurring",
        recurs="monthly",
        month_day="31",
        at_time="08:30",
        goal_days="1",
        holdout_percent="10",
    )
    page = reverse("admin:campaigns_campaign_change", args=[made.pk])
    text = console.get(page).content.decode()
    for line in (
        "Members who are in the programme.",
        "Every month on day 31 at 08:30.",
        "How often: each time it runs.",
        "10 % of them are left alone, to compare.",
        "The goal is watched for 1 day after they entered: they buy.",
        "Nothing yet: add the first step.",
    ):
        assert line in text
