"""Rewards at the counter: redeemed, paid, handed over."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from core.retry import retry_on_conflict
from members.models import Member
from rewards.errors import StepRefused
from rewards.fulfilment import advance
from rewards.models import Benefit, Fulfilment, Redemption, Reward
from rewards.services import confirm_payment, redeem_reward
from till.access import Desk
from till.acts import claim
from till.models import TillAct
from till.serving import Serving, check_may_serve, require_proof

Kind = TillAct.Kind
# The way of a gift that is picked up; whoever skips a step at the counter has done it.
WAY = (Fulfilment.State.PACKED, Fulfilment.State.READY, Fulfilment.State.DONE)


@retry_on_conflict
@transaction.atomic
def redeem(
    *, desk: Desk, token: str, serving: Serving, reward: Reward, at: datetime
) -> TillAct:
    """Let the member who stands here have a reward; a repeat answers what was done.

    A gift that can be picked up is meant for this store. Raises NotProved, what forbids to
    serve this member, and what redeeming raises.
    """
    act, is_new = _claim(desk, token, Kind.REDEMPTION, serving.member, serving.proof, at)
    if not is_new:
        return act
    require_proof(serving, at=at)
    redemption = redeem_reward(
        member=serving.member,
        reward=reward,
        key=f"till:{token}",
        at=at,
        wishes=_wishes(desk, reward.benefit),
        actor=desk.actor,
    )
    act.redemption = redemption
    act.paid_points = redemption.points
    act.fulfilment = Fulfilment.objects.filter(given=redemption.given_id).first()
    act.save()
    return act


@retry_on_conflict
@transaction.atomic
def pay(*, desk: Desk, token: str, redemption: Redemption, at: datetime) -> TillAct:
    """Note that the money for a redemption was taken here, and hand over what it buys.

    Raises RedemptionClosed, what forbids to serve this member, and what giving raises.
    """
    proof = TillAct.Proof.VOUCHER.value
    act, is_new = _claim(desk, token, Kind.PAYMENT, redemption.member, proof, at)
    if not is_new:
        return act
    paid = confirm_payment(
        redemption=redemption, at=at, paid_to=desk.store.name[:80], actor=desk.actor
    )
    act.redemption, act.to_pay = paid, paid.amount
    act.fulfilment = Fulfilment.objects.filter(given=paid.given_id).first()
    act.save()
    return act


@retry_on_conflict
@transaction.atomic
def hand_over(
    *, desk: Desk, token: str, fulfilment: Fulfilment, proof: str, at: datetime
) -> TillAct:
    """Note that a gift was handed to its member here, whatever step it stood at.

    Raises StepRefused when it is not to be picked up here, or went another way meanwhile,
    and what forbids to serve this member.
    """
    act, is_new = _claim(desk, token, Kind.GIFT, fulfilment.member, proof, at)
    if not is_new:
        return act
    if fulfilment.store_id != desk.store.pk:
        raise StepRefused(_("This gift is not kept in this store."))
    now, steps = Fulfilment.objects.get(pk=fulfilment.pk), list(WAY)
    if now.state in steps:
        steps = steps[steps.index(Fulfilment.State(now.state)) + 1 :]
    for step in steps:
        if not advance([now], to=step, by=desk.user, at=at).moved:
            raise StepRefused(_("This gift was handed over or called off meanwhile."))
    if not steps:
        raise StepRefused(_("This gift was handed over or called off meanwhile."))
    act.fulfilment = now
    act.save()
    return act


def _claim(
    desk: Desk, token: str, kind: str, member: Member, proof: str, at: datetime
) -> tuple[TillAct, bool]:
    act, is_new = claim(desk, token, kind, member_id=member.pk, proof=proof, at=at)
    if is_new:
        check_may_serve(desk, member)
    return act, is_new


def _wishes(desk: Desk, benefit: Benefit) -> dict[str, object]:
    """Say how a gift is wanted by who stands here: from here, where that is allowed."""
    is_gift = benefit.kind == Benefit.Kind.GIFT
    if not is_gift or benefit.handover == Benefit.Handover.DELIVERY:
        return {}
    return {"method": Fulfilment.Method.PICK_UP.value, "store_id": desk.store.pk}
