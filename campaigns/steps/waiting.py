"""Steps at which members rest: for a while, until a moment, until something happens."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from campaigns.models import Campaign, Step
from campaigns.trips import StepKind, Traveller, Trip, ids_of
from core.clock import programme_zone
from core.errors import InvalidInput
from core.happenings import happening_kinds
from members.models import Member
from members.occasions import birthday_in

UNITS = ("minutes", "hours", "days", "weeks")
LONGEST = timedelta(days=3650)
HAPPENED, TIMEOUT = "happened", "timeout"


# --- For a while ------------------------------------------------------------------------


def later(at: datetime, settings: Mapping[str, Any]) -> datetime:
    """Return the moment so long after ``at``; days and weeks keep the local time of day."""
    amount, unit = int(settings["amount"]), settings["unit"]
    if unit in ("minutes", "hours"):
        return at + timedelta(**{unit: amount})
    local = at.astimezone(programme_zone())
    return (local + timedelta(**{unit: amount})).astimezone(at.tzinfo)


def clean_span(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return how long, as it is stored, or raise InvalidInput."""
    unit = settings.get("unit", "days")
    if unit not in UNITS:
        raise InvalidInput(_("Choose minutes, hours, days or weeks."))
    amount = whole(settings.get("amount"), _("Write how long to wait."), least=1)
    if timedelta(**{unit: amount}) > LONGEST:
        raise InvalidInput(_("Nobody waits longer than ten years."))
    return {"amount": amount, "unit": unit}


