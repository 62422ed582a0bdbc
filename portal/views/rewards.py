"""Rewards: the shelf, one reward, and taking it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from core.errors import DomainError
from core.models import Programme
from portal.access import MemberRequest, member_required
from portal.counts import counts
from portal.days import day_of
from portal.offers import OfferPage, catalogue, offer_page
from portal.redeeming import asks_for_slot, new_token, price_tag, redeem, redeemed_by
from portal.rendering import render_page, render_refusal
from portal.wishes import free_slots, gift_form
from rewards.choices import choose
from rewards.models import Benefit, Redemption, Reward, Voucher

MOST_PAGES = 1000


@require_safe
@member_required
def shelf(request: MemberRequest) -> HttpResponse:
    """Show what can be had first, then what is near, then what is missing for the rest."""
    programme, at = Programme.current(), timezone.now()
    page = catalogue(
        request.member,
        programme=programme,
        at=at,
        category=request.GET.get("category", ""),
        page=_page_number(request),
    )
    context = {
        "place": "rewards",
        "tab": "rewards",
        "shelf": page,
        "counts": counts(request.member, at=at),
        "today": day_of(at, programme),
    }
    return render_page(request, "portal/rewards.html", context, programme=programme)


@require_http_methods(["GET", "HEAD", "POST"])
@member_required
def reward(request: MemberRequest, code: str) -> HttpResponse:
    """Say what a reward is, what it costs and what is left then; take it with one tap."""
    programme, at = Programme.current(), timezone.now()
    told = request.POST if request.method == "POST" else None
    # A second tap, also when that was the last one: it is taken, once.
    if told is not None and (taken := redeemed_by(request.member, told)):
        return redirect(address_of(taken))
    page = offer_page(request.member, code, programme=programme, at=at)
    if page is None:
        gone = {"place": "rewards"}
        return render_page(
            request, "portal/reward_gone.html", gone, programme=programme, status=404
        )
    if told is None:
        context = _context(request, page, programme, at)
        return render_page(request, "portal/reward.html", context, programme=programme)
    try:
        redemption = redeem(member=request.member, offer=page.offer, told=told, at=at)
    except DomainError as refusal:
        # The first tap may have taken it while the second one was looking.
        if taken := redeemed_by(request.member, told):
            return redirect(address_of(taken))
        # What is missing may be missing only now: look again before showing it.
        page = offer_page(request.member, code, programme=programme, at=at) or page
        context = _context(request, page, programme, at, told)
        return render_refusal(request, "portal/reward.html", refusal, context)
    messages.success(request, _thanks(redemption))
    return redirect(address_of(redemption))


@require_POST
@member_required
def itself(request: MemberRequest, code: str) -> HttpResponse:
    """Let a reward redeem itself for this member from now on, or no more."""
    reward = get_object_or_404(Reward, code=code, redeems_itself=True, is_active=True)
    wants = request.POST.get("wants") == "on"
    choose(member_id=request.member.pk, reward_id=reward.pk, wants=wants, at=timezone.now())
    if wants:
        messages.success(request, _("Done. You get it by itself when you have enough."))
    else:
        messages.success(request, _("Done. From now on you redeem it yourself."))
    return redirect("portal:reward", code=code)


def address_of(redemption: Redemption) -> str:
    """Return where what was redeemed is shown: the voucher itself, where there is one."""
    if redemption.given_id is not None:
        code = (
            Voucher.objects.filter(given=redemption.given_id)
            .values_list("code", flat=True)
            .first()
        )
        if code is not None:
            return reverse("portal:voucher", args=[code])
    return reverse("portal:redemption", args=[redemption.code])


def _context(
    request: MemberRequest,
    page: OfferPage,
    programme: Programme,
    at: datetime,
    told: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    reward, member = page.reward, request.member
    asked = page.card.is_open
    is_gift = asked and reward.benefit.kind == Benefit.Kind.GIFT
    with_slot = asked and asks_for_slot(reward)
    return {
        "place": "rewards",
        "page": page,
        "card": page.card,
        "reward": reward,
        "token": new_token(),
        "price_tag": price_tag(page.offer),
        "form": gift_form(reward.benefit, member, told=told) if is_gift else None,
        "delivery_fee": page.delivery_fee,
        "with_slot": with_slot,
        "days": free_slots(reward.benefit_id, programme=programme, at=at)
        if with_slot
        else [],
        "slot": (told or {}).get("slot", ""),
        "pay_until": at + timedelta(hours=reward.payment_hours),
        "today": day_of(at, programme),
    }


def _thanks(redemption: Redemption) -> str:
    if redemption.state == Redemption.State.UNPAID:
        return _("Kept for you. Show the code below at the till and pay.")
    return _("It is yours. Enjoy it!")


def _page_number(request: HttpRequest) -> int:
    text = request.GET.get("page", "")
    if not (text.isascii() and text.isdigit() and len(text) <= 4):
        return 1
    return min(max(1, int(text)), MOST_PAGES)
