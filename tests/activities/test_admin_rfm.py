"""The RFM grid in the console: empty, filled, and each square a segment."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from activities.models import Order, RfmSettings
from activities.rfm import score_rfm
from core.clock import local_date
from members.models import Member
from tests import factories
from tests.console import allow

GRID = reverse("admin:activities_rfmrun_changelist")


@pytest.fixture(autouse=True)
def programme(db: None) -> None:
    factories.make_programme()


def buy(member: Member, at: datetime, total: int) -> None:
    Order.objects.create(
        source="t",
        external_id=str(Order.objects.count()),
        member=member,
        placed_at=at,
        placed_on=local_date(at),
        total=Decimal(total),
        currency="VND",
        content_hash="",
    )


def test_before_the_first_night_it_says_when(console: Client, now: datetime) -> None:
    text = console.get(GRID).content.decode()
    assert "Nothing is compared yet" in text
    assert "365 days" in text
    score_rfm(at=now)
    assert "Nobody bought in the period" in console.get(GRID).content.decode()


def test_the_grid_names_members_and_spend(
    console: Client, mai: Member, binh: Member, now: datetime
) -> None:
    buy(mai, now, 900_000)
    buy(binh, now - timedelta(days=90), 100_000)
    score_rfm(at=now)
    response = console.get(GRID)
    text = response.content.decode()
    assert "VIP customers: 50,0 % of the members, 90,0 % of the spend" in text
    assert "1.000.000 ₫" in text
    assert "02/03/2026" in text
    squares = {
        (row["recency"], value): square["members"]
        for row in response.context["rows"]
        for value, square in enumerate(row["squares"], start=1)
    }
    assert {place for place, members in squares.items() if members != "0"} == {
        (4, 4),
        (2, 3),
    }


def test_a_square_opens_as_a_segment(console: Client, mai: Member, now: datetime) -> None:
    buy(mai, now, 900_000)
    score_rfm(at=now)
    (middle,) = (
        row["squares"][2]
        for row in console.get(GRID).context["rows"]
        if row["recency"] == 3
    )
    form = console.get(middle["address"]).context["adminform"].form
    assert form["name"].value() == "Need attention"
    assert "attention" in form["conditions"].value()


def test_staff_set_the_period(console: Client) -> None:
    address = reverse("admin:activities_rfmsettings_changelist")
    change = console.get(address).headers["Location"]
    assert console.post(change, {"days": "90"}).status_code == 302
    assert RfmSettings.objects.get().days == 90
    assert console.post(change, {"days": "1"}).status_code == 200


def test_only_those_who_may_look(helper: User, helper_console: Client) -> None:
    assert helper_console.get(GRID).status_code == 403
    allow(helper, "view_rfmrun")
    assert helper_console.get(GRID).status_code == 200
