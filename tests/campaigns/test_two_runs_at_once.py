"""Several runs of one campaign at the same moment: each member is taken in once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest
from django.db import connection, connections

from activities.models import PurchaseSummary
from campaigns import enrolling
from campaigns.models import Campaign, Enrolment
from campaigns.presets import create_presets
from campaigns.services import run_campaign
from core.batch import fetch_all, rows_source
from core.clock import local_midday
from messaging.models import Message
from tests import factories

pytestmark = [
    pytest.mark.postgresql,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("threads_end_their_sessions"),
]

RUNS = 4
MEMBERS = 60
CONSTRAINT = "campaigns_enrolment_once_per_episode"


@pytest.fixture
def come_back(now: datetime) -> Campaign:
    last = date(2026, 1, 1)
    for number in range(MEMBERS):
        PurchaseSummary.objects.create(
            member=factories.make_member(phone=f"09330000{number:02}"),
            first_order_on=last,
            last_order_on=last,
            last_order_at=local_midday(last),
            num_orders=1,
            spend=Decimal(1),
        )
    return create_presets(at=now)[1]


@pytest.fixture
def all_choose_before_any_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every run have its audience before the first one enrols anybody."""
    barrier = Barrier(RUNS)

    def stream(rows: Any, _size: int) -> Iterator[list[Any]]:
        chosen = list(rows)
        barrier.wait(timeout=60)
        yield from (chosen[i : i + 7] for i in range(0, len(chosen), 7))

    monkeypatch.setattr(enrolling, "stream", stream)


def run_all(campaign: Campaign, at: datetime) -> list[int]:
    """Run the campaign from many threads; return how many each took in."""

    def run(_number: int) -> int:
        try:
            mine = Campaign.objects.get(pk=campaign.pk)
            return int(
                run_campaign(campaign=mine, at=at, trigger="command").counts["entered"]
            )
        finally:
            connections.close_all()

    with ThreadPoolExecutor(RUNS) as pool:
        return list(pool.map(run, range(RUNS), timeout=120))


@pytest.mark.usefixtures("all_choose_before_any_writes")
def test_each_member_is_taken_in_once(come_back: Campaign, now: datetime) -> None:
    entered = run_all(come_back, now)

    assert sum(entered) == MEMBERS
    assert Enrolment.objects.count() == MEMBERS
    assert Message.objects.count() == MEMBERS


@pytest.mark.usefixtures("all_choose_before_any_writes")
def test_without_the_unique_episode_they_would_not_be(
    come_back: Campaign, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: same storm, no unique key, and members enter several times."""

    def insert_all(
        table: str, columns: Any, rows: Any, *, conflict: str, returning: str
    ) -> Any:
        source, parameters = rows_source(columns, rows)
        names = ", ".join(column.name for column in columns)
        return fetch_all(
            f"INSERT INTO {table} ({names}) SELECT {names} FROM {source} "
            f"RETURNING {returning}",
            parameters,
        )

    monkeypatch.setattr(enrolling, "insert_new", insert_all)
    table = Enrolment._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {CONSTRAINT}")
    try:
        entered = run_all(come_back, now)
        assert sum(entered) == RUNS * MEMBERS
    finally:
        Enrolment.objects.all().delete()
        with connection.cursor() as cursor:
            cursor.execute(
                f"ALTER TABLE {table} ADD CONSTRAINT {CONSTRAINT} "
                "UNIQUE (campaign_id, member_id, episode)"
            )
