"""Asks the discount engine: what it has to know is read here, and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.db.models import F, Q

from activities.models import Order
from activities.services import OrderLineFact, name_lines
from core.models import Programme
from members.models import Segment
from members.segments import members_matching
from rewards.discounts.basket import Asked, Context
from rewards.discounts.engine import evaluate
from rewards.discounts.results import VoucherResult
from rewards.discounts.said import Said
from rewards.discounts.terms import Terms
from rewards.models import Voucher
from rewards.using.checkout import Checkout, basket_of


class Wanted(NamedTuple):
    """A voucher that may be used as far as it goes, and its terms."""

    voucher: Voucher
    terms: Terms


class Priced(NamedTuple):
    """What a voucher takes off: in all, of delivery, of lines by place (from 1)."""

    taken: Decimal
    delivery: Decimal
    lines: tuple[tuple[int, Decimal], ...]
    notes: tuple[str, ...]
    why_not: Said | None


def price(
    wanted: Sequence[Wanted],
    checkout: Checkout,
    *,
    member_id: int | None,
    at: datetime,
    programme: Programme,
) -> dict[str, Priced]:
    """Say by code what these vouchers take off the order together."""
    terms = [one.terms for one in wanted]
    basket = basket_of(checkout, _lines(checkout, terms), decimals=programme.decimals)
    context = Context(
        at=at,
        zone=programme.zone,
        currency=programme.currency,
        decimals=programme.decimals,
        store_id=checkout.store_id,
        channel=checkout.channel,
        payment_method=checkout.payment_method,
        segment_ids=_segments(terms, member_id, at),
        is_first_order=_is_first_order(terms, member_id, checkout.order_id),
    )
    asked = [Asked(v.code, t, v.voucher_type.name) for v, t in wanted]
    places = [int(line.key) for line in basket.lines]
    results = evaluate(basket, asked, context).vouchers
    return {result.asked.code: _priced(result, places) for result in results}


def _priced(result: VoucherResult, places: Sequence[int]) -> Priced:
    parts = zip(places, result.lines, strict=True)
    return Priced(
        taken=result.taken,
        delivery=result.delivery,
        lines=tuple((place, part) for place, part in parts if place and part),
        notes=tuple(note.sentence for note in result.notes),
        why_not=result.why_not,
    )


def _lines(checkout: Checkout, terms: Sequence[Terms]) -> Sequence[OrderLineFact]:
    """Fill what a till leaves out of its lines, where a voucher is about products."""
    if any(t.products or t.excluded or t.given_products for t in terms):
        return name_lines(checkout.lines)
    return checkout.lines


def _segments(
    terms: Sequence[Terms], member_id: int | None, at: datetime
) -> frozenset[int]:
    """Return the groups that terms name and the member is in; nobody is in none."""
    named = {pk for t in terms for pk in t.segment_ids}
    if not named or member_id is None:
        return frozenset()
    return frozenset(
        segment.pk
        for segment in Segment.objects.filter(pk__in=named)
        if members_matching(segment.conditions, at=at, few=True)
        .filter(pk=member_id)
        .exists()
    )


def _is_first_order(
    terms: Sequence[Terms], member_id: int | None, order_id: int | None
) -> bool:
    """Tell whether a member has no other order that stands; nobody's is a first one."""
    if member_id is None or not any(t.first_order_only for t in terms):
        return False
    # An order that went back wholly was none; one for nothing was one.
    stands = Q(refunded__lt=F("total")) | Q(total=0)
    orders = Order.objects.filter(stands, member=member_id, status=Order.Status.COMPLETED)
    if order_id is not None:
        orders = orders.exclude(pk=order_id)
    return not orders.exists()
