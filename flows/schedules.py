"""The schedule of a new programme; from then on it belongs to staff."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask


@dataclass(frozen=True, slots=True)
class Daily:
    """A job at a time of day."""

    name: str | Promise
    task: str
    hour: int
    description: str | Promise


@dataclass(frozen=True, slots=True)
class Hourly:
    """A job at a minute of every hour."""

    name: str | Promise
    task: str
    minute: int
    description: str | Promise


@dataclass(frozen=True, slots=True)
class Every:
    """A look at the tables every so many seconds."""

    name: str | Promise
    task: str
    seconds: int
    description: str | Promise


DAILY = (
    Daily(
        _("Programme day"),
        "flows.tasks.run_day",
        2,
        _("Matures and expires points, runs the campaigns and proves the ledger."),
    ),
    Daily(
        _("Campaigns"),
        "campaigns.tasks.run_campaigns",
        9,
        _("Runs the automatic campaigns once more, when messages may be sent."),
    ),
    Daily(
        _("Templates at Zalo"),
        "messaging.tasks.sync_zalo_templates",
        6,
        _("Asks Zalo for the state and price of every template, and for the quota."),
    ),
)
HOURLY = (
    Hourly(
        _("Seal the ledger"),
        "flows.tasks.seal_ledger",
        15,
        _("Puts a seal on the movements of points, so that any later change is found."),
    ),
)
EVERY = (
    Every(
        _("Send messages"),
        "messaging.tasks.dispatch",
        10,
        _("Sends what is due in the outbox."),
    ),
    Every(
        _("Work off events"),
        "messaging.tasks.process_webhooks",
        10,
        _("Reads what providers told us: delivered, seen, followed, unfollowed, rated."),
    ),
    Every(
        _("Send webhooks"),
        "webhooks.tasks.dispatch",
        5,
        _("Tells the brand's own systems what has just happened to members."),
    ),
    Every(
        _("Campaigns go on"),
        "campaigns.tasks.go_on",
        10,
        _("Takes in what has just happened, and lets members on their way go on."),
    ),
    Every(
        _("Release reserved points"),
        "points.tasks.release_reservations",
        60,
        _("Gives back points that a till reserved and never used."),
    ),
    Every(
        _("Release held vouchers"),
        "rewards.tasks.release_held",
        60,
        _("Gives back vouchers that a till held, and rewards that nobody paid for."),
    ),
    Every(
        _("Look who enters and leaves"),
        "members.tasks.refresh_watched",
        300,
        _("Writes down who came into a watched segment and who left it."),
    ),
    Every(
        _("Catch up"),
        "flows.tasks.catch_up",
        60,
        _("Does again what failed or what a broken connection swallowed."),
    ),
)


@transaction.atomic
def create_schedules() -> list[PeriodicTask]:
    """Make the entries whose task no entry runs yet; return those that are new.

    What exists, under whatever name and at whatever time, is never touched.
    """
    known = set(PeriodicTask.objects.values_list("task", flat=True))
    return [_create(plan) for plan in (*DAILY, *HOURLY, *EVERY) if plan.task not in known]


def _create(plan: Daily | Hourly | Every) -> PeriodicTask:
    entry = PeriodicTask(
        name=str(plan.name), task=plan.task, description=str(plan.description)
    )
    if isinstance(plan, Daily):
        entry.crontab = _crontab(minute="0", hour=str(plan.hour))
    elif isinstance(plan, Hourly):
        entry.crontab = _crontab(minute=str(plan.minute), hour="*")
    else:
        entry.interval = _interval(plan.seconds)
        # A look that nobody took until the next one is due has nothing to add.
        entry.expire_seconds = plan.seconds
    entry.save()
    return entry


def _crontab(*, minute: str, hour: str) -> CrontabSchedule:
    times = {
        "minute": minute,
        "hour": hour,
        "day_of_week": "*",
        "day_of_month": "*",
        "month_of_year": "*",
        "timezone": settings.CELERY_TIMEZONE,
    }
    # Nothing makes these rows unique, so get_or_create could find two.
    found = CrontabSchedule.objects.filter(**times).order_by("pk").first()
    return found or CrontabSchedule.objects.create(**times)


def _interval(seconds: int) -> IntervalSchedule:
    times = {"every": seconds, "period": IntervalSchedule.SECONDS}
    found = IntervalSchedule.objects.filter(**times).order_by("pk").first()
    return found or IntervalSchedule.objects.create(**times)
