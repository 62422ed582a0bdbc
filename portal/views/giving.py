"""Giving points to a friend: who and how many, what that means, the code, the result."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core.addresses import client_address
from core.errors import DomainError, InvalidInput
from core.models import Programme
from core.parsing import parse_amount
from core.phones import InvalidPhone, display_phone, mask_phone
from members.models import Member
from members.names import mask_name
from points.amounts import Unit
from points.models import Transfer
from points.services import quote_gift
from portal.access import MemberRequest, member_required
from portal.errors import NoSuchFriend, OwnNumber, TooManyNumbers
from portal.giving import (
    MAX_NOTE,
    Draft,
    draft_gift,
    gift_of,
    give,
    phone_for_codes,
    send_gift_code,
)
from portal.purses import Purse, chosen, purses
from portal.rendering import render_page, render_refusal
from portal.sign_in import RESEND_AFTER

# The gift that this browser was shown last: what, and when its code was sent.
STEP = "gift"
SENT_AT = "gift_code_sent_at"
MOST_DIGITS = 15
ABOUT_THE_NUMBER = (InvalidPhone, OwnNumber, NoSuchFriend, TooManyNumbers)


@require_http_methods(["GET", "HEAD", "POST"])
@member_required
def form(request: MemberRequest) -> HttpResponse:
    """Ask for the friend's number and how many; nothing moves yet."""
    programme = Programme.current()
    purse = _giving_purse(request, programme, request.POST or request.GET)
    if purse is None:
        messages.info(request, _("You have no points that can be given to others."))
        return redirect("portal:points")
    if request.method != "POST":
        page = _form_page(purse, _drafted_fields(request, purse))
        return render_page(request, "portal/give.html", page, programme=programme)
    fields = {name: request.POST.get(name, "") for name in ("phone", "amount", "note")}
    try:
        draft = _draft(request.member, purse, fields)
    except DomainError as refusal:
        page = _form_page(purse, fields, refusal)
        return render_refusal(request, "portal/give.html", refusal, page)
    request.session[STEP] = asdict(draft)
    request.session.pop(SENT_AT, None)
    return redirect("portal:give-confirm")


@require_http_methods(["GET", "HEAD", "POST"])
@member_required
def confirm(request: MemberRequest) -> HttpResponse:
    """Say what the gift means before it is made; make it with the right code."""
    token = request.POST.get("token", "")[:64]
    if token and (gift := gift_of(request.member, token)):
        return redirect("portal:give-done", gift_id=gift.pk)
    draft = _shown_draft(request)
    if draft is None:
        return redirect("portal:give")
    if request.method != "POST":
        return _confirm_page(request, draft)
    if token != draft.token:
        # Another tab has begun another gift: only what is on the screen may be given.
        messages.info(request, _("You began another gift meanwhile. Please check it."))
        return redirect("portal:give-confirm")
    return _give(request, draft)


@require_POST
@member_required
def send_code(request: MemberRequest) -> HttpResponse:
    """Send a code for the gift on the screen to the giver's own phone."""
    draft, at = _shown_draft(request), timezone.now()
    if draft is None:
        return redirect("portal:give")
    try:
        send_gift_code(giver=request.member, draft=draft, ip=client_address(request), at=at)
    except DomainError as refusal:
        return _confirm_page(request, draft, refusal)
    request.session[SENT_AT] = at.isoformat()
    return redirect("portal:give-confirm")


@require_safe
@member_required
def done(request: MemberRequest, gift_id: int) -> HttpResponse:
    """Show what was given; only its giver sees it."""
    gifts = Transfer.objects.filter(
        pk=gift_id, kind=Transfer.Kind.GIFT, from_account__member=request.member
    )
    gift = gifts.select_related("from_account", "to_account__member").first()
    if gift is None:
        return redirect("portal:history")
    programme = Programme.current()
    purse = _purse_of(request.member, gift.from_account.wallet_id, programme)
    if purse is None:
        return redirect("portal:points")
    friend = gift.to_account.member
    context = {
        "place": "points",
        "gift": gift,
        "fee": _fee_of(gift),
        "friend": mask_name(friend.name) if friend else "",
        "purse": purse,
    }
    return render_page(request, "portal/give_done.html", context, programme=programme)


def _give(request: MemberRequest, draft: Draft) -> HttpResponse:
    try:
        gift = give(
            giver=request.member,
            draft=draft,
            code=request.POST.get("code", "")[:20],
            at=timezone.now(),
        )
    except DomainError as refusal:
        # A second tap while the first was under way: the gift is made, once.
        if made := gift_of(request.member, draft.token):
            return redirect("portal:give-done", gift_id=made.pk)
        return _confirm_page(request, draft, refusal)
    request.session.pop(STEP, None)
    request.session.pop(SENT_AT, None)
    return redirect("portal:give-done", gift_id=gift.pk)


