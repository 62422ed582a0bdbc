"""What staff should look at again before they offer a reward; sentences, nothing more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.utils.translation import gettext as _

from core.money import group_digits
from rewards.models import Benefit, Reward, Voucher, VoucherType
from rewards.sentence import moment, until


def advice_on(reward: Reward, *, at: datetime) -> list[str]:
    """Say what will keep members from having a reward that they are shown. Few queries."""
    benefit = reward.benefit if reward.benefit_id else None
    return [*_of_times(reward), *(_of_benefit(reward, benefit, at) if benefit else ())]


def _of_times(reward: Reward) -> Iterator[str]:
    shown, had = reward.visible_from, reward.active_from
    if shown and (had is None or had < shown):
        yield _("Members can have it before the catalogue shows it.")
    hidden, over = reward.visible_until, reward.active_until
    if hidden and (over is None or over > hidden):
        text = _("The catalogue hides it from %(day)s on; members can still have it.")
        yield text % {"day": moment(hidden)}


def _of_benefit(reward: Reward, benefit: Benefit, at: datetime) -> Iterator[str]:
    if not benefit.is_active:
        yield _("“%(benefit)s” is switched off, so nobody can have it.") % {
            "benefit": benefit
        }
    if benefit.budget is not None:
        room = benefit.budget - benefit.taken
        if reward.left is None or room < reward.left:
            yield _("“%(benefit)s” can be given %(room)s more times only.") % {
                "benefit": benefit,
                "room": group_digits(room),
            }
    if benefit.voucher_type is not None:
        yield from _of_vouchers(reward, benefit.voucher_type, at)


def _of_vouchers(reward: Reward, voucher_type: VoucherType, at: datetime) -> Iterator[str]:
    facts = {"type": voucher_type, "end": until(voucher_type.valid_until)}
    ends = voucher_type.valid_until
    if ends is not None and ends <= at:
        yield _("“%(type)s” could be used %(end)s only.") % facts
    elif ends is not None and (reward.active_until is None or reward.active_until > ends):
        yield (
            _(
                "“%(type)s” can be used %(end)s only, and members can still have it "
                "after that."
            )
            % facts
        )
    if voucher_type.codes == VoucherType.Codes.POOL and voucher_type.pk:
        yield from _of_pool(reward, voucher_type)


def _of_pool(reward: Reward, voucher_type: VoucherType) -> Iterator[str]:
    pooled = Voucher.objects.filter(voucher_type=voucher_type, state=Voucher.State.POOLED)
    # No more are counted than there is stock.
    codes = pooled[: reward.left or 1].count()
    facts = {"type": voucher_type, "codes": group_digits(codes)}
    if reward.left is None:
        if not codes:
            yield _("There are no codes left of “%(type)s”.") % facts
    elif codes < reward.left:
        yield _("There are only %(codes)s codes left of “%(type)s”.") % facts
