"""Redeeming: points taken, stock taken, the benefit given, in one transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _

from core.batch import Column, insert_new
from core.clock import local_date
from core.codes import random_code
from core.retry import retry_on_conflict
from members.models import Member
from members.services import kept_ids
from points.services import spend_points
from rewards.errors import KeyReused, RedemptionClosed, RewardUnavailable
from rewards.giving import Giving, give_benefit
from rewards.models import GivenBenefit, Redemption, Reward
from rewards.offers import SOLD_OUT, Lock, Offer, limit_lock, limits_of, offers_for
from rewards.services.locking import locked_redemption
from rewards.tallies import take

State = Redemption.State
CODE_LENGTH = 10
COLUMNS = (
    Column("code", "text"),
    Column("key", "text"),
    Column("reward_id", "bigint"),
    Column("member_id", "bigint"),
    Column("state", "text"),
    Column("points", "bigint"),
    Column("amount", "numeric"),
    Column("pay_until", "timestamptz"),
    Column("wishes", "jsonb"),
    Column("took_stock", "boolean"),
    Column("redeemed_at", "timestamptz"),
    Column("redeemed_on", "date"),
    Column("paid_to", "text"),
    Column("ended_by", "text"),
    Column("end_note", "text"),
    Column("actor", "text"),
)


@retry_on_conflict
@transaction.atomic
def redeem_reward(
    *,
    member: Member,
    reward: Reward,
    key: str,
    at: datetime,
    wishes: Mapping[str, Any] | None = None,
    actor: str = "",
) -> Redemption:
    """Let a member have a reward for its price; a repeat answers the first redemption.

    Where money is asked for as well, points and stock are kept until it was paid
    (``confirm_payment``) or the time is over (``lapse_unpaid``).

    Raises RewardUnavailable with the reason, NotEnoughPoints, BenefitUnavailable,
    WishRefused, KeyReused.
    """
    kept = kept_ids([member.pk], lock=True).get(member.pk)
    member = member if kept is None else Member.objects.get(pk=kept)
    if earlier := Redemption.objects.filter(key=key).first():
        return _same(earlier, member, reward)
    reward = Reward.objects.select_related("benefit__wallet", "wallet", "audience").get(
        pk=reward.pk
    )
    offer = offers_for(member, [reward], at=at)[0]
    if offer.lock is not None:
        raise _refusal(offer.lock)
    redemption = _write(member, offer, key=key, at=at, wishes=wishes or {}, actor=actor)
    if redemption is None:
        return _same(Redemption.objects.get(key=key), member, reward)
    if offer.price_points:
        spent = spend_points(
            member=member,
            amount=offer.price_points,
            key=f"redemption:{redemption.pk}",
            at=at,
            wallet=reward.wallet,
            note=reward.name,
            actor=actor,
        )
        redemption.transfer = spent
        redemption.save(update_fields=["transfer"])
    _take_stock(reward, member, at)
    if offer.price_amount:
        return redemption
    return _hand_over(redemption, at=at)


@retry_on_conflict
@transaction.atomic
def confirm_payment(
    *, redemption: Redemption, at: datetime, paid_to: str, actor: str = ""
) -> Redemption:
    """Note that the money was paid, and hand over what was bought.

    A repeat changes nothing. Raises RedemptionClosed when it was cancelled or its time is
    over, and what giving raises.
    """
    now = locked_redemption(redemption)
    if now.state == State.DONE:
        return now
    if now.state != State.UNPAID or now.pay_until is None or at > now.pay_until:
        raise RedemptionClosed(
            _("This redemption was cancelled, or its time to pay is over.")
        )
    now.paid_at, now.paid_to = at, paid_to[:80]
    now.actor = actor or now.actor
    now.save(update_fields=["paid_at", "paid_to", "actor"])
    return _hand_over(now, at=at)


def _hand_over(redemption: Redemption, *, at: datetime) -> Redemption:
    """Give what was bought; from then on the redemption is done."""
    reward = redemption.reward
    redemption.given = give_benefit(
        Giving(
            benefit=reward.benefit,
            member_id=redemption.member_id,
            key=f"redemption:{redemption.pk}",
            source=GivenBenefit.Source.REDEMPTION.value,
            source_id=redemption.pk,
            wishes=redemption.wishes,
            actor=redemption.actor,
            note=reward.name,
        ),
        at=at,
    )
    redemption.state = State.DONE
    # What is handed over keeps the address itself, as long as it is needed.
    redemption.wishes = {}
    redemption.save(update_fields=["given", "state", "wishes"])
    return redemption


def _write(
    member: Member,
    offer: Offer,
    *,
    key: str,
    at: datetime,
    wishes: Mapping[str, Any],
    actor: str,
) -> Redemption | None:
    """Write the row that makes this happen once; None when the key is taken."""
    reward = offer.reward
    hours = reward.payment_hours if offer.price_amount else 0
    row = (
        random_code(CODE_LENGTH),
        key,
        reward.pk,
        member.pk,
        State.UNPAID.value,
        offer.price_points,
        offer.price_amount,
        at + timedelta(hours=hours),
        json.dumps(dict(wishes), ensure_ascii=False),
        reward.stock is not None,
        at,
        local_date(at),
        "",
        "",
        "",
        actor[:80],
    )
    new = insert_new(
        Redemption._meta.db_table, COLUMNS, [row], conflict="key", returning="id"
    )
    return (
        Redemption.objects.select_related("reward__benefit").get(pk=new[0][0])
        if new
        else None
    )


def _take_stock(reward: Reward, member: Member, at: datetime) -> None:
    """Take one of the stock, and room under each limit; what everyone shares comes last."""
    if reached := take(limits_of(reward, member.pk), day=local_date(at)):
        raise _refusal(limit_lock(reached))
    if reward.stock is None:
        return
    row = Reward.objects.filter(pk=reward.pk)
    in_stock = Q(stock__isnull=True) | Q(taken__lt=F("stock"))
    if not row.filter(in_stock).update(taken=F("taken") + 1):
        raise _refusal(Lock(SOLD_OUT, _("All of them are taken.")))


def _refusal(lock: Lock) -> RewardUnavailable:
    return RewardUnavailable(lock.sentence, reason=lock.code)


def _same(earlier: Redemption, member: Member, reward: Reward) -> Redemption:
    owner = kept_ids([earlier.member_id]).get(earlier.member_id, earlier.member_id)
    if owner != member.pk or earlier.reward_id != reward.pk:
        raise KeyReused(earlier.key)
    return earlier
