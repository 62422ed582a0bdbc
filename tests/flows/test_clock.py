"""Jobs by the clock: one effective run a period, and nothing swallowed."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from campaigns.models import CampaignRun
from campaigns.presets import create_presets
from core.models import JobRun
from core.periods import period_of
from flows import clock
from flows.clock import CAMPAIGNS, catch_up, run_by_clock
from flows.schedules import create_schedules


@pytest.fixture
def entry(db: None) -> PeriodicTask:
    """The campaigns, at nine in the morning in Ho Chi Minh City."""
    create_schedules()
    return PeriodicTask.objects.get(task="campaigns.tasks.run_campaigns")


def test_a_new_programme_has_its_schedule(db: None) -> None:
    made = create_schedules()

    assert [(entry.task, str(entry.crontab or entry.interval)[:11]) for entry in made] == [
        ("flows.tasks.run_day", "0 2 * * * ("),
        ("campaigns.tasks.run_campaigns", "0 9 * * * ("),
        ("messaging.tasks.sync_zalo_templates", "0 6 * * * ("),
        ("flows.tasks.seal_ledger", "15 * * * * "),
        ("messaging.tasks.dispatch", "every 10 se"),
        ("messaging.tasks.process_webhooks", "every 10 se"),
        ("webhooks.tasks.dispatch", "every 5 sec"),
        ("campaigns.tasks.go_on", "every 10 se"),
        ("points.tasks.release_reservations", "every 60 se"),
        ("rewards.tasks.release_held", "every 60 se"),
        ("members.tasks.refresh_watched", "every 300 s"),
        ("flows.tasks.catch_up", "every 60 se"),
    ]
    assert {str(entry.crontab.timezone) for entry in made if entry.crontab} == {
        "Asia/Ho_Chi_Minh"
    }


def test_what_staff_changed_stays(entry: PeriodicTask) -> None:
    entry.name = "Chiến dịch buổi trưa"
    entry.enabled = False
    entry.crontab = CrontabSchedule.objects.create(minute="30", hour="11")
    entry.save()

    assert create_schedules() == []

    entry.refresh_from_db()
    assert (entry.name, entry.enabled, entry.crontab.hour) == (
        "Chiến dịch buổi trưa",
        False,
        "11",
    )


@pytest.mark.parametrize(
    ("now", "period"),
    [
        # 09:00, 09:00:59 and 23:00 in Ho Chi Minh City: the slot of that morning.
        (datetime(2026, 3, 2, 2, 0, tzinfo=UTC), "2026-03-02T02:00Z"),
        (datetime(2026, 3, 2, 2, 0, 59, tzinfo=UTC), "2026-03-02T02:00Z"),
        (datetime(2026, 3, 2, 16, 0, tzinfo=UTC), "2026-03-02T02:00Z"),
        # A second before nine it is still yesterday's.
        (datetime(2026, 3, 2, 1, 59, 59, tzinfo=UTC), "2026-03-01T02:00Z"),
    ],
)
def test_the_period_is_the_slot_of_the_schedule(
    entry: PeriodicTask, now: datetime, period: str
) -> None:
    assert period_of(entry.name, now=now) == period


def test_run_now_is_a_period_of_its_own(db: None) -> None:
    now = datetime(2026, 3, 2, 7, 31, 12, tzinfo=UTC)

    assert period_of(None, now=now) == "2026-03-02T07:31Z"


def test_however_often_beat_fires_there_is_one_run(entry: PeriodicTask) -> None:
    create_presets(at=timezone.now())

    runs = [run_by_clock(CAMPAIGNS, entry_name=entry.name) for _beat in range(3)]

    assert [run is not None for run in runs] == [True, False, False]
    assert JobRun.objects.get().state == "done"
    assert CampaignRun.objects.count() == 2


def test_a_failed_run_is_tried_again(
    entry: PeriodicTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_at: datetime) -> dict[str, object]:
        raise RuntimeError("the database was away")

    monkeypatch.setitem(clock.WORK, CAMPAIGNS, fail)
    with pytest.raises(RuntimeError):
        run_by_clock(CAMPAIGNS, entry_name=entry.name)
    monkeypatch.undo()
    # Not at once: what is away for a moment needs a moment.
    assert catch_up() == []
    JobRun.objects.update(finished_at=timezone.now() - timedelta(minutes=3))

    (run,) = catch_up()

    assert (run.state, run.attempts) == ("done", 2)
    assert catch_up() == []


def test_a_run_whose_worker_died_is_taken_over(entry: PeriodicTask) -> None:
    now = timezone.now()
    period = period_of(entry.name, now=now)
    JobRun.objects.create(
        job=CAMPAIGNS,
        period=period,
        started_at=now - timedelta(hours=1),
        leased_until=now - timedelta(minutes=1),
    )

    (run,) = catch_up()

    assert (run.period, run.state, run.attempts) == (period, "done", 2)


def test_what_beat_fired_and_nobody_heard_is_done(entry: PeriodicTask) -> None:
    # The broker lost the message: beat thinks it ran, no run is there.
    due = timezone.now().astimezone(UTC) - timedelta(minutes=10)
    crontab = CrontabSchedule.objects.create(
        minute=str(due.minute), hour=str(due.hour), timezone="UTC"
    )
    PeriodicTask.objects.filter(pk=entry.pk).update(
        crontab=crontab, last_run_at=due + timedelta(minutes=1)
    )

    (run,) = catch_up()

    assert (run.job, run.period) == (CAMPAIGNS, f"{due:%Y-%m-%dT%H:%MZ}")
    assert catch_up() == []


def test_what_beat_has_not_fired_is_left_to_beat(entry: PeriodicTask) -> None:
    # A new entry whose time is still to come must not run at once.
    assert catch_up() == []

    PeriodicTask.objects.update(last_run_at=timezone.now() - timedelta(days=2))

    assert catch_up() == []
    assert not JobRun.objects.exists()
