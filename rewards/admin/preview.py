"""A reward as members will see it, with the sentence that says what comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils import timezone
from django.utils.translation import gettext as _

from core.models import Programme
from core.pictures import picture_address
from points.queries import points_wallet
from rewards.advice import advice_on
from rewards.models import Reward, RewardLimit
from rewards.sentence import describe_benefit, describe_price, describe_reward


@dataclass(frozen=True, slots=True)
class Preview:
    """The card, the sentence, and what staff should look at again."""

    name: str
    picture: str
    category: str
    price: str
    gives: str
    sentence: str
    advice: list[str]


def preview_of(
    reward: Reward, limits: Sequence[RewardLimit], programme: Programme
) -> Preview:
    """Draw a reward, saved or not, with the limits that stand in the form."""
    wallet = (reward.wallet if reward.wallet_id else None) or points_wallet()
    unit = str(wallet.unit_name if wallet else programme.unit_name)
    currency = str(programme.currency)
    benefit = reward.benefit if reward.benefit_id else None
    digest = reward.picture_id
    return Preview(
        name=reward.name or _("Name of the reward"),
        picture=picture_address(digest, "card") if digest else "",
        category=reward.category.name if reward.category else "",
        price=describe_price(reward, unit=unit, currency=currency),
        gives=describe_benefit(benefit, currency=currency) if benefit else "",
        sentence=describe_reward(reward, limits, unit=unit, currency=currency),
        advice=advice_on(reward, at=timezone.now()),
    )
