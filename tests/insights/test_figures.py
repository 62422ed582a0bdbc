"""The overview: exact numbers, the period before, and how cheaply they are found."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from activities.models import Order
from activities.services import OrderFact
from campaigns.models import Campaign, Enrolment
from campaigns.presets import create_presets
from campaigns.services import run_campaign
from core import id_ranges
from core.id_ranges import first_id_since
from flows.record import record
from insights.dashboard import _finding
from insights.figures import Pair, Week, count_figures
from members.models import Member
from messaging.models import Message
from points.services import spend_points
from tests import factories
from tests.console import num_queries

INDEX = reverse("admin:index")


@pytest.fixture(autouse=True)
def programme(db: None) -> None:
    cache.clear()
    factories.make_programme()
    factories.make_earn_rule(wallet=factories.make_wallet())


def buy(member: Member, number: int, at: datetime) -> None:
    record([OrderFact("pos", f"A{number}", member.pk, at, Decimal(50_000))], at=at)


def test_counts_this_period_and_the_one_before(
    mai: Member, binh: Member, now: datetime
) -> None:
    buy(mai, 1, now - timedelta(days=1))  # 1 March
    buy(mai, 2, now - timedelta(days=30))  # 31 January
    buy(binh, 3, now - timedelta(days=46))  # outside the 45 days
    spend_points(member=mai, amount=4, key="s", at=now)
    figures = count_figures(at=now)
    assert figures.members == 2
    assert figures.buyers == Pair(1, 1)
    # The month is two days old: it is compared with 1 and 2 February, not all of it.
    assert figures.issued == Pair(5, 0)
    assert figures.redeemed == Pair(4, 0)


def test_counts_who_came_back_after_a_message(mai: Member, now: datetime) -> None:
    buy(mai, 1, now - timedelta(days=60))
    create_presets(at=now - timedelta(days=2))
    campaign = Campaign.objects.get(code="come-back")
    run_campaign(campaign=campaign, at=now - timedelta(days=2), trigger="clock")
    Message.objects.update(state="delivered", sent_at=now - timedelta(days=2))
    buy(mai, 2, now)
    figures = count_figures(at=now)
    assert (figures.sent, figures.delivered) == (Pair(1, 0), Pair(1, 0))
    assert figures.returned == Pair(1, 0)


def test_who_was_left_alone_came_back_by_themselves(mai: Member, now: datetime) -> None:
    buy(mai, 1, now - timedelta(days=60))
    create_presets(at=now - timedelta(days=2))
    campaign = Campaign.objects.get(code="come-back")
    run_campaign(campaign=campaign, at=now - timedelta(days=2), trigger="clock")
    Enrolment.objects.update(is_holdout=True)
    buy(mai, 2, now)
    assert Enrolment.objects.get(member=mai).state == "returned"
    assert count_figures(at=now).returned == Pair(0, 0)


def test_weeks_are_whole_and_end_before_the_running_one(mai: Member, now: datetime) -> None:
    buy(mai, 1, now)  # Monday of the running week
    buy(mai, 2, now - timedelta(days=1))
    buy(mai, 3, now - timedelta(days=2))
    weeks = count_figures(at=now).weeks
    assert len(weeks) == 12
    assert weeks[-1] == Week((now - timedelta(days=7)).date(), 1, 2, 0)


def test_finds_where_a_period_begins_by_primary_key(
    mai: Member, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(id_ranges, "SMALL", 0)
    for number in range(20):
        buy(mai, number, now)
    ids = list(Order.objects.order_by("pk").values_list("pk", flat=True))
    start = now - timedelta(days=20)
    for day, pk in enumerate(ids):
        Order.objects.filter(pk=pk).update(created_at=start + timedelta(days=day))
    Order.objects.filter(pk=ids[3]).update(created_at=start + timedelta(days=2))
    for day in (0, 5, 19):
        moment = start + timedelta(days=day)
        assert first_id_since(Order, "created_at", moment) == (ids[day] if day else 0)
    assert first_id_since(Order, "created_at", now + timedelta(days=1)) == ids[-1] + 1


@pytest.mark.parametrize(
    ("last", "words"), [(20, "more than usual"), (5, "fewer than usual"), (10, "as many")]
)
def test_the_title_of_the_chart_is_a_finding(last: int, words: str, now: datetime) -> None:
    weeks = [Week(now.date(), 10, 10, 0) for _number in range(11)]
    assert words in _finding([*weeks, Week(now.date(), last, last, 0)])


def test_the_overview_costs_the_same_for_one_and_for_many(console: Client) -> None:
    at = timezone.now()
    buy(factories.make_member(), 0, at)
    one = num_queries(console, INDEX)
    for number in range(1, 20):
        buy(factories.make_member(), number, at)
    cache.clear()
    assert num_queries(console, INDEX) == one


def test_the_overview_is_counted_once_in_five_minutes(
    console: Client, django_assert_max_num_queries: Any
) -> None:
    console.get(INDEX)
    with django_assert_max_num_queries(12):
        console.get(INDEX)


def test_an_empty_programme_is_told_what_to_do_first(console: Client) -> None:
    text = console.get(INDEX).content.decode()
    assert "Your programme has no members yet" in text
