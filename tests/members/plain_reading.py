"""What is true of members in plain Python, and what each question means of it."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

TODAY = date(2026, 3, 2)
TAGS = ("45", "vip", "new")
LISTS = ("gold", "press")
PROVINCES = ("", "Huế", "Đà Nẵng")
SKUS = ("tea", "cup")
CATEGORIES = ("drinks", "things")
BRANDS = ("Sông", "Núi")
STORES = ("s1", "s2")
ACTIVITIES = ("review", "checkin")
WALLETS = ("points", "cash")
# Segments that the trees may name; the second asks about the first.
SEGMENTS: dict[str, Any] = {
    "recent": {"field": "days_since_last_order", "is": "at_most", "value": 2},
    "lapsed": {
        "all": [
            {"not": {"field": "segment", "is": "is", "value": "recent"}},
            {"field": "has_ordered", "is": "yes"},
        ]
    },
}


@dataclass
class Line:
    """A product on a purchase; ``back`` of its ``quantity`` went back."""

    sku: str
    category: str
    brand: str
    quantity: int
    back: int


@dataclass
class Bought:
    """A purchase, ``refunded`` of whose total went back."""

    days: int
    total: int
    refunded: int
    completed: bool
    store: str
    channel: str
    lines: list[Line]

    @property
    def stands(self) -> bool:
        return self.completed and not (self.total > 0 and self.refunded >= self.total)


@dataclass
class Facts:
    """What is true of one member."""

    joined_days: int
    updated_days: int
    gender: str
    language: str
    province: str
    state: str
    birth_date: date | None
    follows_oa: bool
    has_zalo: bool
    has_email: bool
    tags: set[str]
    lists: set[str]
    phones: list[bool]
    consents: dict[str, bool]
    cared: dict[str, bool]
    orders: list[Bought]
    activities: list[tuple[str, int]]
    balances: dict[str, int]
    pk: int = 0
    standing: list[Bought] = field(init=False)

    def __post_init__(self) -> None:
        self.standing = [order for order in self.orders if order.stands]

    @property
    def order_days(self) -> int | None:
        return min((order.days for order in self.standing), default=None)

    @property
    def first_days(self) -> int | None:
        return max((order.days for order in self.standing), default=None)

    @property
    def spend(self) -> int:
        return sum(o.total - o.refunded for o in self.orders if o.completed)

    def within(self, days: int) -> list[Bought]:
        return [order for order in self.standing if order.days <= days]

    def kept_lines(self, days: int | None = None) -> Iterator[Line]:
        for order in self.standing if days is None else self.within(days):
            for line in order.lines:
                if not (line.quantity > 0 and line.back >= line.quantity):
                    yield line

    @property
    def age(self) -> int:
        assert self.birth_date is not None
        born = self.birth_date
        day = min(born.day, 28) if born.month == 2 else born.day
        return TODAY.year - born.year - ((TODAY.month, TODAY.day) < (born.month, day))

    @property
    def days_to_birthday(self) -> int:
        assert self.birth_date is not None
        for days in range(367):
            day = TODAY + timedelta(days=days)
            born = self.birth_date
            if (born.month, born.day) == (day.month, day.day):
                return days
            is_moved = (born.month, born.day) == (2, 29) and day.year % 4 != 0
            if is_moved and (day.month, day.day) == (2, 28):
                return days
        raise AssertionError("everybody has a birthday")


def make_facts(chance: random.Random) -> Facts:
    """Make a member up; every value is met by chance several times among sixty."""
    born = (None, date(1990, 3, 5), date(1991, 12, 31), date(1996, 2, 29), date(2010, 3, 2))
    return Facts(
        joined_days=chance.randrange(0, 6),
        updated_days=chance.randrange(0, 6),
        gender=chance.choice(("", "female", "male")),
        language=chance.choice(("vi", "en")),
        province=chance.choice(PROVINCES),
        state=chance.choice(("active", "blocked", "left")),
        birth_date=chance.choice(born),
        follows_oa=chance.random() < 0.5,
        has_zalo=chance.random() < 0.5,
        has_email=chance.random() < 0.5,
        tags={tag for tag in TAGS if chance.random() < 0.4},
        lists={one for one in LISTS if chance.random() < 0.4},
        phones=[chance.random() < 0.5 for _ in range(chance.randrange(3))],
        consents=_consents(chance),
        cared=_consents(chance),
        orders=[_order(chance) for _ in range(chance.choice((0, 0, 1, 2, 3)))],
        activities=[
            (chance.choice(ACTIVITIES), chance.randrange(6))
            for _ in range(chance.randrange(3))
        ],
        balances={w: chance.randrange(6) for w in WALLETS if chance.random() < 0.6},
    )


def _consents(chance: random.Random) -> dict[str, bool]:
    return {
        channel: chance.random() < 0.5
        for channel in ("", "zalo_uid", "sms")
        if chance.random() < 0.5
    }


def _order(chance: random.Random) -> Bought:
    total = chance.randrange(0, 5)
    return Bought(
        days=chance.randrange(0, 6),
        total=total,
        refunded=chance.choice((0, 0, 0, total, total // 2)),
        completed=chance.random() < 0.85,
        store=chance.choice(("", *STORES)),
        channel=chance.choice(("store", "web")),
        lines=[
            Line(
                chance.choice(SKUS),
                chance.choice(CATEGORIES),
                chance.choice(BRANDS),
                quantity := chance.randrange(0, 3),
                chance.choice((0, 0, quantity)),
            )
            for _ in range(chance.randrange(3))
        ],
    )


# --- what each question means ------------------------------------------------------------

Answer = Callable[[Facts, Any, Any], bool]
ANSWERS: dict[tuple[str, str], Answer] = {}


def two(name: str, yes: str, no: str, holds: Answer) -> None:
    """Two questions of which one is the other's opposite."""
    ANSWERS[name, yes] = holds
    ANSWERS[name, no] = lambda f, v, also: not holds(f, v, also)


