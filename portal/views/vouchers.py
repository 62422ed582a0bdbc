"""Vouchers: all that a member has, and the one that is shown at the till."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from core.models import Programme
from portal.access import MemberRequest, member_required
from portal.counts import counts
from portal.days import day_of
from portal.pictures import qr_code
from portal.rendering import render_page
from portal.vouchers import (
    about,
    current_vouchers,
    past_vouchers,
    redemption_of,
    voucher_card,
)


@require_safe
@member_required
def vouchers(request: MemberRequest) -> HttpResponse:
    """Show what can be used, what ends soonest first; then what was used or has ended."""
    programme, at, member = Programme.current(), timezone.now(), request.member
    context = {
        "place": "rewards",
        "tab": "vouchers",
        "counts": counts(member, at=at),
        "current": current_vouchers(member, programme=programme, at=at),
        "past": past_vouchers(member, programme=programme, at=at),
        "today": day_of(at, programme),
    }
    return render_page(request, "portal/vouchers.html", context, programme=programme)


@require_safe
@member_required
def voucher(request: MemberRequest, code: str) -> HttpResponse:
    """Show one voucher as the till scans it; only its owner sees it."""
    programme, at = Programme.current(), timezone.now()
    card = voucher_card(request.member, code, programme=programme, at=at)
    if card is None:
        raise Http404
    redemption = redemption_of(card.voucher)
    terms = card.voucher.voucher_type.fine_print
    context = {
        "place": "rewards",
        "card": card,
        "qr": qr_code(card.scanned) if card.is_current else None,
        "redemption": redemption,
        "about": about(card.voucher.voucher_type, programme),
        "terms": terms or (redemption.reward.fine_print if redemption else ""),
        "today": day_of(at, programme),
    }
    return render_page(request, "portal/voucher.html", context, programme=programme)
