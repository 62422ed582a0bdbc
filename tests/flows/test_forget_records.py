"""Working records go when they are as old as staff say; evidence stays."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from campaigns.models import Campaign, CampaignRun, CounterPass, Happening
from core import forgetting
from core.models import JobRun
from flows import forgetting as by_night
from flows.forgetting import forget_records
from flows.tasks import forget_old_records
from members.models import Member, Segment, SegmentChange
from messaging.models import WebhookEvent
from tests import factories

DAY = timedelta(days=1)
NOTHING = {
    "segment_changes": 0,
    "campaign_runs": 0,
    "counter_passes": 0,
    "happenings": 0,
    "provider_events": 0,
    "job_runs": 0,
}


@pytest.fixture(autouse=True)
def programme(db: None) -> None:
    factories.make_programme(records_days=100)


@pytest.fixture
def campaign() -> Campaign:
    return Campaign.objects.create(code="c", name="C")


def forget(at: datetime) -> dict[str, int]:
    """Return what was forgotten, without what came to nothing."""
    forgotten = forget_records(at=at)
    assert set(forgotten) == set(NOTHING)
    return {name: count for name, count in forgotten.items() if count}


def test_keeps_records_for_as_long_as_staff_say(mai: Member, now: datetime) -> None:
    segment = Segment.objects.create(code="s", name="S")
    for days in (100, 101, 102):
        SegmentChange.objects.create(
            segment=segment, member=mai, kind="entered", happened_at=now - days * DAY
        )
    # From the oldest number on: rows are written in the order of their time.
    SegmentChange.objects.update(happened_at=now - 100 * DAY)
    assert forget(now) == {}
    assert forget(now + timedelta(seconds=1)) == {"segment_changes": 3}
    assert forget(now + timedelta(seconds=1)) == {}


def test_stops_at_the_first_that_is_young(mai: Member, now: datetime) -> None:
    segment = Segment.objects.create(code="s", name="S")
    for days in (150, 120, 10):
        SegmentChange.objects.create(
            segment=segment, member=mai, kind="left", happened_at=now - days * DAY
        )
    assert forget(now) == {"segment_changes": 2}
    assert SegmentChange.objects.get().happened_at == now - 10 * DAY


def test_what_a_person_did_stays_in_the_run_log(campaign: Campaign, now: datetime) -> None:
    def run(trigger: str, **fields: Any) -> int:
        made = CampaignRun.objects.create(
            campaign=campaign, trigger=trigger, at=now, **fields
        )
        return made.pk

    run("clock")
    run("clock", state="failed")
    sent = run("staff")
    run("staff", is_dry=True)
    run("command")
    last = run("clock")
    CampaignRun.objects.update(started_at=now - 101 * DAY)

    assert forget(now) == {"campaign_runs": 4}
    assert set(CampaignRun.objects.values_list("pk", flat=True)) == {sent, last}


@pytest.mark.parametrize(
    ("state", "mode", "days", "forgotten"),
    [
        ("ended", "continuous", 101, 1),
        ("ended", "continuous", 99, 0),
        ("ended", "one_off", 101, 0),
        ("running", "continuous", 101, 0),
    ],
)
def test_counters_go_with_campaigns_that_are_over(
    campaign: Campaign,
    mai: Member,
    now: datetime,
    state: str,
    mode: str,
    days: int,
    forgotten: int,
) -> None:
    Campaign.objects.update(state=state, mode=mode, ended_at=now - days * DAY)
    CounterPass.objects.create(campaign=campaign, member=mai, key="c1", period="2025")
    assert forget(now).get("counter_passes", 0) == forgotten
    assert CounterPass.objects.count() == 1 - forgotten


def test_what_is_still_to_be_done_is_never_forgotten(mai: Member, now: datetime) -> None:
    old = {"member": mai, "kind": "order", "happened_at": now - 101 * DAY}
    Happening.objects.create(reference="1", attempts=4, **old)
    Happening.objects.create(reference="2", attempts=5, **old)
    told = {"provider": "zalo", "event_name": "x", "payload": {}}
    for key, fields in {
        "open": {},
        "done": {"processed_at": now},
        "given up": {"attempts": 5},
    }.items():
        WebhookEvent.objects.create(
            event_key=key, received_at=now - 101 * DAY, **told, **fields
        )

    assert forget(now) == {"happenings": 1, "provider_events": 2}
    assert Happening.objects.get().reference == "1"
    assert WebhookEvent.objects.get().event_key == "open"


def test_jobs_of_the_clock_are_forgotten_and_others_stay(now: datetime) -> None:
    for job in ("day", "seal", "campaigns", "demo"):
        JobRun.objects.create(
            job=job,
            period="1",
            state="done",
            started_at=now - 101 * DAY,
            leased_until=now,
        )
    JobRun.objects.filter(job="seal").update(state="running")
    assert forget(now) == {"job_runs": 2}
    assert set(JobRun.objects.values_list("job", flat=True)) == {"seal", "demo"}


def test_each_statement_takes_some_only(
    mai: Member, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgetting, "CHUNK", 2)
    segment = Segment.objects.create(code="s", name="S")
    SegmentChange.objects.bulk_create(
        SegmentChange(segment=segment, member=mai, kind="left", happened_at=now - 200 * DAY)
        for _number in range(5)
    )
    with CaptureQueriesContext(connection) as queries:
        assert forget(now) == {"segment_changes": 5}
    deleted = [q["sql"] for q in queries if "DELETE" in q["sql"]]
    assert len([sql for sql in deleted if "members_segmentchange" in sql]) == 3


def test_one_that_fails_keeps_no_other_from_it(
    mai: Member, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*, before: datetime) -> int:
        raise RuntimeError("broken")

    monkeypatch.setitem(by_night.FORGET, "segment_changes", fail)
    Happening.objects.create(
        member=mai, kind="order", reference="1", happened_at=now - 101 * DAY, attempts=5
    )
    forgotten = forget_records(at=now)
    assert "segment_changes" not in forgotten
    assert forgotten["happenings"] == 1


def test_runs_every_night(mai: Member) -> None:
    old = timezone.now() - 101 * DAY
    Happening.objects.create(
        member=mai, kind="order", reference="1", happened_at=old, attempts=5
    )
    planned = settings.CELERY_BEAT_SCHEDULE["forget-old-records"]
    forget_old_records()
    assert planned["task"] == forget_old_records.name
    assert not Happening.objects.exists()
