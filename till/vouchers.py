"""A voucher at a glance: usable, not yet, or not; why; and what it needs to be told."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import Enum

from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

from activities.models import Order, Product
from core.errors import DomainError, InvalidInput
from core.models import Programme
from members.models import Member
from members.names import mask_name
from members.services import kept_member
from rewards.discounts.terms import (
    PIECE_KINDS,
    Counted,
    Kind,
    Measure,
    Products,
    Scope,
    Terms,
)
from rewards.models import Voucher, VoucherUse
from rewards.naming import describe_named
from rewards.offers import Lock
from rewards.services import check_vouchers
from rewards.using.checkout import Checkout
from till.access import Desk
from till.sales import NOTHING
from till.serving import check_may_serve

USES_SHOWN = 5
MOST_WORDS = 40


class Light(Enum):
    """What the person at the till sees from two metres away."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"


# Reasons that the basket gives: they say nothing before its total is known.
IN_BASKET = frozenset(
    {
        "no_product",
        "minimum_value",
        "minimum_of_products",
        "maximum_value",
        "minimum_quantity",
        "band_value",
        "band_quantity",
        "pieces",
        "no_given",
        "no_delivery",
        "nothing_left",
        "too_small",
    }
)
# Reasons that somebody can do something about: another time, the card, another basket.
MENDABLE = IN_BASKET | {
    "member_unknown",
    "held",
    "not_yet",
    "weekday",
    "hours",
    "payment_method",
}
USABLE: Promise = pgettext_lazy("voucher", "Usable")
WAITS: Promise = pgettext_lazy("voucher", "Not yet")
NOT_USABLE: Promise = pgettext_lazy("voucher", "Not usable")
TITLES: Mapping[str, Promise] = {
    "used": pgettext_lazy("voucher", "Already used"),
    "over": pgettext_lazy("voucher", "Ended"),
    "cancelled": pgettext_lazy("voucher", "Cancelled"),
    "not_yours": pgettext_lazy("voucher", "Somebody else’s"),
    "held": pgettext_lazy("voucher", "In use at another till"),
    "member_unknown": pgettext_lazy("voucher", "Scan the card first"),
    "store": pgettext_lazy("voucher", "Not in this store"),
    "partner": pgettext_lazy("voucher", "For a partner"),
}


@dataclass(frozen=True, slots=True)
class State:
    """The light, the word beside it, the reason in a sentence; ``code`` for tests."""

    light: Light
    title: Promise
    reason: str = ""
    code: str = ""

    @property
    def is_open(self) -> bool:
        """Tell whether it makes sense to type a total."""
        return self.light == Light.GREEN or self.code in IN_BASKET


