"""Rewards from a till or an app: what a member can have, having it, paying, undoing."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from activities.models import Store
from api.errors import RedemptionNotFound, RewardNotFound, StoreNotFound
from api.models import TillKey
from members.models import Member
from rewards.models import Redemption, Reward, Voucher
from rewards.offers import Offer, offers_for, shown_rewards
from rewards.services import cancel_redemption, confirm_payment, redeem_reward


def offers_of(member: Member, *, at: datetime) -> list[Offer]:
    """Return the catalogue as this member sees it now."""
    return offers_for(member, shown_rewards(at=at), at=at)


def redeem(
    *,
    till_key: TillKey,
    idempotency_key: str,
    member: Member,
    reward_code: str,
    wishes: Mapping[str, Any],
    at: datetime,
) -> Redemption:
    """Let a member have a reward of the catalogue; the key's own digest makes it once."""
    reward = Reward.objects.filter(code=reward_code).first()
    if reward is None:
        raise RewardNotFound(_("There is no reward with the code “%s”.") % reward_code)
    digest = hashlib.sha256(idempotency_key.encode()).hexdigest()
    redemption = redeem_reward(
        member=member,
        reward=reward,
        key=f"api:{till_key.prefix}:{digest}",
        at=at,
        wishes=_wishes(wishes),
        actor=till_key.name,
    )
    return find_redemption(redemption.code)


def find_redemption(code: str) -> Redemption:
    """Return a redemption by its number, with what answers need."""
    rows = Redemption.objects.select_related("reward__wallet", "member", "given")
    redemption = rows.filter(code=code.strip().upper()).first()
    if redemption is None:
        raise RedemptionNotFound(_("There is no redemption with this number."))
    return redemption


def confirm(*, till_key: TillKey, code: str, at: datetime) -> Redemption:
    """Note that this till took the money."""
    confirm_payment(
        redemption=find_redemption(code),
        at=at,
        paid_to=till_key.name,
        actor=till_key.name,
    )
    return find_redemption(code)


def cancel(*, till_key: TillKey, code: str, note: str, at: datetime) -> Redemption:
    """Undo a redemption, as long as nothing of it was used."""
    cancel_redemption(
        redemption=find_redemption(code), at=at, actor=till_key.name, note=note
    )
    return find_redemption(code)


def vouchers_given(redemption: Redemption) -> list[Voucher]:
    """Return the vouchers that a redemption gave. One query, or none."""
    if redemption.given_id is None:
        return []
    return list(Voucher.objects.filter(given=redemption.given_id).order_by("pk"))


def _wishes(told: Mapping[str, Any]) -> dict[str, Any]:
    """Name the store that a gift is picked up in by its number."""
    wishes = dict(told)
    if code := wishes.pop("store", ""):
        store = Store.objects.filter(code=code).only("pk").first()
        if store is None:
            raise StoreNotFound(_("There is no store with the code “%s”.") % code)
        wishes["store_id"] = store.pk
    return wishes