def number(name: str, low: str, high: str, told: Callable[[Facts], int | None]) -> None:
    """``low``: at least or more than; nobody without a number is on either side."""

    def above(f: Facts, v: Any, _also: Any) -> bool:
        found = told(f)
        return found is not None and (found >= v if low == "at_least" else found > v)

    def below(f: Facts, v: Any, _also: Any) -> bool:
        found = told(f)
        return found is not None and found <= v

    ANSWERS[name, low], ANSWERS[name, high] = above, below


def bought(name: str, value_of: Callable[[Line], str]) -> None:
    two(name, "yes", "no", lambda f, v, _a: v in map(value_of, f.kept_lines()))
    two(
        name,
        "yes_within",
        "no_within",
        lambda f, v, days: v in map(value_of, f.kept_lines(days)),
    )


def at_place(name: str, value_of: Callable[[Bought], str]) -> None:
    two(name, "yes", "no", lambda f, v, _a: v in map(value_of, f.standing))
    two(
        name,
        "yes_within",
        "no_within",
        lambda f, v, days: v in map(value_of, f.within(days)),
    )


def allowed(said: dict[str, bool], channel: str, when_silent: bool) -> bool:
    return said.get(channel, said.get("", when_silent))


def bucket(f: Facts, split: str) -> int:
    digits = hashlib.md5(f"{split}:{f.pk}".encode()).hexdigest()[:8]
    return int(Fraction(int(digits, 16), 2**32) * 100)


def average(f: Facts, days: int | None = None) -> Fraction | None:
    orders = f.standing if days is None else f.within(days)
    if not orders:
        return None
    spent = f.spend if days is None else sum(o.total - o.refunded for o in orders)
    return Fraction(spent, len(orders))


two("tag", "has", "has_not", lambda f, v, _a: v in f.tags)
two("list", "is", "is_not", lambda f, v, _a: v in f.lists)
two("gender", "is", "is_not", lambda f, v, _a: f.gender == v)
two("language", "is", "is_not", lambda f, v, _a: f.language == v)
two("province", "is", "is_not", lambda f, v, _a: f.province == v)
two("state", "is", "is_not", lambda f, v, _a: f.state == v)
two("follows_oa", "yes", "no", lambda f, _v, _a: f.follows_oa)
two("has_phone", "yes", "no", lambda f, _v, _a: any(f.phones))
two("has_zalo", "yes", "no", lambda f, _v, _a: f.has_zalo)
two("has_email", "yes", "no", lambda f, _v, _a: f.has_email)
two("marketing_consent", "yes", "no", lambda f, _v, _a: any(f.consents.values()))
two("allows_offers_on", "yes", "no", lambda f, v, _a: allowed(f.consents, v, False))
two("allows_care_on", "yes", "no", lambda f, v, _a: allowed(f.cared, v, True))
two("has_ordered", "yes", "no", lambda f, _v, _a: f.order_days is not None)
two("segment", "is", "is_not", lambda f, v, _a: answer(SEGMENTS[v], f))
two("random_share", "first", "rest", lambda f, v, split: bucket(f, split) < v)
number("joined_days_ago", "more_than", "at_most", lambda f: f.joined_days)
number("data_updated_days_ago", "more_than", "at_most", lambda f: f.updated_days)
number("days_since_last_order", "more_than", "at_most", lambda f: f.order_days)
number("days_since_first_order", "more_than", "at_most", lambda f: f.first_days)
number("num_orders", "at_least", "at_most", lambda f: len(f.standing))
number("age", "at_least", "at_most", lambda f: f.age if f.birth_date else None)
ANSWERS["birthday_month", "is"] = lambda f, v, _a: bool(
    f.birth_date and f.birth_date.month == int(v)
)
ANSWERS["birthday_month", "this_month"] = lambda f, _v, _a: bool(
    f.birth_date and f.birth_date.month == TODAY.month
)
ANSWERS["birthday_in_days", "at_most"] = lambda f, v, _a: bool(
    f.birth_date and f.days_to_birthday <= v
)
ANSWERS["birthday_in_days", "is"] = lambda f, v, _a: bool(
    f.birth_date and f.days_to_birthday == v
)
# What was spent counts as nothing for those whose every purchase went back.
ANSWERS["spend", "at_least"] = lambda f, v, _a: (f.spend if f.standing else 0) >= v
ANSWERS["spend", "at_most"] = lambda f, v, _a: (f.spend if f.standing else 0) <= v
ANSWERS["average_order", "at_least"] = lambda f, v, _a: bool(
    f.standing and (average(f) or 0) >= v
)
ANSWERS["average_order", "at_most"] = lambda f, v, _a: bool(
    f.standing and (average(f) or 0) <= v
)
ANSWERS["orders_within", "at_least"] = lambda f, v, days: len(f.within(days)) >= v
ANSWERS["orders_within", "at_most"] = lambda f, v, days: len(f.within(days)) <= v


