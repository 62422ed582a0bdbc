"""A member's order, the confirmation of every sale, what was done, and undoing it."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core.errors import DomainError, NotFound
from core.models import Programme
from points.queries import balances
from rewards.models import Voucher
from till.access import TillRequest, till_required
from till.acts import UNDO_WITHIN, act_of, can_undo, undo
from till.errors import SaleChanged
from till.filled import filled
from till.forms import read_sale
from till.models import TillAct
from till.purses import pay_options, unit_of
from till.rendering import render_page, render_refusal
from till.sales import NOTHING, Sale
from till.selling import SaleQuote, member_of, quote_sale, sell, wallet_of
from till.serving import Serving, check_may_serve, serving_of
from till.serving_page import usable_vouchers
from till.shown import find_shown, show, shown
from till.vouchers import Asks, asks_of, read_terms, state_of

ORDER_PAGE = "till/order.html"
CONFIRM_PAGE = "till/sale.html"
DONE_PAGE = "till/done.html"


@require_http_methods(["GET", "HEAD", "POST"])
@till_required
def order(request: TillRequest, token: str) -> HttpResponse:
    """Take a member's order: its total, its number, a voucher, points that pay."""
    facts = shown(request, token, "member")
    serving, at = serving_of(token, facts), timezone.now()
    programme = Programme.current()
    is_proved = serving.is_proved(at=at)
    page = {
        "serving": serving,
        "is_proved": is_proved,
        "pay_options": pay_options(serving.member, programme) if is_proved else [],
        "vouchers": usable_vouchers(serving.member, at=at) if is_proved else [],
        **filled(request, programme),
    }
    try:
        check_may_serve(request.desk, serving.member)
        if request.method != "POST":
            return render_page(request, ORDER_PAGE, page, programme=programme)
        return _order(request, serving, facts, programme)
    except DomainError as refusal:
        return render_refusal(request, ORDER_PAGE, refusal, page)


@require_http_methods(["GET", "HEAD", "POST"])
@till_required
def confirm(request: TillRequest, token: str) -> HttpResponse:
    """Say what a sale comes to; make it when that is confirmed."""
    if act_of(request.desk, token):
        return redirect("till:done", token)
    facts = shown(request, token, "sale")
    sale, at = Sale.from_json(facts["sale"]), timezone.now()
    if request.method != "POST":
        return _confirm_page(request, token, facts, sale)
    try:
        told = request.POST.get("shown", "")[:200]
        sell(desk=request.desk, token=token, sale=sale, shown=told, at=at)
    except DomainError as refusal:
        return _confirm_page(request, token, facts, sale, refusal)
    return redirect("till:done", token)


@require_safe
@till_required
def done(request: TillRequest, token: str) -> HttpResponse:
    """Show what was done under a token, and what comes next."""
    return _done_page(request, token)


@require_POST
@till_required
def take_back(request: TillRequest, token: str) -> HttpResponse:
    """Undo what was done under a token."""
    if act_of(request.desk, token) is None:
        raise Http404
    try:
        undo(desk=request.desk, token=token, at=timezone.now())
    except DomainError as refusal:
        return _done_page(request, token, refusal)
    return redirect("till:done", token)


def _order(
    request: TillRequest, serving: Serving, facts: dict[str, Any], programme: Programme
) -> HttpResponse:
    voucher = _chosen_voucher(request, serving)
    if voucher is not None:
        terms = read_terms(voucher)
        if terms and asks_of(terms) != Asks():
            # It has to know more than this form asks for.
            served = {name: facts[name] for name in ("member", "proof", "since")}
            place = show(request, "voucher", code=voucher.code, served=served)
            return redirect("till:voucher", place)
    told = Sale(
        total=NOTHING,
        member_id=serving.member.pk,
        proof=serving.proof,
        since=facts["since"],
        code=voucher.code if voucher else "",
        records=True,
    )
    sale = read_sale(request.POST, told, Asks(), programme)
    back = f"order:{serving.token}"
    return redirect("till:sale", show(request, "sale", sale=sale.to_json(), back=back))


