"""Somebody widens a segment at the very moment at which a campaign for it starts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from threading import Event

import pytest
from django.contrib.auth.models import User
from django.db import connections, transaction

from campaigns import uses
from campaigns.approving import start_or_ask
from campaigns.models import Campaign, CampaignPolicy
from campaigns.services import save_board
from core import edits
from core.edits import Edit, TakesTwo, begin_edit
from core.errors import Conflict
from members.models import Member, Segment
from tests.campaigns.journeys import wait

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

NOBODY = {"any": []}
EVERYBODY = {"all": []}


@pytest.fixture
def segment(mai: Member, binh: Member) -> Segment:
    return Segment.objects.create(code="best", name="Best", conditions=NOBODY)


@pytest.fixture
def draft(segment: Segment) -> Campaign:
    """A draft for a segment of nobody, where one member is the bound."""
    CampaignPolicy.objects.create(pk=1, approve_above=1)
    asked = {"field": "segment", "is": "is", "value": "best"}
    draft = Campaign.objects.create(
        code="all", name="All", conditions=asked, episode="once"
    )
    save_board(campaign=draft, tree=[wait("w1", 1)])
    return draft


def begin(segment: Segment, at: datetime) -> tuple[Edit, Segment]:
    wide = Segment.objects.get(pk=segment.pk)
    wide.conditions = EVERYBODY
    return begin_edit(wide, at=at), wide


def finish(edit: Edit, wide: Segment) -> None:
    wide.save(update_fields=["conditions"])
    edit.finish()


def widen(segment: Segment, at: datetime, begun: Event, goes_on: Event) -> None:
    """Widen the segment; it is locked, and not yet written, when the other one begins."""
    try:
        with transaction.atomic():
            edit, wide = begin(segment, at)
            begun.set()
            goes_on.wait(3)
            finish(edit, wide)
    finally:
        connections.close_all()


def start(draft: Campaign, by: User, at: datetime) -> bool:
    """Start the draft; tells whether a second person was asked instead."""
    try:
        found = Campaign.objects.get(pk=draft.pk)
        return start_or_ask(campaign=found, by=by, at=at) is not None
    finally:
        connections.close_all()


def race(draft: Campaign, segment: Segment, by: User, at: datetime) -> bool:
    begun, goes_on = Event(), Event()
    with ThreadPoolExecutor(2) as pool:
        widened = pool.submit(widen, segment, at, begun, goes_on)
        assert begun.wait(10)
        started = pool.submit(start, draft, by, at)
        # Without a lock it is done within this second.
        try:
            started.result(1)
        except TimeoutError:
            goes_on.set()
        widened.result(30)
        return started.result(30)


def test_what_is_counted_is_what_starts(
    draft: Campaign, segment: Segment, staff: User, now: datetime
) -> None:
    assert race(draft, segment, staff, now)
    draft.refresh_from_db()
    segment.refresh_from_db()
    assert (draft.state, segment.conditions) == ("draft", EVERYBODY)


def test_without_the_lock_it_would_start_for_many(
    draft: Campaign,
    segment: Segment,
    staff: User,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The negative control."""
    monkeypatch.setattr(edits, "lock_users", lambda _edited: None)
    assert not race(draft, segment, staff, now)
    draft.refresh_from_db()
    segment.refresh_from_db()
    assert (draft.state, segment.conditions) == ("running", EVERYBODY)


def test_who_counted_before_another_one_started_is_told_so(
    draft: Campaign,
    segment: Segment,
    staff: User,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The start comes between counting and locking."""
    lock_users = edits.lock_users

    def late(edited: Segment) -> None:
        with ThreadPoolExecutor(1) as pool:
            assert not pool.submit(start, draft, staff, now).result(30)
        lock_users(edited)

    monkeypatch.setattr(edits, "lock_users", late)
    with transaction.atomic(), pytest.raises(Conflict, match="Somebody else has changed"):
        begin(segment, now)
    assert uses.campaigns_using(segment)[0].state == "running"


def test_what_acts_by_then_is_asked_about(
    draft: Campaign, segment: Segment, staff: User, now: datetime
) -> None:
    assert not start(draft, staff, now)
    with transaction.atomic():
        edit, wide = begin(segment, now)
        with pytest.raises(TakesTwo):
            finish(edit, wide)
