"""A published rule, word for word: what is frozen in a version, and read from it again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, NamedTuple

from points.models import EarnRule

Trigger = EarnRule.Trigger
Method = EarnRule.Method
Scope = EarnRule.Scope
Stacking = EarnRule.Stacking
Hold = EarnRule.Hold

# Word for word from the rule; lists, relations and times are added by hand below.
COPIED = (
    "name",
    "wallet_id",
    "trigger",
    "activity_type_id",
    "method",
    "scope",
    "points",
    "order_limit",
    "rounding",
    "before_discount",
    "before_voucher",
    "without_tax",
    "without_delivery",
    "without_points",
    "weekdays",
    "holidays",
    "segment_id",
    "promo_code",
    "nth_order",
    "birthday",
    "budget",
    "stacking",
    "group",
    "priority",
    "stops_here",
    "hold",
    "hold_days",
    "funder_id",
)
LISTS = (
    "skus",
    "categories",
    "brands",
    "labels",
    "excluded_skus",
    "excluded_categories",
    "excluded_brands",
    "excluded_labels",
    "channels",
    "payment_methods",
)
DECIMALS = ("amount", "percent", "factor", "minimum_total", "funder_percent")
MOMENTS = ("starts_at", "ends_at")
TIMES = ("from_time", "until_time")


class Band(NamedTuple):
    """From this amount on: so many points, for the order or for each amount of money."""

    from_amount: Decimal
    points: int
    per_amount: Decimal | None = None


class Cap(NamedTuple):
    """At most so many points (or times) for one member in a span."""

    limit: int
    unit: str
    period: str


@dataclass(frozen=True, slots=True)
class Definition:
    """One version of a rule; the meaning of each field is that of ``EarnRule``."""

    rule_id: int
    code: str
    version: int
    wallet_id: int
    name: str = ""
    trigger: str = Trigger.ORDER.value
    activity_type_id: int | None = None
    method: str = Method.PER_AMOUNT.value
    scope: str = Scope.ORDER.value
    points: int = 1
    amount: Decimal = Decimal(10000)
    percent: Decimal = Decimal(5)
    factor: Decimal = Decimal(2)
    order_limit: int | None = None
    rounding: str = "down"
    minimum_total: Decimal = Decimal(0)
    before_discount: bool = False
    before_voucher: bool = False
    without_tax: bool = False
    without_delivery: bool = False
    without_points: bool = True
    skus: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()
    brands: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()
    excluded_skus: frozenset[str] = frozenset()
    excluded_categories: frozenset[str] = frozenset()
    excluded_brands: frozenset[str] = frozenset()
    excluded_labels: frozenset[str] = frozenset()
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    weekdays: tuple[int, ...] = ()
    from_time: time | None = None
    until_time: time | None = None
    holidays: str = EarnRule.Holidays.ANY.value
    segment_id: int | None = None
    store_ids: frozenset[int] = frozenset()
    channels: frozenset[str] = frozenset()
    payment_methods: frozenset[str] = frozenset()
    promo_code: str = ""
    nth_order: int | None = None
    birthday: str = EarnRule.Birthday.ANY.value
    bands: tuple[Band, ...] = ()
    caps: tuple[Cap, ...] = ()
    budget: int | None = None
    stacking: str = Stacking.ADD.value
    group: str = ""
    priority: int = 100
    stops_here: bool = False
    hold: str = Hold.NONE.value
    hold_days: int = 0
    hold_date: date | None = None
    funder_id: int | None = None
    funder_percent: Decimal = Decimal(100)

    @classmethod
    def from_json(
        cls, rule_id: int, code: str, version: int, data: dict[str, Any]
    ) -> Definition:
        """Read a version; what it does not say has its default."""
        told = {name: data[name] for name in COPIED if name in data}
        for name in LISTS:
            told[name] = frozenset(word.casefold() for word in data.get(name) or ())
        for name in DECIMALS:
            if data.get(name) is not None:
                told[name] = Decimal(data[name])
        for name in MOMENTS:
            told[name] = _parsed(datetime, data.get(name))
        for name in TIMES:
            told[name] = _parsed(time, data.get(name))
        told["hold_date"] = _parsed(date, data.get("hold_date"))
        told["weekdays"] = tuple(int(day) for day in data.get("weekdays") or ())
        told["promo_code"] = str(data.get("promo_code") or "").casefold()
        told["store_ids"] = frozenset(data.get("store_ids") or ())
        told["bands"] = tuple(
            Band(Decimal(start), points, None if per is None else Decimal(per))
            for start, points, per in data.get("bands") or ()
        )
        told["caps"] = tuple(Cap(*cap) for cap in data.get("caps") or ())
        return cls(rule_id=rule_id, code=code, version=version, **told)

    @property
    def chooses_products(self) -> bool:
        return bool(self.skus or self.categories or self.brands or self.labels)

    @property
    def leaves_products_out(self) -> bool:
        return bool(
            self.excluded_skus
            or self.excluded_categories
            or self.excluded_brands
            or self.excluded_labels
        )


def _parsed(kind: Any, text: str | None) -> Any:
    return kind.fromisoformat(text) if text else None


def definition_of(rule: EarnRule) -> dict[str, Any]:
    """Copy a rule as it is written now, with its bands, caps and stores. Three queries."""
    data: dict[str, Any] = {name: getattr(rule, name) for name in COPIED}
    for name in LISTS:
        data[name] = sorted({str(word).strip() for word in getattr(rule, name)} - {""})
    for name in DECIMALS:
        data[name] = f"{Decimal(getattr(rule, name)).normalize():f}"
    for name in (*MOMENTS, *TIMES, "hold_date"):
        value = getattr(rule, name)
        data[name] = value.isoformat() if value else None
    data["weekdays"] = sorted(int(day) for day in rule.weekdays)
    saved = rule.pk is not None
    data["store_ids"] = sorted(s.pk for s in rule.stores.all()) if saved else []
    bands = sorted(rule.bands.all(), key=lambda b: b.from_amount) if saved else []
    data["bands"] = [
        [_plain(band.from_amount), band.points, band.per_amount and _plain(band.per_amount)]
        for band in bands
    ]
    caps = sorted(rule.caps.all(), key=lambda c: (c.unit, c.period)) if saved else []
    data["caps"] = [[cap.limit, cap.unit, cap.period] for cap in caps]
    return data


def _plain(number: Decimal) -> str:
    return f"{Decimal(number).normalize():f}"


def draft_definition(rule: EarnRule) -> Definition:
    """Return what a rule would do if it were published now."""
    return Definition.from_json(
        rule.pk or 0, rule.code, rule.version + 1, definition_of(rule)
    )
