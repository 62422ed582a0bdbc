"""What one person did today in one store, and what it comes to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db.models import Count, Q, QuerySet, Sum
from django.utils.translation import gettext as _

from core.clock import local_date
from core.models import Programme
from core.money import format_money
from till.access import Desk
from till.acts import LOADED, can_undo
from till.models import TillAct

Kind = TillAct.Kind
# A long day at a busy counter; what is older stands in the console.
MOST = 200


@dataclass(frozen=True, slots=True)
class Totals:
    """The day in four numbers; what was undone is left out."""

    vouchers: int = 0
    discount: Decimal = Decimal(0)
    orders: int = 0
    sold: Decimal = Decimal(0)
    rewards: int = 0
    members: int = 0


@dataclass(frozen=True, slots=True)
class DayLine:
    """One act in words: what, for whom, what it came to."""

    act: TillAct
    title: str
    detail: str
    amount: str
    can_undo: bool


@dataclass(frozen=True, slots=True)
class Day:
    date: date
    totals: Totals
    lines: list[DayLine]


def totals_of(desk: Desk, *, at: datetime) -> Totals:
    """Return the day's numbers. Two queries."""
    stand = Q(undone_at__isnull=True)
    sale = Q(kind=Kind.SALE)
    found = _acts(desk, at).aggregate(
        vouchers=Count("pk", filter=stand & sale & Q(voucher_use__isnull=False)),
        discount=Sum("discount", filter=stand),
        orders=Count("pk", filter=stand & sale & Q(order__isnull=False)),
        sold=Sum("order__total", filter=stand & sale),
        rewards=Count("redemption", filter=stand, distinct=True),
        members=Count("pk", filter=stand & Q(kind=Kind.MEMBER)),
    )
    return Totals(**{name: value for name, value in found.items() if value})


def day_of(desk: Desk, *, programme: Programme, at: datetime) -> Day:
    """Return the day's acts, newest first, and its numbers. Four queries."""
    acts = _acts(desk, at).select_related(*LOADED).order_by("-pk")[:MOST]
    lines = [_line(act, programme, at) for act in acts]
    return Day(local_date(at), totals_of(desk, at=at), lines)


def _acts(desk: Desk, at: datetime) -> QuerySet[TillAct]:
    return TillAct.objects.filter(
        user=desk.user, store=desk.store, happened_on=local_date(at)
    )


def _line(act: TillAct, programme: Programme, at: datetime) -> DayLine:
    title, detail = _words(act)
    amount = _amount(act, programme)
    return DayLine(act, title, detail, amount, can_undo(act, at=at))


def _words(act: TillAct) -> tuple[str, str]:
    """Say what was done, and on what."""
    if act.kind == Kind.SALE and act.voucher_use is not None:
        name = act.voucher_use.voucher.voucher_type.name
        return _("Voucher used"), name
    if act.kind == Kind.SALE:
        number = act.order.external_id if act.order else act.token
        return _("Order added"), number
    if act.kind in (Kind.REDEMPTION, Kind.PAYMENT) and act.redemption is not None:
        paid = act.kind == Kind.PAYMENT
        title = _("Reward paid") if paid else _("Reward redeemed")
        return title, act.redemption.reward.name
    if act.kind == Kind.GIFT and act.fulfilment is not None:
        return _("Gift handed over"), act.fulfilment.given.benefit.name
    return _("New member"), str(act.member or "")


def _amount(act: TillAct, programme: Programme) -> str:
    """Write what it came to in money, where it did."""
    if act.kind == Kind.SALE and not act.order_id:
        return f"−{format_money(act.discount, programme.currency)}"
    if act.kind in (Kind.SALE, Kind.PAYMENT):
        return format_money(act.to_pay, programme.currency)
    return ""
