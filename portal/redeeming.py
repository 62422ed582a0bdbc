"""Redeeming from a page: once for each form, at the price that the page has shown."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from core.retry import retry_on_conflict
from members.models import Member
from portal.errors import FormTooOld, PriceChanged
from portal.wishes import read_gift_form, read_slot_form
from rewards.errors import StepRefused
from rewards.models import Benefit, Fulfilment, Redemption, Reward
from rewards.offers import Offer
from rewards.services import cancel_redemption, redeem_reward

ACTOR = "portal"
_TOKEN = re.compile(r"[\w-]{16,40}", re.ASCII).fullmatch
UNPACKED = (Fulfilment.State.ASKED, Fulfilment.State.NEW)


def new_token() -> str:
    """Return what makes one form count once, however often it is sent."""
    return secrets.token_urlsafe(16)


def price_tag(offer: Offer) -> str:
    """Return what a form says that its page has shown."""
    return f"{offer.price_points}+{offer.price_amount.normalize():f}"


def asks_for_slot(reward: Reward) -> bool:
    """Tell whether the time is chosen with the reward.

    Who still has to pay chooses afterwards: a time that others take meanwhile would
    refuse their payment.
    """
    return reward.benefit.kind == Benefit.Kind.EXPERIENCE and not reward.price_amount


def redeem(
    *, member: Member, offer: Offer, told: Mapping[str, str], at: datetime
) -> Redemption:
    """Redeem what a form asks for; the same form again answers the same redemption.

    Raises FormTooOld, PriceChanged, WishRefused, InvalidPhone and what ``redeem_reward``
    raises; then nothing has happened.
    """
    key = _key(member, told.get("token", ""))
    if earlier := Redemption.objects.filter(key=key, member=member).first():
        return earlier
    if offer.is_open and told.get("price", "") != price_tag(offer):
        raise PriceChanged
    return redeem_reward(
        member=member,
        reward=offer.reward,
        key=key,
        at=at,
        wishes=_wishes(offer.reward, told),
        actor=ACTOR,
    )


def redeemed_by(member: Member, told: Mapping[str, str]) -> Redemption | None:
    """Return what this form has redeemed before, if it has."""
    if not _TOKEN(told.get("token", "")):
        return None
    key = _key(member, told["token"])
    return Redemption.objects.filter(key=key, member=member).first()


def may_cancel(redemption: Redemption, gift: Fulfilment | None) -> bool:
    """Tell whether a member may cancel by themselves.

    What still has to be paid, and gifts that nobody has packed. Money that was paid comes
    back at the till only, and a voucher may have been passed on.
    """
    if redemption.state == Redemption.State.UNPAID:
        return True
    return (
        redemption.state == Redemption.State.DONE
        and not redemption.amount
        and gift is not None
        and gift.state in UNPACKED
    )


@retry_on_conflict
@transaction.atomic
def cancel_own(*, redemption: Redemption, at: datetime) -> Redemption:
    """Undo a redemption for its member. A repeat changes nothing.

    Raises StepRefused when it is too late, and what ``cancel_redemption`` raises.
    """
    now = Redemption.objects.select_for_update(of=("self",)).get(pk=redemption.pk)
    if now.state in (Redemption.State.CANCELLED, Redemption.State.LAPSED):
        return now
    # Locked, so that nobody packs it between the look and the cancelling.
    gifts = Fulfilment.objects.select_for_update(of=("self",))
    gift = gifts.filter(given=now.given_id).first() if now.given_id else None
    if not may_cancel(now, gift):
        raise StepRefused(_("This can no longer be cancelled here. Please ask the shop."))
    return cancel_redemption(redemption=now, at=at, actor=ACTOR)


def _wishes(reward: Reward, told: Mapping[str, str]) -> dict[str, object]:
    if reward.benefit.kind == Benefit.Kind.GIFT:
        return read_gift_form(reward.benefit, told)
    if asks_for_slot(reward):
        return read_slot_form(told)
    return {}


def _key(member: Member, token: str) -> str:
    if not _TOKEN(token):
        raise FormTooOld
    return f"portal:{member.pk}:{token}"
