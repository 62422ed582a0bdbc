"""Time slots as staff keep them: many made from a pattern, none twice, booked ones kept."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext as _

from activities.models import Store
from core.clock import programme_zone
from core.errors import InvalidInput
from core.money import group_digits
from core.retry import retry_on_conflict
from rewards.errors import StockRefused
from rewards.models import Benefit, Slot

# A quarter of a year of half hours with three people; more is a slip of the finger.
MOST = 3000
MOST_DAYS = 370


@dataclass(frozen=True, slots=True)
class Pattern:
    """Days of the week between two days, cut into times of one length.

    ``weekdays``: Monday is 1. ``pause``: minutes between one time and the next.
    """

    benefit: Benefit
    first: date
    last: date
    weekdays: frozenset[int]
    begins: time
    ends: time
    minutes: int
    capacity: int
    pause: int = 0
    store: Store | None = None
    host: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a pattern would make; those that are over or meet another one are left out."""

    slots: list[Slot]
    doubles: int
    past: int

    @property
    def places(self) -> int:
        return sum(slot.capacity for slot in self.slots)

    @property
    def days(self) -> int:
        return len({slot.starts_at.date() for slot in self.slots})


def plan_slots(pattern: Pattern, *, at: datetime) -> Plan:
    """Work out what a pattern makes, without making it. Raises InvalidInput."""
    _check(pattern)
    slots, past = [], 0
    for start, end in _times(pattern, programme_zone()):
        if start <= at:
            past += 1
            continue
        slots.append(
            Slot(
                benefit=pattern.benefit,
                store=pattern.store,
                host=pattern.host,
                starts_at=start,
                ends_at=end,
                capacity=pattern.capacity,
            )
        )
    if len(slots) > MOST:
        raise InvalidInput(
            _("That would make %(count)s times. Choose fewer days or longer times.")
            % {"count": group_digits(len(slots))}
        )
    new = _without_doubles(pattern, slots)
    return Plan(new, len(slots) - len(new), past)


@retry_on_conflict
@transaction.atomic
def make_slots(pattern: Pattern, *, at: datetime) -> int:
    """Make the times of a pattern; returns how many. A repeat makes none."""
    # One at a time, so that the second sees what the first has made.
    Benefit.objects.select_for_update(no_key=True, of=("self",)).get(pk=pattern.benefit.pk)
    plan = plan_slots(pattern, at=at)
    return len(Slot.objects.bulk_create(plan.slots, batch_size=500))


@retry_on_conflict
@transaction.atomic
def save_slot(slot: Slot, *, changed: Collection[str]) -> Slot:
    """Save a new time, or of one that exists the fields that were changed.

    Raises StockRefused when guests are booked for the time that it had, or more of them
    than the new number of places.
    """
    if slot._state.adding:
        slot.save()
        return slot
    names = {field.name for field in Slot._meta.concrete_fields} & set(changed)
    row = Slot.objects.filter(pk=slot.pk)
    if names & {"benefit", "store", "starts_at", "ends_at"} and not row.filter(
        taken=0
    ).update(starts_at=slot.starts_at, ends_at=slot.ends_at):
        raise StockRefused(
            _("Guests are booked for this time. Move their bookings first, or close it.")
        )
    if "capacity" in names and not row.filter(taken__lte=slot.capacity).update(
        capacity=slot.capacity
    ):
        raise StockRefused(_("More places than that are booked."))
    slot.save(update_fields=names)
    return slot


def _check(pattern: Pattern) -> None:
    if pattern.last < pattern.first:
        raise InvalidInput(_("The last day is before the first one."))
    if (pattern.last - pattern.first).days > MOST_DAYS:
        raise InvalidInput(_("Choose at most one year at once."))
    if pattern.ends <= pattern.begins:
        raise InvalidInput(_("“Until” must be after “from”."))
    if pattern.minutes < 1:
        raise InvalidInput(_("Say how many minutes one time takes."))
    if not pattern.weekdays:
        raise InvalidInput(_("Choose at least one day of the week."))


def _times(pattern: Pattern, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    """Yield beginning and end of every time, by the programme's clock."""
    length = timedelta(minutes=pattern.minutes)
    step = length + timedelta(minutes=pattern.pause)
    for number in range((pattern.last - pattern.first).days + 1):
        day = pattern.first + timedelta(days=number)
        if day.isoweekday() not in pattern.weekdays:
            continue
        start = datetime.combine(day, pattern.begins)
        while start + length <= datetime.combine(day, pattern.ends):
            local = start.replace(tzinfo=zone).astimezone(UTC)
            yield local, local + length
            start += step


def _without_doubles(pattern: Pattern, slots: list[Slot]) -> list[Slot]:
    """Leave out what meets a time that there is for the same store and host."""
    if not slots:
        return []
    there = Slot.objects.filter(
        benefit=pattern.benefit,
        store=pattern.store,
        host=pattern.host,
        starts_at__lt=max(slot.ends_at for slot in slots),
        ends_at__gt=min(slot.starts_at for slot in slots),
    )
    taken = sorted(there.values_list("starts_at", "ends_at"))
    new, place = [], 0
    for slot in slots:
        while place < len(taken) and taken[place][1] <= slot.starts_at:
            place += 1
        if place == len(taken) or taken[place][0] >= slot.ends_at:
            new.append(slot)
    return new