def spent_within(f: Facts, days: int) -> int:
    return sum(order.total - order.refunded for order in f.within(days))


ANSWERS["spend_within", "at_least"] = lambda f, v, days: spent_within(f, days) >= v
ANSWERS["spend_within", "at_most"] = lambda f, v, days: spent_within(f, days) <= v
ANSWERS["average_within", "at_least"] = lambda f, v, days: bool(
    f.within(days) and (average(f, days) or 0) >= v
)
ANSWERS["average_within", "at_most"] = lambda f, v, days: bool(
    f.within(days) and (average(f, days) or 0) <= v
)
bought("bought_sku", lambda line: line.sku)
bought("bought_category", lambda line: line.category)
bought("bought_brand", lambda line: line.brand)
at_place("bought_at_store", lambda order: order.store)
at_place("bought_by_channel", lambda order: order.channel)
two("did_activity", "yes", "no", lambda f, v, _a: v in {what for what, _d in f.activities})
two(
    "did_activity",
    "yes_within",
    "no_within",
    lambda f, v, days: any(what == v and ago <= days for what, ago in f.activities),
)
ANSWERS["balance", "at_least"] = lambda f, v, wallet: f.balances.get(wallet, 0) >= v
ANSWERS["balance", "at_most"] = lambda f, v, wallet: f.balances.get(wallet, 0) <= v

VALUES: dict[str, tuple[Any, ...]] = {
    "tag": TAGS,
    "list": LISTS,
    "gender": ("female", "male", "other"),
    "language": ("vi", "en"),
    "province": PROVINCES[1:],
    "state": ("active", "blocked", "left"),
    "birthday_month": ("3", "12", "7"),
    "segment": tuple(SEGMENTS),
    "allows_offers_on": ("zalo_uid", "sms", "email"),
    "allows_care_on": ("zalo_uid", "sms", "email"),
    "bought_sku": (*SKUS, "nothing"),
    "bought_category": CATEGORIES,
    "bought_brand": BRANDS,
    "bought_at_store": STORES,
    "bought_by_channel": ("store", "web", "app"),
    "did_activity": ACTIVITIES,
    "age": (15, 16, 17, 29, 30, 34, 35, 36, 149),
    "birthday_in_days": (0, 1, 3, 304, 361, 362, 363, 364),
    "random_share": (0, 1, 30, 50, 99, 100),
}
ALSO: dict[str, tuple[Any, ...]] = {
    "days": (0, 1, 2, 3, 5, 6),
    "split": ("A", "b"),
    "wallet": WALLETS,
}


def answer(node: dict[str, Any], facts: Facts) -> bool:
    """Evaluate a tree as one reads it."""
    if "all" in node:
        return all(answer(child, facts) for child in node["all"])
    if "any" in node:
        return any(answer(child, facts) for child in node["any"])
    if "not" in node:
        return not answer(node["not"], facts)
    value = 3 if node.get("value") == "{days}" else node.get("value")
    also = next((node[name] for name in ALSO if name in node), None)
    return bool(ANSWERS[node["field"], node["is"]](facts, value, also))
