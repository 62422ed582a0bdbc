"""A history with a come-back journey in it: what was made up is what the result finds."""

import json
from datetime import date, datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from activities.models import Order
from campaigns.chance import is_among
from campaigns.models import Campaign, Enrolment
from core.clock import local_date
from flows.demo.returns import SOURCE, made_up_returns
from flows.setup import setup_programme
from members.models import Identifier, Member
from messaging.models import Message
from tests import factories

START = date(1998, 5, 31)
SIZE = 1500
DAY = timedelta(days=1)


@pytest.fixture
def history(db: None, tmp_path: Path) -> Path:
    """1.500 members who bought for 20 long ago; every tenth buys for 50 in June."""
    setup_programme(at=timezone.now())
    Campaign.objects.all().delete()
    members = Member.objects.bulk_create(
        Member(code=f"{number:05}", joined_at=factories.JOINED) for number in range(SIZE)
    )
    Identifier.objects.bulk_create(
        Identifier(member=one, kind="phone", value=f"+849{one.code:0>8}") for one in members
    )
    lines = ["order_id,member_id,placed_at,total"]
    lines += [f"A{number},{number:05},1998-01-10,20" for number in range(SIZE)]
    before = tmp_path / "before.csv"
    before.write_text("\n".join(lines) + "\n")
    call_command("import_orders", str(before), "--json", stdout=StringIO())
    lines += [f"B{number},{number:05},1998-06-15,50" for number in range(0, SIZE, 10)]
    lines += [f"C{number},{number:05},1998-07-02,90" for number in range(SIZE)]
    path = tmp_path / "history.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def replay(path: Path, *options: str) -> dict[str, Any]:
    out = StringIO()
    call_command(
        "replay_journey", str(path), "--start", f"{START}", "--json", *options, stdout=out
    )
    return dict(json.loads(out.getvalue()))


def groups() -> tuple[set[int], set[int]]:
    rows = Enrolment.objects.values_list("member_id", "is_holdout")
    return {pk for pk, alone in rows if not alone}, {pk for pk, alone in rows if alone}


def test_those_reached_come_back_and_those_left_alone_do_what_they_did(
    history: Path,
) -> None:
    found = replay(history, "--come-back-percent", "20", "--seed", "7")

    reached, alone = groups()
    assert len(reached) + len(alone) == SIZE
    chosen = {pk for pk in reached if is_among("made-up:7", pk, percent=20)}
    made_up = Order.objects.filter(source=SOURCE)
    assert set(made_up.values_list("member_id", flat=True)) == chosen
    assert made_up.count() == len(chosen)
    assert not chosen & alone
    june = Order.objects.filter(source="file", external_id__startswith="B")
    own = set(june.values_list("member_id", flat=True))
    assert found["reached"] == len(reached)
    assert found["left_alone"] == len(alone)
    assert found["bought"] == [len(reached & (own | chosen)), len(alone & own)]
    # The truth, counted by hand: one purchase for what the last one was worth.
    assert found["made_up_share"] == round(len(chosen - own) / len(reached), 5)
    assert Decimal(found["made_up_revenue"]) == 20 * len(chosen)


def test_where_nobody_else_buys_the_result_is_the_truth_itself(history: Path) -> None:
    """No purchase of their own blurs it, so the estimate is exact and its interval sure."""
    text = [line for line in history.read_text().splitlines() if line[0] != "B"]
    history.write_text("\n".join(text) + "\n")

    found = replay(history, "--come-back-percent", "20", "--seed", "7")

    share, low, high = found["share"]
    assert share == found["made_up_share"]
    assert 0 < low < share < high
    revenue, low, high = found["revenue"]
    assert revenue == float(found["made_up_revenue"])
    assert 0 < low < revenue < high


def test_made_up_purchases_lie_within_half_the_window(history: Path) -> None:
    replay(history, "--come-back-percent", "20", "--seed", "7")
    days = {
        (local_date(one) - START).days
        for one in Order.objects.filter(source=SOURCE).values_list("placed_at", flat=True)
    }
    assert min(days) >= 1
    assert max(days) <= 15
    # July is not replayed: the window is over.
    assert not Order.objects.filter(source="file", external_id__startswith="C").exists()


def test_messages_lie_in_the_inboxes_and_a_purchase_ends_the_way(history: Path) -> None:
    replay(history, "--come-back-percent", "20", "--seed", "7")
    reached, alone = groups()
    first = Message.objects.filter(channel="inbox", state="sent", key__contains="reminder")
    assert set(first.values_list("member_id", flat=True)) == reached
    assert not Message.objects.exclude(channel="inbox").exists()
    returned = Enrolment.objects.filter(state="returned", is_holdout=False)
    bought = Order.objects.filter(placed_at__gt=_evening()).values("member")
    assert set(returned.values_list("member_id", flat=True)) == set(
        returned.filter(member__in=bought).values_list("member_id", flat=True)
    )
    assert returned.count() == len(
        reached & set(bought.values_list("member_id", flat=True))
    )
    # Who came back within the week before the second message was spared it.
    early = Order.objects.filter(placed_at__lt=_evening() + 7 * DAY, source=SOURCE)
    second = Message.objects.filter(key__contains="stronger", state="sent")
    assert early.exists()
    assert not second.filter(member__in=early.values("member")).exists()


def test_without_returns_nothing_is_made_up(history: Path) -> None:
    found = replay(history)
    assert found["made_up_revenue"] == "0.00"
    assert not Order.objects.filter(source=SOURCE).exists()


def test_the_same_seed_chooses_the_same(history: Path) -> None:
    replay(history, "--come-back-percent", "20", "--seed", "7")
    campaign = Campaign.objects.get()
    again = made_up_returns(campaign, percent=20, seed=7)
    ids = [fact.external_id for fact in again]
    known = Order.objects.filter(source=SOURCE).order_by("placed_at", "member_id")
    assert ids == list(known.values_list("external_id", flat=True))
    assert ids != [one.external_id for one in made_up_returns(campaign, percent=20, seed=8)]


def test_a_share_that_is_none_is_refused(history: Path) -> None:
    with pytest.raises(CommandError, match="from 0 to 100"):
        replay(history, "--come-back-percent", "101")
    assert not Campaign.objects.exists()


def _evening() -> datetime:
    entered = Enrolment.objects.values_list("entered_at", flat=True).distinct()
    (at,) = entered
    return at
