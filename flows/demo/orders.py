"""The demo's purchases: a year of them, in the rhythm of each member and of the day."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from activities.services import OrderFact, OrderLineFact
from flows.demo.people import Person
from flows.demo.words import CAKES, DRINKS, FOR_HOME, Item

SOURCE = "pos"

# How busy each hour is, from opening at seven to the last orders before ten.
WORKDAY_HOURS = (10, 16, 11, 6, 5, 9, 9, 6, 8, 7, 5, 4, 6, 6, 3)
WEEKEND_HOURS = (3, 7, 12, 12, 8, 6, 6, 8, 11, 11, 7, 6, 9, 9, 5)
OPENING_HOURS = range(7, 22)
# How likely a visit that falls on Monday … Sunday really happens on that day.
WEEKDAYS = (0.82, 0.85, 0.86, 0.88, 0.96, 1.0, 0.97)
CHANNELS = {"store": 78, "delivery": 14, "app": 8}


class Purchase(NamedTuple):
    """An order before it has a number."""

    code: str
    placed_at: datetime
    shop: str
    channel: str
    lines: tuple[OrderLineFact, ...]


def make_purchases(
    rng: random.Random, people: Sequence[Person], *, at: datetime, zone: ZoneInfo
) -> list[Purchase]:
    """Return everybody's purchases up to now, oldest first."""
    purchases = [
        purchase for person in people for purchase in _of_person(rng, person, at, zone)
    ]
    return sorted(purchases, key=lambda purchase: (purchase.placed_at, purchase.code))


def order_facts(
    purchases: Sequence[Purchase],
    *,
    member_ids: Mapping[str, int],
    store_ids: Mapping[str, int],
) -> Iterator[OrderFact]:
    """Number the purchases as the till did."""
    for number, purchase in enumerate(purchases, start=1):
        yield OrderFact(
            source=SOURCE,
            external_id=f"HD{number:06}",
            member_id=member_ids[purchase.code],
            placed_at=purchase.placed_at,
            total=sum((line.total for line in purchase.lines), Decimal(0)),
            channel=purchase.channel,
            store_id=store_ids[purchase.shop],
            lines=purchase.lines,
        )


def _of_person(
    rng: random.Random, person: Person, at: datetime, zone: ZoneInfo
) -> Iterator[Purchase]:
    favourites = rng.choices(DRINKS, [item.weight for item in DRINKS], k=2)
    for day in person.days or _days(rng, person):
        moment = moment_of(rng, day, zone)
        # On the day they joined, they joined first.
        joined_at = person.fact.joined_at
        if joined_at and moment < joined_at:
            moment = joined_at + timedelta(minutes=3)
        if moment >= at:
            continue
        channel = rng.choices(list(CHANNELS), list(CHANNELS.values()))[0]
        yield Purchase(
            code=str(person.fact.code),
            placed_at=moment,
            shop=person.shop.code if channel == "store" else "online",
            channel=channel,
            lines=basket(rng, favourites),
        )


def _days(rng: random.Random, person: Person) -> Iterator[date]:
    """Walk through the person's year in steps that vary about their rhythm."""
    if not person.every_days:
        return
    day = person.first_on
    if person.was_here_before:
        day += timedelta(days=int(rng.uniform(0, person.every_days)))
    while day <= person.last_on:
        if day == person.first_on or rng.random() < WEEKDAYS[day.weekday()]:
            yield day
        # Never twice a day, mostly near the rhythm, now and then much later.
        step = rng.gammavariate(4, person.every_days / 4)
        day += timedelta(days=max(1, round(step)))


def moment_of(rng: random.Random, day: date, zone: ZoneInfo) -> datetime:
    hours = WEEKEND_HOURS if day.weekday() >= 5 else WORKDAY_HOURS
    hour = rng.choices(OPENING_HOURS, hours)[0]
    clock = time(hour, rng.randint(0, 59), rng.randint(0, 59))
    return datetime.combine(day, clock, tzinfo=zone)


def basket(rng: random.Random, favourites: Sequence[Item]) -> tuple[OrderLineFact, ...]:
    items = [rng.choice(favourites) if rng.random() < 0.7 else _pick(rng, DRINKS)]
    # Company.
    if rng.random() < 0.28:
        items.append(_pick(rng, DRINKS))
    if rng.random() < 0.27:
        items.append(_pick(rng, CAKES))
    if rng.random() < 0.035:
        items.append(_pick(rng, FOR_HOME))
    # Two lines of the same product are one line of two.
    quantities: dict[Item, int] = {}
    for item in items:
        more = 2 if rng.random() < 0.08 else 1
        quantities[item] = quantities.get(item, 0) + more
    return tuple(_line(item, quantity) for item, quantity in quantities.items())


def _pick(rng: random.Random, items: Sequence[Item]) -> Item:
    return rng.choices(items, [item.weight for item in items])[0]


def _line(item: Item, quantity: int) -> OrderLineFact:
    return OrderLineFact(
        sku=item.sku,
        product=item.product,
        category=item.category,
        quantity=Decimal(quantity),
        unit_price=item.price,
        total=item.price * quantity,
    )
