"""The terms of a voucher: what it takes off, from what, when, and beside which others.

They come from plain JSON (a type of voucher keeps them so) and go back to it; what the
JSON does not say has its default. Money is in the programme's currency.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import time
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any, NamedTuple

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core.errors import InvalidInput
from core.money import Rounding


class Kind(models.TextChoices):
    """In which way a voucher takes something off."""

    PERCENT = "percent", _("percent off")
    AMOUNT = "amount", _("an amount off")
    FREE_DELIVERY = "free_delivery", _("free delivery")
    FREE_PRODUCT = "free_product", _("a free product")
    BUY_GET = "buy_get", _("buy some, get some")
    CHEAPEST = "cheapest", _("the cheapest of several")
    BANDS = "bands", _("the more, the better: bands")
    PARTNER = "partner", _("a partner's code, worth nothing here")


class Scope(models.TextChoices):
    """From what percent, amounts and bands are taken."""

    ORDER = "order", _("the whole order, without delivery")
    LINES = "lines", _("chosen products")
    DELIVERY = "delivery", _("delivery")


class Basis(models.TextChoices):
    """Which price of a product is meant."""

    LIST = "list", _("before all discounts")
    SHOP = "shop", _("after the shop's discounts, before other vouchers")
    REST = "rest", _("after all earlier discounts")


class Counted(models.TextChoices):
    """What a minimum or maximum looks at."""

    ORDER = "order", _("the whole order")
    PRODUCTS = "products", _("only the products it is for")


class Measure(models.TextChoices):
    """What the bands begin at."""

    QUANTITY = "quantity", _("the number of pieces")
    VALUE = "value", _("the value")


PIECE_KINDS = frozenset({Kind.FREE_PRODUCT, Kind.BUY_GET, Kind.CHEAPEST})


@dataclass(frozen=True, slots=True)
class Products:
    """A choice of products: one word that fits is enough; capitals do not matter."""

    skus: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()
    brands: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.skus or self.categories or self.brands or self.labels)

    @property
    def words(self) -> list[str]:
        return sorted({*self.skus, *self.categories, *self.brands, *self.labels})

    def folded(self) -> Products:
        """Return the same choice in small letters, as lines are compared with it."""
        return Products(
            *(
                frozenset(word.casefold() for word in getattr(self, f.name))
                for f in fields(self)
            )
        )


class Band(NamedTuple):
    """From this value or quantity on: so many percent, or such an amount."""

    start: Decimal
    percent: Decimal | None = None
    amount: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What one voucher does.

    ``at_most`` caps what it takes off, whatever the kind. ``products`` are those it takes
    from (``LINES``), those to buy (``BUY_GET``), or, for the whole order and delivery, one
    that has to be in the basket; none chosen means all. ``excluded`` products never get a
    discount from it and never count as pieces. ``given_products`` are what ``BUY_GET``
    gives, the bought ones where empty; a piece that is given costs ``given_percent`` less.

    The minima and the maximum look at what ``counted`` says; bands look at the products
    that they take off from. ``counted_price`` and ``without_tax`` say how value is counted
    there, ``price`` from which price percent and pieces are taken. Quantities are added
    as they are: 0.5 kg is half a piece.
    """

    kind: Kind = Kind.PERCENT
    scope: Scope = Scope.ORDER
    percent: Decimal = Decimal(0)
    amount: Decimal = Decimal(0)
    at_most: Decimal | None = None
    price: Basis = Basis.REST
    rounding: Rounding = Rounding.DOWN
    # Pieces.
    buy: int = 1
    get: int = 1
    every: int = 3
    times: int | None = None
    given_percent: Decimal = Decimal(100)
    # Bands.
    bands: tuple[Band, ...] = ()
    bands_by: Measure = Measure.VALUE
    # Products.
    products: Products = field(default_factory=Products)
    excluded: Products = field(default_factory=Products)
    given_products: Products = field(default_factory=Products)
    # Thresholds.
    minimum_value: Decimal = Decimal(0)
    maximum_value: Decimal | None = None
    minimum_quantity: Decimal = Decimal(0)
    counted: Counted = Counted.ORDER
    counted_price: Basis = Basis.SHOP
    without_tax: bool = False
    # Conditions.
    store_ids: frozenset[int] = frozenset()
    channels: frozenset[str] = frozenset()
    payment_methods: frozenset[str] = frozenset()
    weekdays: frozenset[int] = frozenset()
    from_time: time | None = None
    until_time: time | None = None
    segment_ids: frozenset[int] = frozenset()
    first_order_only: bool = False
    # Beside others.
    priority: int = 100
    exclusive: bool = False
    group: str = ""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Terms:
        """Read terms; a value that makes no sense is refused by name."""
        told = {
            name: _read(name, read, data[name])
            for name, read in READERS.items()
            if data.get(name) is not None
        }
        return cls(**told)

    def to_json(self) -> dict[str, Any]:
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self)}

    @property
    def where(self) -> Scope:
        """From what it takes, which some kinds say by themselves."""
        if self.kind == Kind.FREE_DELIVERY:
            return Scope.DELIVERY
        return Scope.LINES if self.kind in PIECE_KINDS else self.scope

    @property
    def gives_what_is_bought(self) -> bool:
        """Tell whether the pieces that are given come from those that are bought."""
        given = self.given_products
        return not given or given.folded() == self.products.folded()


