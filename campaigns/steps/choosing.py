"""Steps that choose: by a question, by chance, by how often; and the one that ends it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.chance import BUCKETS, bucket
from campaigns.models import Step
from campaigns.steps.messages import message_key
from campaigns.steps.waiting import whole
from campaigns.trips import StepKind, Traveller, Trip, ids_of
from core.batch import Column, fetch_all, rows_source
from core.clock import local_date
from core.errors import InvalidInput
from members.segments import describe_conditions, members_matching, validate_conditions
from messaging.models import Message

YES, NO = "yes", "no"
WITHIN, BEYOND = "within", "beyond"
LANES = ("a", "b", "c", "d")
CONDITIONS, CLICKED, DELIVERED = "conditions", "clicked", "delivered"


# --- By a question ------------------------------------------------------------------------


def _branch(trip: Trip, step: Step, travellers: list[Traveller]) -> None:
    met = _who_meets(trip, step, travellers)
    trip.into(step, YES, [one for one in travellers if one.enrolment_id in met])
    trip.into(step, NO, [one for one in travellers if one.enrolment_id not in met])


def _who_meets(trip: Trip, step: Step, travellers: list[Traveller]) -> set[int]:
    """Return the enrolments whose member the question is true for. One query."""
    settings = step.settings
    if settings["asks"] == CONDITIONS:
        found = members_matching(
            settings["conditions"],
            at=trip.at,
            parameters=trip.campaign.parameters,
            few=True,
        ).filter(pk__in=ids_of(travellers))
        ids = set(found.values_list("pk", flat=True))
        return {one.enrolment_id for one in travellers if one.member_id in ids}
    keys = {
        message_key(trip.campaign.pk, one.member_id, one.episode, settings["step"]): one
        for one in travellers
    }
    messages = Message.objects.filter(key__in=keys)
    if settings["asks"] == CLICKED:
        messages = messages.filter(clicked_at__isnull=False)
    else:
        arrived = (Message.State.DELIVERED, Message.State.SEEN)
        messages = messages.filter(state__in=arrived)
    return {keys[key].enrolment_id for key in messages.values_list("key", flat=True)}


def _clean_branch(settings: Mapping[str, Any]) -> dict[str, Any]:
    asks = settings.get("asks", CONDITIONS)
    if asks == CONDITIONS:
        conditions = settings.get("conditions") or {"all": []}
        validate_conditions(conditions)
        return {"asks": asks, "conditions": conditions}
    if asks not in (CLICKED, DELIVERED):
        raise InvalidInput(_("Choose what is asked."))
    if not settings.get("step"):
        raise InvalidInput(_("Choose which message is meant."))
    return {"asks": asks, "step": str(settings["step"])[:20]}


def _describe_branch(step: Step) -> str:
    settings = step.settings
    if settings.get("asks") == CLICKED:
        return _("Did they open the link of the message?")
    if settings.get("asks") == DELIVERED:
        return _("Was the message delivered?")
    conditions = settings.get("conditions", {"all": []})
    what = describe_conditions(conditions, step.campaign.parameters)
    return _("Is it true that they %(what)s?") % {"what": what}


BRANCH = StepKind(
    Step.Kind.BRANCH.value,
    gettext_lazy("Ask a question"),
    gettext_lazy("Yes goes one way, no another; both meet again below."),
    "call_split",
    _branch,
    _describe_branch,
    clean=_clean_branch,
    lanes=lambda _step: ((YES, _("Yes")), (NO, _("No"))),
)


# --- By chance ----------------------------------------------------------------------------


def _split(trip: Trip, step: Step, travellers: list[Traveller]) -> None:
    """Send each member into the lane of their bucket: the same one every time."""
    groups: dict[str, list[Traveller]] = {lane: [] for lane in LANES}
    for one in travellers:
        groups[_lane_of(step, one.member_id)].append(one)
    for lane, group in groups.items():
        if group:
            trip.into(step, lane, group)


def _lane_of(step: Step, member_id: int) -> str:
    share = bucket(f"split:{step.campaign_id}:{step.key}", member_id) * 100 // BUCKETS
    shares: list[int] = step.settings["shares"]
    upper = 0
    for lane, percent in zip(LANES, shares, strict=False):
        upper += percent
        if share < upper:
            return lane
    raise AssertionError("shares add up to a hundred")


def _clean_split(settings: Mapping[str, Any]) -> dict[str, Any]:
    shares = settings.get("shares")
    if not isinstance(shares, list) or not 2 <= len(shares) <= len(LANES):
        raise InvalidInput(_("Split into two to four ways."))
    problem = _("Each way needs a whole percent, at least 1.")
    cleaned = [whole(share, problem, least=1, most=99) for share in shares]
    if sum(cleaned) != 100:
        raise InvalidInput(
            _("The ways add up to %(sum)s %%; they need to make 100 %%.")
            % {"sum": sum(cleaned)}
        )
    return {"shares": cleaned}


def _split_lanes(step: Step) -> list[tuple[str, str]]:
    shares = step.settings.get("shares", [])
    pairs = zip(LANES, shares, strict=False)
    return [(lane, f"{lane.upper()} · {share} %") for lane, share in pairs]


SPLIT = StepKind(
    Step.Kind.SPLIT.value,
    gettext_lazy("Split at random"),
    gettext_lazy("To try two ways; each member keeps the same one."),
    "alt_route",
    _split,
    lambda _step: _("Split at random"),
    clean=_clean_split,
    lanes=_split_lanes,
)


# --- By how often -------------------------------------------------------------------------

PERIODS = ("day", "week", "month", "year", "ever")
COUNTER_COLUMNS = (
    Column("campaign_id", "bigint"),
    Column("member_id", "bigint"),
    Column("key", "text"),
    Column("period", "text"),
    Column("times", "int"),
)


def _count(trip: Trip, step: Step, travellers: list[Traveller]) -> None:
    """Count everybody once more; who is above the number goes the other way."""
    period = _period(step.settings["per"], trip.at)
    rows = [
        (trip.campaign.pk, member_id, step.key, period, 1)
        for member_id in ids_of(travellers)
    ]
    source, parameters = rows_source(COUNTER_COLUMNS, rows)
    counted = fetch_all(
        "INSERT INTO campaigns_counterpass AS c (campaign_id, member_id, key, period, "
        "times) SELECT campaign_id, member_id, key, period, times "
        f"FROM {source} WHERE true ON CONFLICT (campaign_id, member_id, key, period) "
        "DO UPDATE SET times = c.times + 1 RETURNING member_id, times",
        parameters,
    )
    within = {pk for pk, times in counted if times <= step.settings["times"]}
    trip.into(step, WITHIN, [one for one in travellers if one.member_id in within])
    trip.into(step, BEYOND, [one for one in travellers if one.member_id not in within])


def _period(per: str, at: datetime) -> str:
    day = local_date(at)
    if per == "week":
        year, week, _weekday = day.isocalendar()
        return f"{year}-W{week:02}"
    return {
        "day": day.isoformat(),
        "month": f"{day:%Y-%m}",
        "year": f"{day:%Y}",
        "ever": "ever",
    }[per]


def _clean_counter(settings: Mapping[str, Any]) -> dict[str, Any]:
    problem = _("Write how many times, at least 1.")
    times = whole(settings.get("times"), problem, least=1)
    per = settings.get("per", "month")
    if per not in PERIODS:
        raise InvalidInput(_("Choose after which time the counter starts again."))
    return {"times": times, "per": per}


def _describe_counter(step: Step) -> str:
    texts = {
        "day": _("At most %(times)s × a day"),
        "week": _("At most %(times)s × a week"),
        "month": _("At most %(times)s × a month"),
        "year": _("At most %(times)s × a year"),
        "ever": _("At most %(times)s × in all"),
    }
    settings = step.settings
    return texts[settings.get("per", "month")] % {"times": settings.get("times", 1)}


COUNTER = StepKind(
    Step.Kind.COUNTER.value,
    gettext_lazy("Count"),
    gettext_lazy("So many times in a period they go one way, then another."),
    "tag",
    _count,
    _describe_counter,
    clean=_clean_counter,
    lanes=lambda _step: ((WITHIN, _("Within the number")), (BEYOND, _("Above it"))),
)


# --- The end ------------------------------------------------------------------------------

STOP = StepKind(
    Step.Kind.STOP.value,
    gettext_lazy("Stop here"),
    gettext_lazy("No further step; the goal is still watched."),
    "stop_circle",
    lambda trip, _step, travellers: trip.stop(travellers),
    lambda _step: _("Stop here"),
)