def whole(value: Any, problem: str, *, least: int, most: int = 100_000) -> int:
    """Read a whole number within bounds, or raise with this sentence."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InvalidInput(problem)
    return value


def span_text(settings: Mapping[str, Any]) -> str:
    amount = int(settings.get("amount", 0))
    texts = {
        "minutes": ngettext("%(n)s minute", "%(n)s minutes", amount),
        "hours": ngettext("%(n)s hour", "%(n)s hours", amount),
        "days": ngettext("%(n)s day", "%(n)s days", amount),
        "weeks": ngettext("%(n)s week", "%(n)s weeks", amount),
    }
    return texts[settings.get("unit", "days")] % {"n": amount}


def _wait(trip: Trip, step: Step, travellers: list[Traveller]) -> None:
    trip.rest(step, travellers, later(trip.at, step.settings))


WAIT = StepKind(
    Step.Kind.WAIT.value,
    gettext_lazy("Wait"),
    gettext_lazy("Some days, hours or weeks; then they go on."),
    "hourglass_empty",
    _wait,
    lambda step: _("Wait %(span)s") % {"span": span_text(step.settings)},
    clean=clean_span,
    resume=lambda trip, step, travellers: trip.go_on(step, travellers),
)


# --- Until a moment ---------------------------------------------------------------------


def _wait_until(trip: Trip, step: Step, travellers: list[Traveller]) -> None:
    """Let everybody rest until their moment; whose moment is over, or has none, goes on."""
    if step.settings["until"] == "birthday":
        _until_birthday(trip, step, travellers)
        return
    moment = _moment(step.settings, trip.at)
    if moment <= trip.at:
        trip.go_on(step, travellers)
    else:
        trip.rest(step, travellers, moment)


def _until_birthday(trip: Trip, step: Step, travellers: list[Traveller]) -> None:
    born = dict(
        Member.objects.filter(pk__in=ids_of(travellers)).values_list("pk", "birth_date")
    )
    without: list[Traveller] = []
    for one in travellers:
        day = born.get(one.member_id)
        if day is None:
            without.append(one)
        else:
            trip.rest(step, [one], _birthday(step.settings, day, trip.at))
    trip.go_on(step, without)


def _birthday(settings: Mapping[str, Any], born: date, at: datetime) -> datetime:
    """Return the next moment so many days before a birthday."""
    this_year = at.astimezone(programme_zone()).year
    before = timedelta(days=settings["days_before"])
    years = range(this_year, this_year + 3)
    moments = [_local(birthday_in(born, y) - before, settings, at) for y in years]
    return next(moment for moment in moments if moment > at)


def _moment(settings: Mapping[str, Any], at: datetime) -> datetime:
    today = at.astimezone(programme_zone()).date()
    if settings["until"] == "date":
        return _local(date.fromisoformat(settings["date"]), settings, at)
    if settings["until"] == "weekday":
        today += timedelta(days=(settings["weekday"] - today.weekday()) % 7)
        days = 7
    else:
        days = 1
    moment = _local(today, settings, at)
    if moment < at:
        moment = _local(today + timedelta(days=days), settings, at)
    return moment


def _local(day: date, settings: Mapping[str, Any], at: datetime) -> datetime:
    clock = time.fromisoformat(settings["time"])
    local = datetime.combine(day, clock, tzinfo=programme_zone())
    return local.astimezone(at.tzinfo)


def _clean_until(settings: Mapping[str, Any]) -> dict[str, Any]:
    cleaned: dict[str, Any] = {
        "until": settings.get("until", "time"),
        "time": _time(settings.get("time", "09:00")),
    }
    if cleaned["until"] == "weekday":
        problem = _("Choose a day of the week.")
        cleaned["weekday"] = whole(settings.get("weekday"), problem, least=0, most=6)
    elif cleaned["until"] == "date":
        cleaned["date"] = _date(settings.get("date"))
    elif cleaned["until"] == "birthday":
        problem = _("Write how many days before the birthday, 0 to 60.")
        cleaned["days_before"] = whole(
            settings.get("days_before", 0), problem, least=0, most=60
        )
    elif cleaned["until"] != "time":
        raise InvalidInput(_("Choose until when they wait."))
    return cleaned


def _time(value: Any) -> str:
    try:
        return time.fromisoformat(str(value)[:5]).strftime("%H:%M")
    except ValueError:
        raise InvalidInput(_("Write the time of day as 09:00.")) from None


def _date(value: Any) -> str:
    try:
        return date.fromisoformat(str(value)).isoformat()
    except ValueError:
        raise InvalidInput(_("Choose a date.")) from None


def _describe_until(step: Step) -> str:
    settings = step.settings
    told: dict[str, Any] = {"time": settings.get("time", "")}
    until = settings.get("until")
    if until == "weekday":
        told["day"] = Campaign.Weekday(settings["weekday"]).label
        return _("Wait until the next %(day)s, %(time)s") % told
    if until == "date":
        told["day"] = f"{date.fromisoformat(settings['date']):%d/%m/%Y}"
        return _("Wait until %(day)s, %(time)s") % told
    if until == "birthday":
        days = settings["days_before"]
        if not days:
            return _("Wait until the birthday, %(time)s") % told
        told["days"] = days
        return (
            ngettext(
                "Wait until %(days)s day before the birthday, %(time)s",
                "Wait until %(days)s days before the birthday, %(time)s",
                days,
            )
            % told
        )
    return _("Wait until %(time)s") % told


WAIT_UNTIL = StepKind(
    Step.Kind.WAIT_UNTIL.value,
    gettext_lazy("Wait until"),
    gettext_lazy("A time of day, a weekday, a date, or the birthday."),
    "event",
    _wait_until,
    _describe_until,
    clean=_clean_until,
    resume=lambda trip, step, travellers: trip.go_on(step, travellers),
)


# --- For something to happen --------------------------------------------------------------


def _wait_for(trip: Trip, step: Step, travellers: list[Traveller]) -> None:
    trip.rest(
        step, travellers, later(trip.at, step.settings), waiting_for=step.settings["event"]
    )


def _clean_wait_for(settings: Mapping[str, Any]) -> dict[str, Any]:
    event = settings.get("event")
    if event not in happening_kinds():
        raise InvalidInput(_("Choose what they wait for."))
    return {"event": event, **clean_span(settings)}


def happening_label(code: str) -> str:
    kind = happening_kinds().get(code)
    return str(kind.label) if kind else code


def _describe_wait_for(step: Step) -> str:
    return _("Wait up to %(span)s for: %(event)s") % {
        "span": span_text(step.settings),
        "event": happening_label(step.settings.get("event", "")),
    }


WAIT_FOR = StepKind(
    Step.Kind.WAIT_FOR.value,
    gettext_lazy("Wait for something"),
    gettext_lazy("It goes on at once when it happens, and another way when it does not."),
    "pending_actions",
    _wait_for,
    _describe_wait_for,
    clean=_clean_wait_for,
    lanes=lambda _step: ((HAPPENED, _("It happened")), (TIMEOUT, _("It did not"))),
    resume=lambda trip, step, travellers: trip.into(step, TIMEOUT, travellers),
    happened=lambda trip, step, travellers: trip.into(step, HAPPENED, travellers),
)
