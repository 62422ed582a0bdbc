"""The counts of uses: taken by statements that refuse, given back exactly.

Whoever touches several takes first the limits, a member's own before those that everybody
shares, and then the vouchers by id.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from rewards.issuing import give_use_back, take_use
from rewards.models import Voucher, VoucherUse
from rewards.offers import Lock
from rewards.tallies import give_back, order_of, take
from rewards.using.checking import (
    Answer,
    limit_lock,
    limit_of,
    limits_of,
    refuse,
    state_lock,
    subject_of,
    used_lock,
)

State = VoucherUse.State


def count_uses(
    uses: Sequence[VoucherUse], answers: Sequence[Answer], *, at: datetime
) -> None:
    """Count these uses under all limits of their vouchers, or raise VoucherRefused.

    ``answers`` say what the check before it found, one for each use. Call it in a
    transaction that a refusal rolls back.
    """
    by_voucher = {answer.voucher.pk: answer for answer in answers}
    limits = [
        limit
        for use in uses
        for limit in limits_of(use.voucher.voucher_type, use.member_id)
    ]
    if reached := take(limits, day=uses[0].happened_on):
        blamed = [
            answer
            for answer in answers
            if subject_of(answer.voucher.voucher_type_id) == reached.subject
        ]
        raise refuse([_refused(answer, limit_lock(reached)) for answer in blamed])
    for use in sorted(uses, key=lambda use: use.voucher_id):
        if not take_use(use.voucher):
            now = Voucher.objects.select_related("voucher_type").get(pk=use.voucher_id)
            lock = state_lock(now, at) or used_lock(now, at)
            raise refuse([_refused(by_voucher[use.voucher_id], lock)])


def limits_counted(answer: Answer) -> list[list[str]]:
    """Return which limits count a use, to be kept with it."""
    limits = answer.voucher.voucher_type.known_limits
    return sorted([limit.per, limit.period] for limit in limits)


def end_uses(uses: Sequence[VoucherUse], state: str, *, at: datetime) -> None:
    """End uses that are locked and open, and give back what counted them.

    A limit gets it back in the span that counted it, and only where it did.
    """
    if not uses:
        return
    ended = VoucherUse.objects.filter(
        pk__in=[use.pk for use in uses], state__in=(State.HELD, State.USED)
    ).update(state=state, ended_at=at)
    assert ended == len(uses), "a use was ended outside its lock"
    counts = [
        (limit_of(use.voucher.voucher_type_id, per, period, 0, use.member_id), use)
        for use in uses
        for per, period in use.counted
    ]
    for limit, use in sorted(
        counts, key=lambda count: (order_of(count[0]), count[1].happened_on)
    ):
        give_back([limit], day=use.happened_on)
    for use in sorted(uses, key=lambda use: use.voucher_id):
        give_use_back(use.voucher_id)
        use.state, use.ended_at = state, at


def _refused(answer: Answer, lock: Lock) -> Answer:
    """Return an answer that another till has overtaken since."""
    return replace(answer, refusal=lock, priced=None)
