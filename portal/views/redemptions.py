"""Gifts, bookings and what still has to be paid: the list, one of them, and its steps."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from activities.models import Store
from core.errors import DomainError
from core.models import Programme
from core.money import format_money
from portal.access import MemberRequest, member_required
from portal.counts import counts
from portal.days import day_of
from portal.offers import prices_of
from portal.pictures import qr_code
from portal.redeeming import UNPACKED, cancel_own
from portal.rendering import render_page, render_refusal
from portal.things import (
    State,
    Thing,
    steps_of,
    thing_of_given,
    thing_of_redemption,
    things_of,
)
from portal.wishes import free_slots, gift_form, number, read_gift_form
from rewards.booking import choose_slot
from rewards.errors import WishRefused
from rewards.models import Booking, Redemption, Voucher
from rewards.services import choose_handover


@require_safe
@member_required
def redemptions(request: MemberRequest) -> HttpResponse:
    """Show what waits for the member, what is on its way, and what ended of late."""
    programme, at = Programme.current(), timezone.now()
    context = {
        "place": "rewards",
        "tab": "gifts",
        "counts": counts(request.member, at=at),
        "things": things_of(request.member, at=at),
        "today": day_of(at, programme),
    }
    return render_page(request, "portal/redemptions.html", context, programme=programme)


@require_safe
@member_required
def redemption(request: MemberRequest, code: str) -> HttpResponse:
    """Show one redemption: what came of it, what it cost, what is to be done."""
    at = timezone.now()
    thing = _own(thing_of_redemption(request.member, code, at=at))
    return _page(request, thing, at)


@require_safe
@member_required
def gift(request: MemberRequest, given_id: int) -> HttpResponse:
    """Show a gift or a booking that came without a redemption."""
    at = timezone.now()
    thing = _own(thing_of_given(request.member, given_id, at=at))
    if thing.redemption is not None:
        return redirect(thing.address)
    return _page(request, thing, at)


@require_POST
@member_required
def address(request: MemberRequest, given_id: int) -> HttpResponse:
    """Note where a gift goes, until it is packed."""
    at = timezone.now()
    thing = _own(thing_of_given(request.member, given_id, at=at))
    if thing.gift is None:
        raise Http404
    try:
        wishes = read_gift_form(thing.benefit, request.POST)
        choose_handover(fulfilment=thing.gift, wishes=wishes, at=at)
    except DomainError as refusal:
        return _page(request, thing, at, refusal=refusal, told=request.POST)
    messages.success(request, _("Noted. We get it ready for you."))
    return redirect(thing.address)


@require_POST
@member_required
def time(request: MemberRequest, given_id: int) -> HttpResponse:
    """Book a time, or move to another one."""
    at = timezone.now()
    thing = _own(thing_of_given(request.member, given_id, at=at))
    if thing.booking is None:
        raise Http404
    slot_id = number(request.POST.get("slot", ""))
    try:
        if slot_id is None:
            raise WishRefused(_("Choose a time first."))
        choose_slot(thing.booking, slot_id=slot_id, at=at)
    except DomainError as refusal:
        return _page(request, thing, at, refusal=refusal, told=request.POST)
    messages.success(request, _("Booked. See you then!"))
    return redirect(thing.address)


@require_http_methods(["GET", "HEAD", "POST"])
@member_required
def cancel(request: MemberRequest, code: str) -> HttpResponse:
    """Say what cancelling means; do it on the second tap."""
    at = timezone.now()
    thing = _own(thing_of_redemption(request.member, code, at=at))
    assert thing.redemption is not None, "it was found by its redemption"
    if not thing.may_cancel:
        messages.info(request, _("This can no longer be cancelled here."))
        return redirect(thing.address)
    if request.method != "POST":
        page = _cost(thing, Programme.current()) | {"place": "rewards", "thing": thing}
        return render_page(request, "portal/redemption_cancel.html", page)
    try:
        cancel_own(redemption=thing.redemption, at=at)
    except DomainError as refusal:
        messages.error(request, str(refusal.message))
        return redirect(thing.address)
    told = _("Cancelled. Your points are back.")
    messages.success(request, told if thing.redemption.points else _("Cancelled."))
    return redirect(thing.address)


def _own(thing: Thing | None) -> Thing:
    if thing is None:
        raise Http404
    return thing


def _page(
    request: MemberRequest,
    thing: Thing,
    at: datetime,
    *,
    refusal: DomainError | None = None,
    told: Mapping[str, str] | None = None,
) -> HttpResponse:
    programme = Programme.current()
    context = {
        "place": "rewards",
        "thing": thing,
        "now": at,
        "today": day_of(at, programme),
        **_cost(thing, programme),
        **_handover(request, thing, told, programme),
        **_times(thing, programme, at),
    }
    if refusal is not None:
        return render_refusal(request, "portal/redemption.html", refusal, context)
    return render_page(request, "portal/redemption.html", context, programme=programme)


def _cost(thing: Thing, programme: Programme) -> dict[str, Any]:
    """Return what it cost, in words; and the code for the till while it is unpaid."""
    redemption = thing.redemption
    if redemption is None:
        return {}
    prices, wallet = prices_of(programme), redemption.reward.wallet
    is_unpaid = thing.state == State.UNPAID
    voucher = (
        Voucher.objects.filter(given=redemption.given_id).first()
        if redemption.given_id
        else None
    )
    return {
        "donated": prices.money(thing.given.value) if thing.given else "",
        "points": prices.unit(wallet).amount(redemption.points)
        if redemption.points
        else "",
        "money": prices.money(redemption.amount) if redemption.amount else "",
        "qr": qr_code(redemption.code) if is_unpaid else None,
        "wanted": _wanted(redemption) if is_unpaid else "",
        "voucher": voucher,
    }


def _wanted(redemption: Redemption) -> str:
    """Say how a gift that is not paid yet will be handed over."""
    wishes = redemption.wishes
    if store_id := wishes.get("store_id"):
        store = Store.objects.filter(pk=store_id).first()
        return _("Pick-up at %(store)s") % {"store": store.name} if store else ""
    told = [wishes.get(name, "") for name in ("recipient", "address", "province")]
    return ", ".join(filter(None, told))


def _handover(
    request: MemberRequest,
    thing: Thing,
    told: Mapping[str, str] | None,
    programme: Programme,
) -> dict[str, Any]:
    """Return the way of a gift, and the form as long as it can still be changed."""
    if thing.gift is None:
        return {}
    can_change = thing.gift.state in UNPACKED
    fee = thing.gift.delivery_fee
    return {
        "delivery_fee": format_money(fee, programme.currency) if fee else "",
        "steps": steps_of(thing.gift),
        "form": gift_form(thing.benefit, request.member, told=told, gift=thing.gift)
        if can_change
        else None,
    }


def _times(thing: Thing, programme: Programme, at: datetime) -> dict[str, Any]:
    """Return the times that a booking can be made for or moved to."""
    booking = thing.booking
    if booking is None or thing.state not in (State.OPEN, State.BOOKED):
        return {}
    has_begun = booking.slot is not None and booking.slot.starts_at <= at
    if booking.state == Booking.State.BOOKED and has_begun:
        return {}
    days = free_slots(thing.benefit.pk, programme=programme, at=at, but=booking.slot_id)
    return {"can_choose": True, "days": days}
