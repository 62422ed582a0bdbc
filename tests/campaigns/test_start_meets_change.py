"""Somebody widens a draft at the very moment at which somebody else starts it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from time import sleep

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections, transaction
from django.db.models import F

from campaigns import approving
from campaigns.approving import ask_to_start, start_or_ask
from campaigns.changing import change_campaign
from campaigns.models import Campaign, CampaignPolicy
from campaigns.services import TransitionRefused, save_board
from core.approvals import approve_change
from core.errors import Conflict
from core.models import ChangeRequest
from members.models import Member
from tests.campaigns.journeys import EVERYBODY, wait

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

NOBODY = {"any": []}


@pytest.fixture
def draft(mai: Member, binh: Member) -> Campaign:
    """A draft for nobody, where one member is the bound."""
    CampaignPolicy.objects.create(pk=1, approve_above=1)
    draft = Campaign.objects.create(
        code="all", name="All", conditions=NOBODY, episode="once"
    )
    save_board(campaign=draft, tree=[wait("w1", 1)])
    return draft


@contextmanager
def widened(
    draft: Campaign, by: User, at: datetime, work: Callable[[], object]
) -> Iterator[Future[None]]:
    """Let ``work`` begin while the draft is being widened, and end after that."""

    def do() -> None:
        try:
            work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            wide = Campaign.objects.get(pk=draft.pk)
            wide.conditions = EVERYBODY
            change_campaign(campaign=wide, by=by, at=at)
            begun = pool.submit(do)
            _wait_for_a_waiting_one()
        yield begun


def _wait_for_a_waiting_one() -> None:
    """Wait until the other one waits for the row."""
    for _try in range(100):
        with connection.cursor() as cursor:
            # Within a transaction PostgreSQL shows what it showed before.
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
                "AND datname = current_database()"
            )
            if cursor.fetchone()[0]:
                return
        sleep(0.05)
    raise AssertionError("nobody waits")


def test_what_is_counted_is_what_starts(
    draft: Campaign, staff: User, now: datetime
) -> None:
    def start() -> None:
        start_or_ask(campaign=Campaign.objects.get(pk=draft.pk), by=staff, at=now)

    with widened(draft, staff, now, start) as begun:
        begun.result(30)

    draft.refresh_from_db()
    assert (draft.state, draft.conditions) == ("draft", EVERYBODY)
    assert ChangeRequest.objects.get().summary == "Start “All”: 2 members"


def test_without_the_lock_it_would_start_for_many(
    draft: Campaign, staff: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: counted before, started after."""
    monkeypatch.setattr(
        approving, "lock_campaign", lambda one: Campaign.objects.get(pk=one.pk)
    )

    def start() -> None:
        start_or_ask(campaign=Campaign.objects.get(pk=draft.pk), by=staff, at=now)

    with widened(draft, staff, now, start) as begun:
        begun.result(30)

    draft.refresh_from_db()
    assert (draft.state, draft.conditions) == ("running", EVERYBODY)
    assert not ChangeRequest.objects.exists()


def test_counting_keeps_nobody_waiting(
    draft: Campaign, staff: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it is counted, runs and pauses of the campaign get its row at once."""
    reach_of, locked = approving.reach_of, []

    def counted(campaign: Campaign, *, at: datetime) -> int:
        def lock() -> None:
            try:
                with transaction.atomic():
                    rows = Campaign.objects.select_for_update(nowait=True, no_key=True)
                    locked.append(rows.get(pk=campaign.pk).state)
            finally:
                connections.close_all()

        with ThreadPoolExecutor(1) as pool:
            pool.submit(lock).result(10)
        return reach_of(campaign, at=at)

    monkeypatch.setattr(approving, "reach_of", counted)
    start_or_ask(campaign=draft, by=staff, at=now)
    assert locked == ["draft"]
    draft.refresh_from_db()
    assert draft.state == "running"


def test_who_is_changed_each_time_is_told_so(
    draft: Campaign, staff: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    reach_of = approving.reach_of

    def counted(campaign: Campaign, *, at: datetime) -> int:
        Campaign.objects.update(days=F("days") + 1)
        return reach_of(campaign, at=at)

    monkeypatch.setattr(approving, "reach_of", counted)
    with pytest.raises(Conflict, match="Somebody else has changed something meanwhile"):
        start_or_ask(campaign=draft, by=staff, at=now)
    draft.refresh_from_db()
    assert (draft.state, ChangeRequest.objects.count()) == ("draft", 0)


def test_what_was_approved_is_what_starts(
    draft: Campaign, staff: User, now: datetime
) -> None:
    asked = ask_to_start(campaign=draft, reach=0, by=staff, at=now)
    boss = User.objects.create_superuser("boss", "boss@example.com", "boss-password")

    def approve() -> None:
        approve_change(asked, by=boss, at=now)

    with (
        widened(draft, staff, now, approve) as begun,
        pytest.raises(TransitionRefused, match="was changed after it was asked for"),
    ):
        begun.result(30)

    draft.refresh_from_db()
    assert (draft.state, ChangeRequest.objects.get().state) == ("draft", "open")
