"""A voucher: what it is at a glance, and the form that leads to its use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from core.clock import local_date
from core.errors import DomainError
from core.models import Programme
from members.models import Member
from members.services import kept_member
from rewards.models import Voucher
from till.access import TillRequest, till_required
from till.filled import filled
from till.forms import read_sale
from till.models import TillAct
from till.purses import PayOption, pay_options
from till.rendering import render_page, render_refusal
from till.sales import NOTHING, Sale
from till.serving import PROOFS, require_proof, serving_of
from till.shown import find_shown, show, shown
from till.vouchers import VoucherView, look

PAGE = "till/voucher.html"
Proof = TillAct.Proof


@require_http_methods(["GET", "HEAD", "POST"])
@till_required
def voucher(request: TillRequest, token: str) -> HttpResponse:
    """Show a voucher, and take the total of the order that it is used on."""
    facts = shown(request, token, "voucher")
    programme, at = Programme.current(), timezone.now()
    view = look(
        request.desk, facts["code"], served=_served(facts), programme=programme, at=at
    )
    if view is None:
        raise Http404
    page = {
        "token": token,
        "view": view,
        "today": local_date(at),
        "served": facts.get("served"),
        "member_token": _served_token(request, facts),
        "pay_options": _pay_options(facts, view, programme),
        **filled(request, programme, first_word=_first_word(view)),
    }
    if request.method != "POST":
        return render_page(request, PAGE, page, programme=programme)
    try:
        sale = _sale(request, facts, view, programme)
    except DomainError as refusal:
        return render_refusal(request, PAGE, refusal, page)
    back = f"voucher:{token}"
    return redirect("till:sale", show(request, "sale", sale=sale.to_json(), back=back))


@require_POST
@till_required
def of_member(request: TillRequest, token: str) -> HttpResponse:
    """Open a voucher from its owner's page, for who has shown that they stand there."""
    facts = shown(request, token, "member")
    serving = serving_of(token, facts)
    try:
        require_proof(serving, at=timezone.now())
    except DomainError:
        return redirect("till:member", token)
    own = Voucher.objects.filter(code=request.POST.get("code", ""), member=serving.member)
    if not own.exists():
        raise Http404
    served = {name: facts[name] for name in ("member", "proof", "since")}
    code = request.POST["code"]
    return redirect("till:voucher", show(request, "voucher", code=code, served=served))


def _served(facts: Mapping[str, Any]) -> Member | None:
    """Return the member on whose page it was scanned."""
    served = facts.get("served")
    return kept_member(Member.objects.get(pk=served["member"])) if served else None


def _sale(
    request: TillRequest, facts: Mapping[str, Any], view: VoucherView, programme: Programme
) -> Sale:
    """Read the form into a sale: of who is being served, or of the voucher's owner."""
    served = facts.get("served") or {}
    told = Sale(
        total=NOTHING,
        member_id=view.member.pk if view.member else None,
        proof=served.get("proof") or (Proof.VOUCHER.value if view.member else ""),
        since=served.get("since", ""),
        code=view.voucher.code,
    )
    sale = read_sale(request.POST, told, view.asks, programme)
    # Who is being served buys here; else a number says that the purchase is meant as well.
    records = view.member is not None and bool(served or sale.number)
    return replace(sale, records=records, points=sale.points if served else 0)


def _served_token(request: TillRequest, facts: Mapping[str, Any]) -> str:
    served = facts.get("served")
    return find_shown(request, "member", member=served["member"]) if served else ""


def _first_word(view: VoucherView) -> str:
    """Return what the first line most likely is: something that the voucher is for."""
    return view.asks.words[0].value if view.asks.words else ""


def _pay_options(
    facts: Mapping[str, Any], view: VoucherView, programme: Programme
) -> list[PayOption]:
    """Return with what the member can pay, where they have shown who they are."""
    served = facts.get("served")
    if not served or view.member is None or served["proof"] not in PROOFS:
        return []
    return pay_options(view.member, programme)
