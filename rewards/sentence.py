"""Rewards and benefits in words: what staff set up, said back before they save it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.money import format_money, group_digits
from rewards.models import Benefit, Reward, VoucherType
from rewards.models.catalogue import Period

PER_MEMBER = "member"


class LimitLike(Protocol):
    """A limit, saved or not."""

    per: str
    times: int
    period: str


def describe_reward(
    reward: Reward, limits: Iterable[LimitLike], *, unit: str, currency: str
) -> str:
    """Say who can have a reward for what, when, how often, and how many are left."""
    parts = [_main(reward, unit, currency), *[describe_limit(limit) for limit in limits]]
    sentence = ", ".join(parts)
    if stock := describe_stock(reward):
        sentence = f"{sentence}; {stock}"
    return " ".join(filter(None, (f"{sentence}.", describe_itself(reward, unit=unit))))


def describe_itself(reward: Reward, *, unit: str) -> str:
    """Say when a reward redeems itself; nothing when it does not."""
    if not reward.redeems_itself:
        return ""
    facts = {"points": f"{group_digits(reward.threshold or 0)} {unit}"}
    if reward.redeems_asked:
        return _("Whoever switched it on gets it by itself at %(points)s.") % facts
    return _("Everyone gets it by itself at %(points)s.") % facts


def describe_price(reward: Reward, *, unit: str, currency: str) -> str:
    """Write a price: “100 điểm”, “100 điểm + 20.000 ₫”, “free”."""
    points, amount = reward.price_points or 0, reward.price_amount or Decimal(0)
    parts = []
    if points:
        parts.append(f"{group_digits(points)} {unit}")
    if amount:
        parts.append(format_money(amount, currency))
    return " + ".join(parts) or _("free")


def describe_stock(reward: Reward) -> str:
    """Say how many are left; nothing when there is no end."""
    if reward.stock is None:
        return ""
    left = reward.stock - reward.taken
    if not reward.taken:
        return _("%(stock)s in stock") % {"stock": group_digits(reward.stock)}
    facts = {"left": group_digits(left), "stock": group_digits(reward.stock)}
    return _("%(left)s of %(stock)s left") % facts


def describe_limit(limit: LimitLike) -> str:
    """Say a limit: “once a month each”, “at most 100 a day together”."""
    facts = {"times": group_digits(limit.times), "span": Period(limit.period).label}
    is_own, is_ever = limit.per == PER_MEMBER, limit.period == Period.ALL
    if is_own and is_ever:
        text = ngettext("once for each", "%(times)s times for each", limit.times)
    elif is_own:
        text = ngettext("once %(span)s each", "%(times)s times %(span)s each", limit.times)
    elif is_ever:
        text = _("at most %(times)s for everyone together")
    else:
        text = _("at most %(times)s %(span)s for everyone together")
    return text % facts


def _main(reward: Reward, unit: str, currency: str) -> str:
    audience = reward.audience
    facts = {
        "price": describe_price(reward, unit=unit, currency=currency),
        "group": audience.name if audience else "",
        "when": _when(reward),
    }
    is_free = not reward.price_points and not reward.price_amount
    if is_free and audience:
        text = _("Members of “%(group)s” can have it free of charge%(when)s")
    elif is_free:
        text = _("Every member can have it free of charge%(when)s")
    elif audience:
        text = _("Members of “%(group)s” with %(price)s can have it%(when)s")
    else:
        text = _("Members with %(price)s can have it%(when)s")
    return text % facts


def _when(reward: Reward) -> str:
    """Say from and until when, with the space before it."""
    begin, end = reward.active_from, reward.active_until
    facts = {"begin": moment(begin), "end": until(end)}
    if begin and end:
        return " " + _("from %(begin)s, %(end)s") % facts
    if begin:
        return " " + _("from %(begin)s on") % facts
    return f" {until(end)}" if end else ""


def moment(at: datetime | None) -> str:
    """Write an instant; midnight is only its day."""
    if at is None:
        return ""
    local = timezone.localtime(at)
    if (local.hour, local.minute) == (0, 0):
        return str(formats.localize(local.date()))
    return str(formats.localize(local))


def until(at: datetime | None) -> str:
    """Write an end that is not included: at midnight, the day before is the last one."""
    if at is None:
        return ""
    local = timezone.localtime(at)
    if (local.hour, local.minute) == (0, 0):
        day = formats.localize(local.date() - timedelta(days=1))
        return _("through %(day)s") % {"day": day}
    return _("until %(moment)s") % {"moment": formats.localize(local)}


# --- Benefits ---------------------------------------------------------------------------


def describe_benefit(benefit: Benefit, *, currency: str) -> str:
    """Say what a benefit gives, and how often it may be given."""
    sentence = _gives(benefit, currency)
    if benefit.budget is None:
        return f"{sentence}."
    facts = {
        "budget": group_digits(benefit.budget),
        "given": group_digits(benefit.taken),
    }
    limit = _("at most %(budget)s in all, %(given)s of them given") % facts
    return f"{sentence}; {limit}."


def _gives(benefit: Benefit, currency: str) -> str:
    tell = {
        Benefit.Kind.POINTS: _points,
        Benefit.Kind.VOUCHER: _voucher,
        Benefit.Kind.GIFT: _gift,
        Benefit.Kind.DONATION: _donation,
        Benefit.Kind.TAG: _tag,
    }.get(Benefit.Kind(benefit.kind))
    if tell is not None:
        return tell(benefit, currency)
    if benefit.kind == Benefit.Kind.EXPERIENCE:
        return _("A place in a time slot, chosen with the reward or later")
    return str(benefit.get_kind_display()).capitalize()


def _points(benefit: Benefit, _currency: str) -> str:
    if benefit.wallet is None or not benefit.amount:
        return _("Choose the wallet and write how much")
    return _("%(amount)s %(unit)s into “%(wallet)s”") % {
        "amount": group_digits(benefit.amount),
        "unit": benefit.wallet.unit_name,
        "wallet": benefit.wallet.name,
    }


def _voucher(benefit: Benefit, _currency: str) -> str:
    if benefit.voucher_type is None:
        return _("Choose the type of voucher")
    name = _("The voucher “%(name)s”") % {"name": benefit.voucher_type.name}
    return f"{name}, {describe_validity(benefit.voucher_type)}"


def describe_validity(voucher_type: VoucherType) -> str:
    """Say how long a voucher of a type can be used."""
    days, ends = voucher_type.valid_days, voucher_type.valid_until
    parts = []
    if days:
        parts.append(
            ngettext("usable for %(days)s day", "usable for %(days)s days", days)
            % {"days": group_digits(days)}
        )
    if ends:
        parts.append(_("%(end)s at the latest") % {"end": until(ends)})
    return ", ".join(parts) or _("usable without end")


def _gift(benefit: Benefit, currency: str) -> str:
    texts = {
        Benefit.Handover.EITHER: _("A gift, sent or picked up as the member chooses"),
        Benefit.Handover.DELIVERY: _("A gift that is sent to an address"),
        Benefit.Handover.PICK_UP: _("A gift that is picked up in a store"),
    }
    text = texts[Benefit.Handover(benefit.handover)]
    if not benefit.delivery_fee or benefit.handover == Benefit.Handover.PICK_UP:
        return text
    fee = format_money(benefit.delivery_fee, currency)
    return text + ", " + _("%(fee)s to pay for delivery") % {"fee": fee}


def _donation(benefit: Benefit, currency: str) -> str:
    amount = format_money(benefit.value, currency)
    if not benefit.cause:
        return _("A donation of %(amount)s") % {"amount": amount}
    return _("A donation of %(amount)s to %(cause)s") % {
        "amount": amount,
        "cause": benefit.cause,
    }


def _tag(benefit: Benefit, _currency: str) -> str:
    if benefit.tag is None:
        return _("Choose the tag")
    return _("The tag “%(tag)s”") % {"tag": benefit.tag.name}