def _giving_purse(request: MemberRequest, programme: Programme, told: Any) -> Purse | None:
    """Return the purse asked for among those that allow gifts, else the first of them."""
    giving = [purse for purse in purses(request.member, programme) if purse.can_give]
    return chosen(giving, told.get("wallet", "")) if giving else None


def _purse_of(member: Member, wallet_id: int, programme: Programme) -> Purse | None:
    """Return the purse of this wallet; None when the wallet is no longer in use."""
    found = purses(member, programme)
    return next((p for p in found if p.wallet and p.wallet.pk == wallet_id), None)


def _draft(giver: Member, purse: Purse, fields: dict[str, str]) -> Draft:
    assert purse.wallet is not None, "only a wallet can allow gifts"
    return draft_gift(
        giver=giver,
        phone=fields["phone"],
        amount=_read_amount(fields["amount"], purse.unit),
        note=fields["note"],
        wallet=purse.wallet,
        at=timezone.now(),
    )


def _read_amount(text: str, unit: Unit) -> int:
    """Read what was typed as a whole number of the wallet's smallest unit."""
    refusal = InvalidInput(_("Write how many you want to give, such as 50."))
    if not text.strip() or len(text) > MOST_DIGITS + 5:
        raise refusal
    amount = parse_amount(text.strip(), _("How many"), currency=unit.currency or "VND")
    amount = amount.scaleb(unit.decimals)
    if amount < 1 or amount != amount.to_integral_value() or amount >= 10**MOST_DIGITS:
        raise refusal
    return int(amount)


def _shown_draft(request: HttpRequest) -> Draft | None:
    step = request.session.get(STEP)
    return Draft(**step) if step else None


def _drafted_fields(request: HttpRequest, purse: Purse) -> dict[str, str]:
    """Return what was typed before, for who comes back to change it."""
    draft = _shown_draft(request)
    if draft is None or purse.wallet is None or draft.wallet_id != purse.wallet.pk:
        return {}
    amount = Decimal(draft.amount).scaleb(-purse.unit.decimals)
    return {
        "phone": display_phone(draft.phone),
        "amount": str(amount),
        "note": draft.note,
    }


def _form_page(
    purse: Purse, fields: dict[str, str], refusal: DomainError | None = None
) -> dict[str, Any]:
    wrong = "phone" if isinstance(refusal, ABOUT_THE_NUMBER) else "amount"
    return {
        "purse": purse,
        "max_note": MAX_NOTE,
        "wrong": wrong if refusal else "",
        **fields,
    }


def _confirm_page(
    request: MemberRequest, draft: Draft, refusal: DomainError | None = None
) -> HttpResponse:
    """Show the gift with its consequences, and the code's field once a code was sent."""
    programme, at = Programme.current(), timezone.now()
    purse = _purse_of(request.member, draft.wallet_id, programme)
    receiver = Member.objects.filter(pk=draft.receiver_id).first()
    if purse is None or purse.wallet is None or receiver is None:
        request.session.pop(STEP, None)
        return redirect("portal:give")
    try:
        quote = quote_gift(
            giver=request.member, amount=draft.amount, at=at, wallet=purse.wallet
        )
        own_phone = phone_for_codes(request.member)
    except DomainError as no_longer:
        told = refusal or no_longer
        page = _form_page(purse, _drafted_fields(request, purse), told)
        return render_refusal(request, "portal/give.html", told, page)
    page = {
        "purse": purse,
        "draft": draft,
        "quote": quote,
        "friend": mask_name(receiver.name),
        "friend_phone": display_phone(draft.phone),
        "own_phone": mask_phone(own_phone),
        "was_sent": SENT_AT in request.session,
        "wait": _wait(request, at),
    }
    if refusal is not None:
        return render_refusal(request, "portal/give_confirm.html", refusal, page)
    return render_page(request, "portal/give_confirm.html", page, programme=programme)


def _wait(request: HttpRequest, at: datetime) -> int:
    """Return the seconds until another code may be asked for."""
    if SENT_AT not in request.session:
        return 0
    since = at - datetime.fromisoformat(request.session[SENT_AT])
    return max(0, round((RESEND_AFTER - since).total_seconds()))


def _fee_of(gift: Transfer) -> int:
    fee = Transfer.objects.filter(key=f"{gift.key}:fee").first()
    return fee.amount if fee else 0
