"""The engine: what the vouchers that somebody asks for take off a basket, and why.

1. Each voucher is prepared: which lines it is about, whether it is for this occasion.
2. The best allowed combination is chosen (``choosing``).
3. Its vouchers take off one after the other, by priority and code; what one takes off is
   spread over its lines so that the parts add up, and none goes below its lowest price.
4. Every voucher that takes nothing off says why, and is not used up.

Nothing here reads a database or a clock, and nothing is random.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _

from core.errors import InvalidInput
from rewards.discounts.amounts import to_money
from rewards.discounts.basket import NOTHING, Asked, Basket, Context
from rewards.discounts.choosing import Choice, choose
from rewards.discounts.kinds import Taken, take
from rewards.discounts.owed import LineUnits, Owed, first_owed
from rewards.discounts.prepared import Prepared, prepare
from rewards.discounts.results import LineResult, Result, VoucherResult
from rewards.discounts.said import Reason, Saying, say

# Every combination is tried, so each voucher more may double the work.
MOST_ASKED = 10


def evaluate(basket: Basket, asked: Sequence[Asked], context: Context) -> Result:
    """Say what these vouchers take off a basket together."""
    if len(asked) > MOST_ASKED:
        text = _("Ask for at most %(most)s vouchers at once.")
        raise InvalidInput(text % {"most": MOST_ASKED})
    if len({a.code for a in asked}) < len(asked):
        raise InvalidInput(_("A voucher was told twice. Tell each code once."))
    lines = [LineUnits.of(line, context.decimals) for line in basket.lines]
    vouchers = [prepare(a, lines, context) for a in sorted(asked, key=lambda a: a.place)]
    owed = first_owed(lines, basket, context.decimals)
    choice = choose(vouchers, owed, context.most_vouchers)
    told, last = _tell(vouchers, owed, choice, context)
    return Result(
        vouchers=told,
        lines=_lines(basket, owed, last, context),
        delivery_fee=to_money(owed.fee, context.decimals),
        delivery_paid=to_money(last.delivery, context.decimals),
    )


def _tell(
    vouchers: Sequence[Prepared], owed: Owed, choice: Choice, context: Context
) -> tuple[tuple[VoucherResult, ...], Owed]:
    """Let the chosen vouchers take off, and the others say why they do not."""
    told = []
    for place, voucher in enumerate(vouchers):
        outcome = take(voucher, owed)
        if isinstance(outcome, Saying):
            told.append(_unused(voucher, outcome, context))
        elif place not in choice.places:
            saying = _why_not_chosen(voucher, vouchers, choice, context)
            told.append(_unused(voucher, saying, context))
        else:
            told.append(_used(voucher, owed, outcome, context))
            owed = outcome.owed
    return tuple(told), owed


def _unused(voucher: Prepared, saying: Saying, context: Context) -> VoucherResult:
    nothing = (NOTHING,) * len(voucher.lines)
    return VoucherResult(voucher.asked, NOTHING, nothing, why_not=say(saying, context))


def _used(voucher: Prepared, owed: Owed, taken: Taken, context: Context) -> VoucherResult:
    before, after = _rests(owed, voucher.lines), _rests(taken.owed, voucher.lines)
    decimals = context.decimals
    return VoucherResult(
        asked=voucher.asked,
        taken=to_money(taken.amount, decimals),
        lines=tuple(to_money(b - a, decimals) for b, a in zip(before, after, strict=True)),
        delivery=to_money(owed.delivery - taken.owed.delivery, decimals),
        notes=tuple(say(note, context) for note in taken.notes),
    )


def _rests(owed: Owed, lines: Sequence[LineUnits]) -> list[int]:
    return owed.by_line(owed.rest, len(lines))


def _why_not_chosen(
    voucher: Prepared, vouchers: Sequence[Prepared], choice: Choice, context: Context
) -> Saying:
    """Say which rule kept a voucher out that could have taken something off."""
    terms, counting = voucher.terms, [vouchers[place] for place in choice.places]
    alone = [other for other in counting if other.terms.exclusive]
    rivals = [other for other in counting if other.terms.group == terms.group]
    if alone:
        return _saying(Reason.OTHER_ALONE, alone)
    if terms.exclusive:
        return _saying(Reason.ALONE, counting)
    if terms.group and rivals:
        return _saying(Reason.GROUP, rivals)
    if len(counting) == context.most_vouchers:
        return _saying(Reason.TOO_MANY, counting)
    return _saying(Reason.BETTER_WITHOUT, counting)


def _saying(reason: Reason, others: Sequence[Prepared]) -> Saying:
    names = ", ".join(f"“{other.asked}”" for other in others)
    return Saying(reason, {"others": names, "count": len(others)})


def _lines(
    basket: Basket, first: Owed, last: Owed, context: Context
) -> tuple[LineResult, ...]:
    count, decimals = len(basket.lines), context.decimals
    prices, paid = first.by_line(first.rest, count), last.by_line(last.rest, count)
    return tuple(
        LineResult(
            line, to_money(p, decimals), to_money(p - r, decimals), to_money(r, decimals)
        )
        for line, p, r in zip(basket.lines, prices, paid, strict=True)
    )
