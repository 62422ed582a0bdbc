"""Rewards at the counter: redeem one, take the money for one, hand over a gift."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from core.errors import DomainError
from core.models import Programme
from members.models import Member
from rewards.errors import RewardUnavailable
from rewards.models import Fulfilment, Redemption, Reward, Voucher
from rewards.offers import Offer
from till.access import TillRequest, till_required
from till.acts import act_of
from till.models import TillAct
from till.purses import unit_of
from till.rendering import render_page, render_refusal
from till.rewarding import hand_over, pay, redeem
from till.serving import PROOFS, Serving, check_may_serve, serving_of
from till.serving_page import TO_HAND_OVER, offer_of
from till.shown import find_shown, show, shown

SERVED = ("member", "proof", "since")


@require_POST
@till_required
def choose(request: TillRequest, token: str) -> HttpResponse:
    """Open a reward that the member at the counter wants."""
    facts = shown(request, token, "member")
    code = request.POST.get("code", "")
    if not Reward.objects.filter(code=code).exists():
        raise Http404
    served = {name: facts[name] for name in SERVED}
    return redirect("till:reward", show(request, "reward", code=code, **served))


@require_http_methods(["GET", "HEAD", "POST"])
@till_required
def redeem_page(request: TillRequest, token: str) -> HttpResponse:
    """Say what a reward costs and leaves; redeem it when that is confirmed."""
    if act_of(request.desk, token):
        return redirect("till:done", token)
    facts, at = shown(request, token, "reward"), timezone.now()
    serving = serving_of(token, facts)
    offer = offer_of(serving.member, facts["code"], at=at)
    if offer is None:
        raise Http404
    page = _reward_page(request, serving, offer, facts)

    def act() -> None:
        redeem(desk=request.desk, token=token, serving=serving, reward=offer.reward, at=at)

    def may() -> None:
        check_may_serve(request.desk, serving.member)
        if offer.lock is not None:
            raise RewardUnavailable(offer.lock.sentence, reason=offer.lock.code)

    return _do_once(request, token, "till/reward.html", page, may=may, act=act)


@require_POST
@till_required
def open_unpaid(request: TillRequest, token: str) -> HttpResponse:
    """Open a redemption of the member on this page, to take its money."""
    serving = serving_of(token, shown(request, token, "member"))
    rows = Redemption.objects.filter(member=serving.member)
    found = rows.filter(code=request.POST.get("code", "")).first()
    if found is None:
        raise Http404
    return redirect("till:redemption", show(request, "redemption", redemption=found.pk))


@require_http_methods(["GET", "HEAD", "POST"])
@till_required
def redemption(request: TillRequest, token: str) -> HttpResponse:
    """Show a redemption; take its money where it has to be paid."""
    if act_of(request.desk, token):
        return redirect("till:done", token)
    facts, at = shown(request, token, "redemption"), timezone.now()
    found = _redemptions().get(pk=facts["redemption"])
    is_open = found.state == Redemption.State.UNPAID and (found.pay_until or at) >= at
    page = {
        "token": token,
        "redemption": found,
        "is_open": is_open,
        "points": unit_of(found.reward.wallet, Programme.current()).amount(found.points),
        "vouchers": _vouchers_of(found),
        "gift": _gift_of(request, found),
    }

    def act() -> None:
        pay(desk=request.desk, token=token, redemption=found, at=at)

    def may() -> None:
        check_may_serve(request.desk, found.member)

    return _do_once(request, token, "till/redemption.html", page, may=may, act=act)


@require_POST
@till_required
def open_gift(request: TillRequest, token: str) -> HttpResponse:
    """Open a gift of the member on this page, or of the redemption that was shown."""
    gift = _gifts(request).filter(given__key=request.POST.get("gift", "")).first()
    if gift is None:
        raise Http404
    proof = _proof_for(request, token, gift.member)
    facts = {"fulfilment": gift.pk, "proof": proof}
    return redirect("till:gift", show(request, "gift", **facts))


@require_http_methods(["GET", "HEAD", "POST"])
@till_required
def gift(request: TillRequest, token: str) -> HttpResponse:
    """Say which gift goes to whom; note that it was handed over."""
    if act_of(request.desk, token):
        return redirect("till:done", token)
    facts, at = shown(request, token, "gift"), timezone.now()
    rows = Fulfilment.objects.select_related("given__benefit", "member", "store")
    found = rows.get(pk=facts["fulfilment"])
    page = {
        "token": token,
        "gift": found,
        "is_ready": found.state == Fulfilment.State.READY,
        "is_open": found.state in TO_HAND_OVER,
        "member_token": find_shown(request, "member", member=found.member_id),
    }

    def act() -> None:
        proof = facts["proof"]
        hand_over(desk=request.desk, token=token, fulfilment=found, proof=proof, at=at)

    def may() -> None:
        check_may_serve(request.desk, found.member)

    return _do_once(request, token, "till/gift.html", page, may=may, act=act)


def _do_once(
    request: TillRequest,
    token: str,
    template: str,
    page: dict[str, Any],
    *,
    may: Callable[[], None],
    act: Callable[[], None],
) -> HttpResponse:
    """Show a page that asks, or do what it asks about; a refusal shows it again."""
    try:
        if request.method == "POST":
            act()
            return redirect("till:done", token)
        may()
    except DomainError as refusal:
        return render_refusal(request, template, refusal, {**page, "is_closed": True})
    return render_page(request, template, page)


def _reward_page(
    request: TillRequest, serving: Serving, offer: Offer, facts: dict[str, Any]
) -> dict[str, Any]:
    unit = unit_of(offer.reward.wallet, Programme.current())
    return {
        "token": serving.token,
        "member": serving.member,
        "member_token": find_shown(request, "member", member=facts["member"]),
        "offer": offer,
        "price": unit.amount(offer.price_points) if offer.price_points else "",
        "before": unit.amount(offer.balance),
        "after": unit.amount(max(0, offer.balance_after)),
    }


def _redemptions() -> QuerySet[Redemption]:
    return Redemption.objects.select_related("member", "reward__benefit", "reward__wallet")


def _vouchers_of(found: Redemption) -> list[Voucher]:
    if found.given_id is None or found.state != Redemption.State.DONE:
        return []
    vouchers = Voucher.objects.filter(given=found.given_id).select_related("voucher_type")
    return list(vouchers.exclude(state=Voucher.State.CANCELLED))


def _gift_of(request: TillRequest, found: Redemption) -> Fulfilment | None:
    if found.given_id is None or found.state != Redemption.State.DONE:
        return None
    return _gifts(request).filter(given=found.given_id).first()


def _gifts(request: TillRequest) -> QuerySet[Fulfilment]:
    """Return the gifts that wait in this store."""
    waiting = Fulfilment.objects.filter(
        store=request.desk.store,
        method=Fulfilment.Method.PICK_UP,
        state__in=TO_HAND_OVER,
    )
    return waiting.select_related("given__benefit", "member")


def _proof_for(request: TillRequest, token: str, member: Member) -> str:
    """Return how it is known that the member stands here, or 404: a phone number is not it.

    ``token`` is their page, or the redemption whose number they showed.
    """
    if _is_redemption(request, token, member):
        return TillAct.Proof.VOUCHER.value
    facts = shown(request, token, "member")
    serving = serving_of(token, facts)
    if serving.member.pk != member.pk or not serving.is_proved(at=timezone.now()):
        raise Http404
    assert serving.proof in PROOFS, "only these prove"
    return serving.proof


def _is_redemption(request: TillRequest, token: str, member: Member) -> bool:
    try:
        facts = shown(request, token, "redemption")
    except Http404:
        return False
    return Redemption.objects.filter(pk=facts["redemption"], member=member).exists()