def _chosen_voucher(request: TillRequest, serving: Serving) -> Voucher | None:
    """Return the voucher that was chosen from the member's own, if one was."""
    code = request.POST.get("code", "")
    if not code or not serving.is_proved(at=timezone.now()):
        return None
    own = Voucher.objects.filter(code=code, member=serving.member)
    found = own.select_related("voucher_type").first()
    if found is None:
        raise NotFound(_("This voucher is no longer there. Choose another one."))
    return found


def _confirm_page(
    request: TillRequest,
    token: str,
    facts: dict[str, Any],
    sale: Sale,
    refusal: DomainError | None = None,
) -> HttpResponse:
    """Show what a sale comes to now, with why it cannot be where it cannot."""
    programme, at = Programme.current(), timezone.now()
    try:
        quote = quote_sale(request.desk, sale, at=at)
    except DomainError as no_longer:
        quote, refusal = SaleQuote(sale.total), refusal or no_longer
        page = _sale_page(token, facts, sale, quote, programme)
        page["is_closed"] = True
        return render_refusal(request, CONFIRM_PAGE, refusal, page)
    page = _sale_page(token, facts, sale, quote, programme)
    if refusal is None:
        return render_page(request, CONFIRM_PAGE, page, programme=programme)
    page["is_closed"] = quote.refusal is not None or not isinstance(refusal, SaleChanged)
    return render_refusal(request, CONFIRM_PAGE, refusal, page)


def _sale_page(
    token: str, facts: dict[str, Any], sale: Sale, quote: SaleQuote, programme: Programme
) -> dict[str, Any]:
    kind, _colon, back = facts["back"].partition(":")
    unit = unit_of(wallet_of(sale), programme) if quote.points else None
    return {
        "token": token,
        "sale": sale,
        "quote": quote,
        "member": member_of(sale),
        "state": state_of(quote.refusal, has_basket=True) if sale.code else None,
        "points": unit.amount(quote.points) if unit else "",
        "back_name": f"till:{kind}",
        "back": back,
    }


def _done_page(
    request: TillRequest, token: str, refusal: DomainError | None = None
) -> HttpResponse:
    act = act_of(request.desk, token)
    if act is None:
        raise Http404
    programme, at = Programme.current(), timezone.now()
    page = {
        "act": act,
        "token": token,
        "can_undo": can_undo(act, at=at),
        "undo_until": act.happened_at + UNDO_WITHIN,
        "vouchers": _vouchers_given(act),
        **_points(act, programme),
        "member_token": find_shown(request, "member", member=act.member_id),
    }
    if refusal is not None:
        return render_refusal(request, DONE_PAGE, refusal, page)
    return render_page(request, DONE_PAGE, page, programme=programme)


def _points(act: TillAct, programme: Programme) -> dict[str, str]:
    """Write what was earned and taken, and what the member has now."""
    unit = unit_of(None, programme)
    reward = act.redemption.reward if act.redemption else None
    if reward is not None and reward.wallet_id:
        unit = unit_of(reward.wallet, programme)
    wallet = reward.wallet if reward else None
    balance = balances([act.member.pk], wallet=wallet)[act.member.pk] if act.member else 0
    return {
        "earned": unit.amount(act.earned_points) if act.earned_points else "",
        "paid_points": unit.amount(act.paid_points) if act.paid_points else "",
        "balance": unit.amount(balance) if act.member else "",
    }


def _vouchers_given(act: TillAct) -> list[Voucher]:
    """Return the vouchers that a redemption gave."""
    if act.redemption is None or act.redemption.given_id is None or act.is_undone:
        return []
    given = Voucher.objects.filter(given=act.redemption.given_id)
    return list(given.select_related("voucher_type").exclude(state="cancelled"))
