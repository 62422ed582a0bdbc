"""The catalogue as staff keep it: saved, copied, switched on and off.

What is counted while staff type (how many were taken) is never written back from a form:
only what was changed is saved, and stock only where what was taken still fits.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from django.db import transaction
from django.utils.translation import gettext as _

from core.money import group_digits
from core.retry import retry_on_conflict
from rewards.copies import copy_name, free_code
from rewards.errors import StockRefused
from rewards.models import Reward, RewardLimit


@retry_on_conflict
@transaction.atomic
def save_reward(reward: Reward, *, changed: Collection[str]) -> Reward:
    """Save a new reward, or of one that exists the fields that were changed.

    Raises StockRefused when more were taken than the new stock holds.
    """
    if reward._state.adding:
        reward.save()
        return reward
    names = {field.name for field in Reward._meta.concrete_fields} & set(changed)
    if "stock" in names:
        _set_stock(reward)
    reward.save(update_fields=names)
    return reward


def copy_reward(reward: Reward) -> Reward:
    """Make a reward like another one, off, with nothing taken; limits come along."""
    copy = Reward.objects.get(pk=reward.pk)
    limits = list(copy.limits.all())
    copy.pk, copy.taken, copy.is_active = None, 0, False
    copy.code = free_code(Reward, reward.code)
    copy.name = copy_name(Reward, reward.name)
    with transaction.atomic():
        copy.save(force_insert=True)
        for limit in limits:
            limit.pk, limit.reward = None, copy
        RewardLimit.objects.bulk_create(limits)
    return copy


@transaction.atomic
def switch_rewards(rewards: Iterable[Reward], *, on: bool) -> list[Reward]:
    """Put rewards into the catalogue or take them out; returns those that changed."""
    changed = [reward for reward in rewards if reward.is_active != on]
    for reward in changed:
        reward.is_active = on
        # One by one, so that each has its line in the history.
        reward.save(update_fields=["is_active"])
    return changed


def _set_stock(reward: Reward) -> None:
    """Write the stock unless more were taken by now; nothing is read before."""
    row = Reward.objects.filter(pk=reward.pk)
    fits = row if reward.stock is None else row.filter(taken__lte=reward.stock)
    if not fits.update(stock=reward.stock):
        raise StockRefused(stock_too_small(row.values_list("taken", flat=True).get()))


def stock_too_small(taken: int) -> str:
    """Say why a stock is refused."""
    return _("%(taken)s of them are taken. The stock in all cannot be less than that.") % {
        "taken": group_digits(taken)
    }


@retry_on_conflict
@transaction.atomic
def arrange_rewards(shown: Sequence[int]) -> None:
    """Put the rewards of a list into this order; the others keep their places.

    Staff see a part of the catalogue and move its lines about: the places that those lines
    had are shared out among them anew.
    """
    everyone = list(Reward.objects.order_by(*Reward._meta.ordering or ()))
    by_id = {reward.pk: reward for reward in everyone}
    moved = iter([by_id[pk] for pk in dict.fromkeys(shown) if pk in by_id])
    known = set(shown)
    order = [next(moved) if reward.pk in known else reward for reward in everyone]
    for place, reward in enumerate(order, start=1):
        reward.position = place
    Reward.objects.bulk_update(order, ["position"], batch_size=200)
