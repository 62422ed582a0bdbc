"""The demo's members: who they are, and how often they come."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from flows.demo.words import (
    FAMILY_NAMES,
    MEN,
    MEN_MIDDLE,
    MOBILE_PREFIXES,
    NEIGHBOURS,
    SHOPS,
    WOMEN,
    WOMEN_MIDDLE,
    Shop,
)
from members.services import MemberFact

JOINED_WITHIN_DAYS = 730
HISTORY_DAYS = 365


@dataclass(frozen=True, slots=True)
class Person:
    """A member, and the rhythm in which they buy: every so many days, until a day."""

    fact: MemberFact
    shop: Shop
    every_days: float
    first_on: date
    last_on: date
    # Joined before the year that the orders cover; the others buy on the day they join.
    was_here_before: bool = False
    # Fixed days of purchase, for the people whom the demo tells about.
    days: tuple[date, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """Someone whom the demo tells about by name."""

    name: str
    phone: str
    gender: str
    follows: bool
    days_ago: tuple[int, ...]
    story: str


# The days are counted back from today. An order of about a year ago is what makes points
# run out within the month.
KNOWN = (
    Known(
        "Nguyễn Thị Mai",
        "0912345678",
        "female",
        True,
        (352, 345, 338, 310, 290, 255, 231, 200, 171, 140, 112, 90, 71, 58, 50),
        "has not come for 50 days, follows the Official Account",
    ),
    Known(
        "Lê Hoàng Nam",
        "0903111222",
        "male",
        False,
        (349, 300, 244, 190, 133, 101, 77, 61),
        "has not come for 61 days, is reached by phone",
    ),
    Known(
        "Trần Minh Quân",
        "0987654321",
        "male",
        True,
        tuple(range(351, 0, -7)),
        "comes every week",
    ),
)


def make_people(
    rng: random.Random, *, count: int, today: date, zone: ZoneInfo
) -> list[Person]:
    """Return the known people and as many others as make ``count``."""
    phones = _phones(rng, {known.phone for known in KNOWN})
    people = [
        _known_person(known, number, today=today, zone=zone)
        for number, known in enumerate(KNOWN[:count], start=1)
    ]
    for number in range(len(people) + 1, count + 1):
        people.append(_person(rng, number, next(phones), today=today, zone=zone))
    return people


def _known_person(known: Known, number: int, *, today: date, zone: ZoneInfo) -> Person:
    days = tuple(today - timedelta(days=ago) for ago in known.days_ago)
    return Person(
        fact=MemberFact(
            code=_code(number),
            phone=known.phone,
            name=known.name,
            birth_date=date(1990 + number, 3 * number, 5 * number),
            gender=known.gender,
            province=SHOPS[0].province,
            joined_at=datetime.combine(
                days[0] - timedelta(days=20), time(10, number), tzinfo=zone
            ),
            zalo_user_id=_zalo_user_id(number) if known.follows else "",
            follows_oa=known.follows,
            consent=True,
        ),
        shop=SHOPS[0],
        every_days=0,
        first_on=days[0],
        last_on=days[-1],
        days=days,
    )


def _person(
    rng: random.Random, number: int, phone: str, *, today: date, zone: ZoneInfo
) -> Person:
    is_woman = rng.random() < 0.62
    shop = rng.choices(SHOPS, [shop.weight for shop in SHOPS])[0]
    # More joined lately than long ago: the brand grows.
    ago = int(JOINED_WITHIN_DAYS * rng.random() ** 1.35)
    joined_on = today - timedelta(days=ago)
    uses_zalo = rng.random() < 0.40
    every_days, last_on = _rhythm(rng, joined_on, today)
    year_ago = today - timedelta(days=HISTORY_DAYS - 1)
    return Person(
        fact=MemberFact(
            code=_code(number),
            phone=phone,
            name=_name(rng, is_woman),
            birth_date=_birth_date(rng) if rng.random() < 0.8 else None,
            gender=("female" if is_woman else "male") if rng.random() < 0.9 else "",
            province=_province(rng, shop),
            joined_at=datetime.combine(
                joined_on, time(rng.randint(8, 20), rng.randint(0, 59)), tzinfo=zone
            ),
            zalo_user_id=_zalo_user_id(number) if uses_zalo else "",
            # A few follow no more.
            follows_oa=uses_zalo and rng.random() < 0.94,
            consent=rng.random() < 0.9,
            tags=("van-phong",) if rng.random() < 0.08 else (),
        ),
        shop=shop,
        every_days=every_days,
        first_on=max(joined_on, year_ago),
        last_on=last_on,
        was_here_before=joined_on < year_ago,
    )


def _rhythm(rng: random.Random, joined_on: date, today: date) -> tuple[float, date]:
    """Choose how often someone comes, and the day after which they stayed away."""
    kind = rng.random()
    if kind < 0.05:
        # Took the card and never bought.
        return 0, joined_on - timedelta(days=1)
    if kind < 0.17:
        every = rng.uniform(4, 9)
    elif kind < 0.45:
        every = rng.uniform(12, 24)
    else:
        every = rng.uniform(28, 60)
    if rng.random() < 0.72:
        return every, today
    # The brand lost them some time ago.
    stayed = today - timedelta(days=rng.randint(46, 300))
    return every, max(stayed, joined_on)


def _name(rng: random.Random, is_woman: bool) -> str:
    family = rng.choices(list(FAMILY_NAMES), list(FAMILY_NAMES.values()))[0]
    middle = rng.choice(WOMEN_MIDDLE if is_woman else MEN_MIDDLE)
    given = rng.choice(WOMEN if is_woman else MEN)
    while given == middle:
        given = rng.choice(WOMEN if is_woman else MEN)
    return f"{family} {middle} {given}"


def _birth_date(rng: random.Random) -> date:
    # Most guests of a coffee house are between twenty and forty.
    age = min(max(rng.gauss(29, 8), 17), 66)
    return date(2025, 7, 1) - timedelta(days=int(age * 365.25) + rng.randint(0, 364))


def _province(rng: random.Random, shop: Shop) -> str:
    if rng.random() < 0.87:
        return shop.province
    return rng.choice(NEIGHBOURS[shop.province])


def _phones(rng: random.Random, taken: set[str]) -> Iterator[str]:
    while True:
        phone = f"{rng.choice(MOBILE_PREFIXES)}{rng.randint(0, 9_999_999):07}"
        if phone not in taken:
            taken.add(phone)
            yield phone


def _code(number: int) -> str:
    return f"KH{number:05}"


def _zalo_user_id(number: int) -> str:
    return f"{7_100_000_000_000_000_000 + number * 7_919}"
