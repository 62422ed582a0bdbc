"""What a till or a web shop can do: tell an order, register a member, ask for either."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Prefetch
from django.utils.translation import gettext as _

from activities.models import Order, OrderLine, Store
from activities.services import OrderFact, OrderLineFact
from api.errors import (
    OrderConflict,
    OrderNotFound,
    OrderRefused,
    OtherStore,
    StoreNotFound,
)
from api.models import TillKey
from api.paying import capture_for_order, find_reservation, find_wallet, value_of
from core.models import Programme
from core.money import format_money
from flows.record import NEW, REFUSED, Recorded, record
from members.models import Consent, Identifier, Member
from members.services import find_member, register_member, set_consent
from points.models import Reservation
from points.queries import (
    Earned,
    Expiring,
    HistoryEntry,
    active_wallets,
    balances,
    earned_by_order,
    expiring,
    history,
)
from points.services import ORDER, points_of_orders
from rewards.using.settling import Settled
from tiers.definition import Step
from tiers.queries import tier_steps

CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class OrderTold:
    """An order in the words of the till; exactly one of the three names its member."""

    order_id: str
    total: Decimal
    member_id: str = ""
    phone: str = ""
    card_number: str = ""
    placed_at: datetime | None = None
    currency: str = ""
    status: str = Order.Status.COMPLETED.value
    channel: str = Order.Channel.STORE.value
    store: str = ""
    lines: tuple[OrderLineFact, ...] = ()
    create_member: bool = False
    discount: Decimal = Decimal(0)
    voucher_discount: Decimal = Decimal(0)
    tax: Decimal = Decimal(0)
    delivery_fee: Decimal = Decimal(0)
    points_amount: Decimal = Decimal(0)
    payment_method: str = ""
    promo_code: str = ""
    reservations: tuple[str, ...] = ()
    vouchers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OrderTaken:
    """What the till can print: the points of this order and what the member has now."""

    order_id: str
    is_new: bool
    points: int
    given: list[Earned]
    balance: int
    member: Member
    expiring: list[Expiring]
    tier: Step | None
    vouchers: Sequence[Settled]


@dataclass(frozen=True, slots=True)
class Registered:
    """A member registered by phone, or the one who already was."""

    member: Member
    is_new: bool


def take_order(*, till_key: TillKey, told: OrderTold, at: datetime) -> OrderTaken:
    """Record an order told by a till, once, and say what it gave."""
    member = _member_of(told, till_key, at)
    fact = _fact(told, till_key, member, at)
    paying = [find_reservation(till_key, one, member) for one in told.reservations]
    if paying:
        # The server knows what they are worth; the till's own sum does not count.
        fact = fact._replace(points_amount=_paid(paying, told.total))
    recorded = _record_one(fact, has_time=told.placed_at is not None, at=at)
    capture_for_order(paying, order_id=recorded.order_id, at=at)
    wallets = list(active_wallets())
    shown = wallets[0] if wallets else None
    return OrderTaken(
        order_id=told.order_id,
        is_new=recorded.outcome == NEW,
        points=recorded.points,
        given=earned_by_order(recorded.order_id or 0, wallets=wallets),
        balance=balances([member.pk], wallet=shown)[member.pk],
        member=member,
        expiring=expiring([member.pk], at=at, wallet=shown).get(member.pk, []),
        tier=tier_steps([member.pk]).get(member.pk),
        vouchers=recorded.vouchers,
    )


def register(
    *,
    till_key: TillKey,
    phone: str,
    name: str = "",
    consent: bool | None = None,
    at: datetime,
) -> Registered:
    """Make sure that a phone number has its member; keep what they said about offers."""
    source = till_key.source
    member = register_member(phone=phone, name=name, source=source, at=at)
    if consent is not None:
        set_consent(
            member_ids=[member.pk],
            purpose=Consent.Purpose.MARKETING,
            is_given=consent,
            source=source,
            at=at,
        )
    return Registered(member, is_new=member.joined_at == at)


def find_order(*, till_key: TillKey, order_id: str) -> Order:
    """Return an order of the key's own source and, if it is bound to one, store."""
    q = Order.objects.filter(source=till_key.source, external_id=order_id)
    if till_key.store_id:
        q = q.filter(store=till_key.store_id)
    lines = Prefetch("lines", queryset=OrderLine.objects.order_by("position"))
    order = q.select_related("member", "store").prefetch_related(lines).first()
    if order is None:
        raise OrderNotFound(_("There is no order of this number from this till."))
    return order


def points_of_order(order: Order) -> int:
    return points_of_orders([order.pk]).get(order.pk, 0)


