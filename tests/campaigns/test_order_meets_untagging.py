"""An order is being saved at the very moment at which a run takes the tag off."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Event

import pytest
from django.db import connections, transaction

from campaigns import tagging
from campaigns.dropping import drop_tags
from campaigns.models import Campaign
from campaigns.services import end_campaign, publish_board, run_campaign, save_board
from members.models import Member, MemberTag, Tag
from tests.campaigns.conftest import Buy
from tests.campaigns.journeys import make_journey, wait

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]


@contextmanager
def order_under_way(buy: Buy, member: Member, at: datetime) -> Iterator[None]:
    """Save an order in another process' stead and commit it only at the end."""
    saved, may_commit = Event(), Event()

    def save() -> None:
        try:
            with transaction.atomic():
                buy(member, at=at)
                saved.set()
                assert may_commit.wait(30)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        order = pool.submit(save)
        assert saved.wait(30)
        try:
            yield
        finally:
            may_commit.set()
            order.result(30)


def test_the_tag_stays(recent: Campaign, mai: Member, buy: Buy, now: datetime) -> None:
    buy(mai)
    later = now + timedelta(days=46)

    with order_under_way(buy, mai, later):
        run = run_campaign(campaign=recent, at=later, trigger="clock")

    assert run.counts["untagged"] == 0
    assert MemberTag.objects.filter(member=mai).exists()


def test_without_the_lock_it_would_be_lost(
    recent: Campaign,
    mai: Member,
    buy: Buy,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The negative control: an order that finds the tag there and does not lock it."""
    buy(mai)
    later = now + timedelta(days=46)
    take_the_lock_off(monkeypatch)

    with order_under_way(buy, mai, later):
        run_campaign(campaign=recent, at=later, trigger="clock")

    assert not MemberTag.objects.filter(member=mai).exists()


def take_the_lock_off(monkeypatch: pytest.MonkeyPatch) -> None:
    execute = tagging.execute

    def without_lock(sql: str, parameters: list[object]) -> int:
        head, _update, _rest = sql.partition("DO UPDATE SET")
        return execute(f"{head} DO NOTHING" if _update else sql, parameters)

    monkeypatch.setattr(tagging, "execute", without_lock)


# --- the campaign is over, and another one keeps the same tag -----------------------------


@pytest.fixture
def other(recent: Campaign, mai: Member, buy: Buy, now: datetime) -> Campaign:
    """Another that keeps the tag for 20 days; Mai wears the preset's, 40 days later."""
    buy(mai, days_ago=40)
    other = make_journey(
        [wait("w1", 1)], at=now, code="other", conditions=recent.conditions, days=20
    )
    save_board(campaign=other, tree=[], kept=[Tag.objects.get(code="45").pk])
    publish_board(campaign=other, at=now)
    end_campaign(campaign=recent, at=now)
    assert MemberTag.objects.get(member=mai).source == recent.tag_source
    return other


def test_what_an_order_holds_goes_to_the_other_with_the_next_pass(
    other: Campaign, recent: Campaign, mai: Member, buy: Buy, now: datetime
) -> None:
    with order_under_way(buy, mai, now):
        assert drop_tags(recent, at=now) == 0
    assert MemberTag.objects.get(member=mai).source == recent.tag_source
    assert drop_tags(recent, at=now) == 0
    assert MemberTag.objects.get(member=mai).source == other.tag_source


def test_without_the_lock_it_would_be_lost_to_the_other_too(
    other: Campaign,
    recent: Campaign,
    mai: Member,
    buy: Buy,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    take_the_lock_off(monkeypatch)
    with order_under_way(buy, mai, now):
        assert drop_tags(recent, at=now) == 1
    assert not MemberTag.objects.filter(member=mai).exists()