@dataclass(frozen=True, slots=True)
class Word:
    """Something a line can be: as the terms name it, and as people call it."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Asks:
    """What has to be told besides a total: lines, how it is paid, delivery."""

    lines: bool = False
    words: tuple[Word, ...] = ()
    payment_methods: tuple[str, ...] = ()
    delivery: bool = False


@dataclass(frozen=True, slots=True)
class UsedLine:
    """One earlier use: when, where, on what."""

    at: datetime
    where: str
    order: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class VoucherView:
    """Everything that the page of a voucher shows."""

    voucher: Voucher
    state: State
    sentence: str
    owner: Member | None
    member: Member | None
    last_day: date | None
    asks: Asks
    used: list[UsedLine] = field(default_factory=list)

    @property
    def owner_name(self) -> str:
        """Enough of a name to ask for: the person at the till need not know more."""
        return mask_name(self.owner.name) if self.owner else ""

    @property
    def uses_left(self) -> int | None:
        """How many uses are left of several; None where one or any number is allowed."""
        most = self.voucher.max_uses
        return None if most is None or most == 1 else most - self.voucher.uses


def look(
    desk: Desk, code: str, *, served: Member | None, programme: Programme, at: datetime
) -> VoucherView | None:
    """Say what a voucher is now, here, for who shows it; None for a code that is gone.

    Who shows the code of a voucher is taken for its owner, unless another member is being
    served: that one must not use it.
    """
    voucher = (
        Voucher.objects.filter(code=code).select_related("voucher_type", "member").first()
    )
    if voucher is None:
        return None
    owner = kept_member(voucher.member) if voucher.member else None
    member = served or owner
    terms = read_terms(voucher)
    asks = asks_of(terms) if terms else Asks()
    return VoucherView(
        voucher=voucher,
        state=_state(desk, voucher, member, asks, at),
        sentence=describe_named(terms, currency=programme.currency) if terms else "",
        owner=owner,
        member=member,
        last_day=_last_day(voucher, programme),
        asks=asks,
        used=_used(voucher),
    )


def read_terms(voucher: Voucher) -> Terms | None:
    """Return what a voucher does; None for terms that nobody can read."""
    try:
        return Terms.from_json(voucher.voucher_type.terms)
    except InvalidInput:
        return None


def state_of(refusal: Lock | None, *, has_basket: bool) -> State:
    """Return the light of an answer; what the basket lacks counts once it was told."""
    if refusal is None or (refusal.code in IN_BASKET and not has_basket):
        return State(Light.GREEN, USABLE)
    light = Light.AMBER if refusal.code in MENDABLE else Light.RED
    plain = WAITS if light == Light.AMBER else NOT_USABLE
    title = TITLES.get(refusal.code, plain)
    return State(light, title, refusal.sentence, refusal.code)


def asks_of(terms: Terms) -> Asks:
    """Say what a voucher of these terms has to be told. One query where it names SKUs."""
    counts_pieces = terms.kind == Kind.BANDS and terms.bands_by == Measure.QUANTITY
    by_product = terms.products or terms.excluded or terms.given_products
    lines = bool(
        by_product
        or terms.kind in PIECE_KINDS
        or counts_pieces
        or terms.minimum_quantity
        or terms.where == Scope.LINES
        or terms.counted == Counted.PRODUCTS
    )
    named = (terms.products, terms.given_products, terms.excluded)
    return Asks(
        lines=lines,
        words=tuple(_words(named)) if lines else (),
        payment_methods=tuple(sorted(terms.payment_methods)),
        delivery=terms.where == Scope.DELIVERY,
    )


def _state(
    desk: Desk, voucher: Voucher, member: Member | None, asks: Asks, at: datetime
) -> State:
    try:
        if member is not None:
            check_may_serve(desk, member)
    except DomainError as refusal:
        return State(Light.RED, NOT_USABLE, str(refusal.message), refusal.code)
    checkout = Checkout(
        total=NOTHING,
        store_id=desk.store.pk,
        channel=Order.Channel.STORE.value,
        # How it is paid is asked for on the page.
        payment_method=next(iter(asks.payment_methods), ""),
    )
    quote = check_vouchers(codes=[voucher.code], checkout=checkout, member=member, at=at)
    return state_of(quote.answers[0].refusal, has_basket=False)


def _words(named: Iterable[Products]) -> list[Word]:
    """Return what lines can be, each once, SKUs by the name of their product."""
    skus = {sku for products in named for sku in products.skus}
    names = _product_names(skus) if skus else {}
    words: dict[str, Word] = {}
    for products in named:
        for kind, values in (
            ("sku", products.skus),
            ("category", products.categories),
            ("brand", products.brands),
            ("label", products.labels),
        ):
            for value in sorted(values):
                key = f"{kind}:{value}"
                words[key] = Word(key, names.get(value, value) if kind == "sku" else value)
    return list(words.values())[:MOST_WORDS]


def _product_names(skus: Collection[str]) -> dict[str, str]:
    products = Product.objects.filter(sku__in=skus)
    return dict(products.values_list("sku", "name"))


def _last_day(voucher: Voucher, programme: Programme) -> date | None:
    """Return the last day on which it can be used: it ends before ``valid_until``."""
    if voucher.valid_until is None:
        return None
    last = voucher.valid_until - timedelta(microseconds=1)
    return last.astimezone(programme.zone).date()


def _used(voucher: Voucher) -> list[UsedLine]:
    """Return the latest uses that stand. One query."""
    uses = VoucherUse.objects.filter(voucher=voucher, state=VoucherUse.State.USED)
    rows = uses.select_related("store", "order").order_by("-pk")[:USES_SHOWN]
    return [
        UsedLine(
            at=use.used_at or use.happened_at,
            where=use.store.name if use.store else use.source,
            order=use.order.external_id if use.order else "",
            by=use.actor,
        )
        for use in rows
    ]