def known_by(member: Member) -> dict[str, str]:
    """Return a member's identifiers by kind: phone, card, Zalo id. One query."""
    identifiers = Identifier.objects.filter(member=member).order_by("-pk")
    return dict(identifiers.values_list("kind", "value"))


def history_for_till(
    *,
    till_key: TillKey,
    member: Member,
    wallet: str = "",
    before_id: int | None,
    limit: int,
) -> list[tuple[HistoryEntry, str | None]]:
    """Return a member's movements; order numbers only where they are the key's own."""
    of_wallet = find_wallet(wallet) if wallet else None
    entries = history(member, before_id=before_id, limit=limit, wallet=of_wallet)
    ids = [e.source_id for e in entries if e.source_type == ORDER and e.source_id]
    own = Order.objects.filter(pk__in=ids, source=till_key.source)
    if till_key.store_id:
        own = own.filter(store=till_key.store_id)
    numbers = dict(own.values_list("pk", "external_id"))
    return [(entry, _number(entry, numbers)) for entry in entries]


def create_till_key(
    *, name: str, source: str, store: Store | None = None
) -> tuple[TillKey, str]:
    """Make a key for a till; its text is told here and never again."""
    till_key, text = TillKey.objects.create_key(name=name, source=source, store=store)
    assert isinstance(till_key, TillKey)  # the library types its base class only
    return till_key, text


def _number(entry: HistoryEntry, numbers: dict[int, str]) -> str | None:
    if entry.source_type != ORDER or entry.source_id is None:
        return None
    return numbers.get(entry.source_id)


def _member_of(told: OrderTold, till_key: TillKey, at: datetime) -> Member:
    if told.create_member:
        return register_member(phone=told.phone, source=till_key.source, at=at)
    return find_member(code=told.member_id, phone=told.phone, card=told.card_number)


def _fact(told: OrderTold, till_key: TillKey, member: Member, at: datetime) -> OrderFact:
    return OrderFact(
        source=till_key.source,
        external_id=told.order_id,
        member_id=member.pk,
        placed_at=told.placed_at or at,
        total=told.total,
        currency=_currency(told.currency),
        status=told.status,
        channel=told.channel,
        store_id=store_id_of(told.store, till_key),
        lines=told.lines,
        discount=told.discount,
        voucher_discount=told.voucher_discount,
        tax=told.tax,
        delivery_fee=told.delivery_fee,
        points_amount=told.points_amount,
        payment_method=told.payment_method,
        promo_code=told.promo_code,
        vouchers=told.vouchers,
    )


def _paid(reservations: Sequence[Reservation], total: Decimal) -> Decimal:
    """Return what reservations pay of an order, never more than its total."""
    value = value_of(reservations)
    if value > total:
        raise OrderRefused(
            _("The reservations pay %(value)s, more than the order. Release one of them.")
            % {"value": format_money(value, Programme.current().currency)},
            reason="overpaid",
        )
    return value


def _currency(told: str) -> str:
    currency = Programme.current().currency
    if told and told != currency:
        raise OrderRefused(
            _("This programme counts in %(currency)s. Send the total in that currency.")
            % {"currency": currency},
            currency=currency,
        )
    return currency


def store_id_of(code: str, till_key: TillKey) -> int | None:
    """Return the store that a till names, or its own. Raises OtherStore, StoreNotFound."""
    own = till_key.store
    if not code or (own and own.code == code):
        return own.pk if own else None
    if own:
        raise OtherStore(
            _("This key belongs to store %(store)s. Leave “store” out, or send that one.")
            % {"store": own.code},
            store=own.code,
        )
    store = Store.objects.filter(code=code).only("pk").first()
    if store is None:
        raise StoreNotFound(_("There is no store with the code “%s”.") % code)
    return store.pk


def _record_one(fact: OrderFact, *, has_time: bool, at: datetime) -> Recorded:
    """Record one order; a refusal becomes an error."""
    recorded = record([fact], at=at)[0]
    if recorded.code == CONFLICT and not has_time:
        recorded = _record_at_stored_time(fact, at) or recorded
    if recorded.outcome != REFUSED:
        return recorded
    if recorded.code == CONFLICT:
        raise OrderConflict(recorded.reason, order_id=fact.external_id)
    raise OrderRefused(recorded.reason, reason=recorded.code)


def _record_at_stored_time(fact: OrderFact, at: datetime) -> Recorded | None:
    """Compare again with the time we gave the order when it first came without one."""
    q = Order.objects.filter(source=fact.source, external_id=fact.external_id)
    placed_at = q.values_list("placed_at", flat=True).first()
    if placed_at is None:
        return None
    return record([fact._replace(placed_at=placed_at)], at=at)[0]