def _read(name: str, read: Callable[[Any], Any], value: Any) -> Any:
    try:
        return read(value)
    except (ValueError, TypeError, AttributeError, InvalidOperation):
        text = gettext("“%(value)s” is no “%(name)s” of a voucher. Correct its terms.")
        raise InvalidInput(text % {"value": str(value)[:40], "name": name}) from None


def _number(value: Any) -> Decimal:
    number = Decimal(str(value))
    if not number.is_finite():
        raise ValueError(value)
    return number


def _whole(value: Any) -> int:
    if isinstance(value, (bool, float)):
        raise TypeError(value)
    return int(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(value)
    return value


def _words(value: Any) -> frozenset[str]:
    if isinstance(value, str):
        raise TypeError(value)
    return frozenset(str(word).strip() for word in value) - {""}


def _numbers(value: Any) -> frozenset[int]:
    return frozenset(_whole(number) for number in value)


def _products(value: Any) -> Products:
    return Products(**{name: _words(words) for name, words in value.items()})


def _bands(value: Any) -> tuple[Band, ...]:
    return tuple(
        Band(_number(start), *(None if part is None else _number(part) for part in parts))
        for start, *parts in value
    )


READERS: Mapping[str, Callable[[Any], Any]] = {
    "kind": Kind,
    "scope": Scope,
    "price": Basis,
    "rounding": Rounding,
    "counted": Counted,
    "counted_price": Basis,
    "bands_by": Measure,
    "bands": _bands,
    "group": str,
    **dict.fromkeys(("percent", "amount", "at_most", "given_percent"), _number),
    **dict.fromkeys(("minimum_value", "maximum_value", "minimum_quantity"), _number),
    **dict.fromkeys(("buy", "get", "every", "times", "priority"), _whole),
    **dict.fromkeys(("without_tax", "first_order_only", "exclusive"), _flag),
    **dict.fromkeys(("products", "excluded", "given_products"), _products),
    **dict.fromkeys(("channels", "payment_methods"), _words),
    **dict.fromkeys(("store_ids", "segment_ids", "weekdays"), _numbers),
    **dict.fromkeys(("from_time", "until_time"), time.fromisoformat),
}


def _plain(value: Any) -> Any:
    """Write one value as JSON knows it."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if isinstance(value, time):
        return value.isoformat()
    if isinstance(value, Products):
        return {f.name: sorted(getattr(value, f.name)) for f in fields(value)}
    return value
