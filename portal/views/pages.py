"""Home, card, points, history: what a member reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from core.models import Programme
from core.phones import display_phone
from members.models import Identifier, Member
from points.queries import history
from portal.access import MemberRequest, member_required, safe_next, session_member
from portal.counts import counts
from portal.days import day_of
from portal.history import explain, history_page
from portal.offers import within_reach
from portal.pictures import barcode, qr_code
from portal.prices import Prices
from portal.purses import chosen, purse_names, purses_with_days
from portal.rendering import render_page
from portal.tiers import tier_card, tier_pages
from portal.vouchers import next_to_end
from portal.waiting import waiting_points

LINES_AT_HOME = 5
# A daily visitor has points that end on three hundred different days.
DAYS_AT_ONCE = 6
BIGGEST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Known:
    """How the member is known at the till."""

    card: str
    phone: str


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show the card, what to do now, what can be had, the latest lines; or the way in."""
    member = session_member(request)
    if member is None:
        return render_page(
            request, "portal/sign_in.html", {"next": safe_next(request), "is_home": True}
        )
    programme, at = Programme.current(), timezone.now()
    purse, *others = purses_with_days(member, programme, at=at)
    entries = history(member, limit=LINES_AT_HOME, wallet=purse.wallet)
    has = counts(member, at=at)
    context = {
        "place": "home",
        "member": member,
        "known": known_by(member),
        "purse": purse,
        "others": [other for other in others if not other.is_empty],
        "coming": purse.pending[0] if purse.pending else None,
        "now": at,
        "today": day_of(at, programme),
        "lines": explain(member, entries, programme=programme, wallet=purse.wallet),
        "tier": tier_card(member, programme=programme, at=at),
        "counts": has,
        "next_voucher": next_to_end(member, programme=programme, at=at)
        if has.vouchers
        else None,
        "offers": within_reach(member, prices=Prices(programme, purse), at=at),
    }
    return render_page(request, "portal/home.html", context, programme=programme)


@require_safe
@member_required
def card(request: MemberRequest) -> HttpResponse:
    """Show what the till scans."""
    member = request.member
    number = known_by(member).card
    context = {
        "place": "card",
        "member": member,
        "number": number,
        "qr": qr_code(number),
        "barcode": barcode(number),
    }
    return render_page(request, "portal/card.html", context)


@require_safe
@member_required
def points(request: MemberRequest) -> HttpResponse:
    """Show each wallet, and of one how much ends on which day and what is on its way."""
    member, programme, at = request.member, Programme.current(), timezone.now()
    all_purses = purses_with_days(member, programme, at=at)
    purse = chosen(all_purses, request.GET.get("wallet", ""))
    waiting = waiting_points(member, wallet=purse.wallet, programme=programme)
    context: dict[str, Any] = {
        "place": "points",
        "purse": purse,
        "others": [other for other in all_purses if other is not purse],
        "first_days": purse.days[:DAYS_AT_ONCE],
        "later_days": purse.days[DAYS_AT_ONCE:],
        "first_waiting": waiting[:DAYS_AT_ONCE],
        "later_waiting": waiting[DAYS_AT_ONCE:],
        "now": at,
        "today": day_of(at, programme),
    }
    return render_page(request, "portal/points.html", context, programme=programme)


@require_safe
@member_required
def tiers(request: MemberRequest) -> HttpResponse:
    """Show every tier, what it asks for and gives, and the way to the next one."""
    programme = Programme.current()
    context = {
        "place": "home",
        "ladders": tier_pages(request.member, programme=programme, at=timezone.now()),
    }
    return render_page(request, "portal/tiers.html", context, programme=programme)


@require_safe
@member_required
def member_history(request: MemberRequest) -> HttpResponse:
    """Show every movement of a wallet by month; a tap on one says why."""
    programme = Programme.current()
    names = purse_names(programme)
    purse = chosen(names, request.GET.get("wallet", ""))
    before_id = _before(request)
    page = history_page(
        request.member, programme=programme, wallet=purse.wallet, before_id=before_id
    )
    context = {
        "place": "points",
        "page": page,
        "is_first": before_id is None,
        "purse": purse,
        "purses": names,
    }
    return render_page(request, "portal/history.html", context, programme=programme)


def known_by(member: Member) -> Known:
    """Return the member's card number (else their code) and phone. One query."""
    rows = member.identifiers.filter(
        kind__in=[Identifier.Kind.CARD, Identifier.Kind.PHONE]
    ).order_by("-pk")
    found = {row.kind: row.value for row in rows}
    return Known(
        card=found.get(Identifier.Kind.CARD, member.code),
        phone=display_phone(found.get(Identifier.Kind.PHONE, "")),
    )


def _before(request: HttpRequest) -> int | None:
    """Read the keyset; anything that is no line's number means the beginning."""
    text = request.GET.get("before", "")
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        return None
    return min(int(text), BIGGEST_ID)
