"""Home, card, points, history: what a member reads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from core.models import Programme
from core.phones import display_phone
from members.models import Identifier, Member
from points.queries import Expiring, balances, expiring, history
from portal.access import MemberRequest, member_required, safe_next, session_member
from portal.history import explain, history_page
from portal.pictures import barcode, qr_code
from portal.rendering import render_page
from portal.tiers import tier_card, tier_pages

LINES_AT_HOME = 5
SOON_DAYS = 30
# A daily visitor has points that end on three hundred different days.
DAYS_AT_ONCE = 6
# Every expiry that a rule can set lies inside this many days.
ALL_DAYS = 100 * 366
BIGGEST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Known:
    """How the member is known at the till."""

    card: str
    phone: str


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show the member's card, what expires soon and the latest lines; or the way in."""
    member = session_member(request)
    if member is None:
        return render_page(
            request, "portal/sign_in.html", {"next": safe_next(request), "is_home": True}
        )
    programme, at = Programme.current(), timezone.now()
    soon = expiring([member.pk], at=at, within_days=SOON_DAYS).get(member.pk, [])
    entries = history(member, limit=LINES_AT_HOME)
    context = {
        "place": "home",
        "member": member,
        "known": known_by(member),
        "balance": balances([member.pk])[member.pk],
        "soon": soon[0] if soon else None,
        "today": _today(programme),
        "lines": explain(member, entries, programme=programme),
        "tier": tier_card(member, programme=programme, at=at),
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
    """Show the balance and how many points end on which day."""
    member, programme = request.member, Programme.current()
    ending = expiring([member.pk], at=timezone.now(), within_days=ALL_DAYS)
    days = ending.get(member.pk, [])
    balance = balances([member.pk])[member.pk]
    context: dict[str, Any] = {
        "place": "points",
        "balance": balance,
        "first_days": days[:DAYS_AT_ONCE],
        "later_days": days[DAYS_AT_ONCE:],
        "lasting": _without_end(balance, days),
        "today": _today(programme),
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
    """Show every movement by month; a tap on one says why."""
    programme = Programme.current()
    before_id = _before(request)
    page = history_page(request.member, programme=programme, before_id=before_id)
    context = {"place": "history", "page": page, "is_first": before_id is None}
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


def _without_end(balance: int, days: list[Expiring]) -> int:
    return max(0, balance - sum(day.points for day in days))


def _today(programme: Programme) -> date:
    return timezone.now().astimezone(programme.zone).date()


def _before(request: HttpRequest) -> int | None:
    """Read the keyset; anything that is no line's number means the beginning."""
    text = request.GET.get("before", "")
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        return None
    return min(int(text), BIGGEST_ID)
