"""A shop as its customers know it: it sells, takes back, and a night passes."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from activities.models import ActivityType, Refund
from activities.services import ActivityFact, OrderFact, OrderLineFact, RefundFact
from core.clock import local_midday
from flows.day import run_day
from flows.record import record, record_activities, record_refunds
from members.models import Member
from points.models import Hold, Reservation, Wallet
from points.queries import balances
from points.services import capture_points, gift_points, quote_payment, reserve_points
from tests.points.helpers import assert_proved

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
TILL = "till"


def at(day: str, hour: str = "12:00") -> datetime:
    """Return a moment of the shop's own clock."""
    local = datetime.combine(date.fromisoformat(day), time.fromisoformat(hour), tzinfo=ZONE)
    return local.astimezone(UTC)


def buys(
    member: Member,
    number: str,
    moment: datetime,
    total: int = 0,
    *,
    told_at: datetime | None = None,
    goods: dict[str, int] | None = None,
    **told: Any,
) -> int:
    """Let a member buy; returns the points of the slip."""
    lines = tuple(
        OrderLineFact(product=name, category=name, total=Decimal(price))
        for name, price in (goods or {}).items()
    )
    total = total or sum((goods or {}).values())
    fact = OrderFact(TILL, number, member.pk, moment, Decimal(total), lines=lines, **told)
    (answer,) = record([fact], at=told_at or moment)
    assert answer.outcome in ("new", "known"), answer.reason
    return answer.points


def brings_back(
    member: Member, number: str, moment: datetime, money: int, *, of: str = ""
) -> Refund:
    """Take goods back for so much money."""
    fact = RefundFact(TILL, number, member.pk, moment, Decimal(money), order_number=of)
    (saved,) = record_refunds([fact], at=moment)
    assert saved.refund_id, saved.reason
    return Refund.objects.get(pk=saved.refund_id)


def does(member: Member, what: str, number: str, moment: datetime) -> int:
    """Tell that a member did something other than buying; returns the points."""
    ActivityType.objects.get_or_create(code=what, defaults={"name": what})
    fact = ActivityFact(what, "app", number, member.pk, moment)
    (answer,) = record_activities([fact], at=moment)
    assert answer.saved.activity_id, answer.saved.reason
    return answer.points


def pays_with_points(
    member: Member, number: str, moment: datetime, total: int, wallet: Wallet
) -> Reservation:
    """Pay as much of an order with points as the terms allow, then buy it."""
    offer = quote_payment(
        member=member, order_total=Decimal(total), wallet=wallet, at=moment
    )
    held = reserve_points(
        member=member,
        amount=offer.points,
        value=offer.value,
        source=TILL,
        reference=number,
        wallet=wallet,
        at=moment,
    )
    fact = OrderFact(
        TILL, number, member.pk, moment, Decimal(total), points_amount=offer.value
    )
    (answer,) = record([fact], at=moment)
    return capture_points(reservation=held, order_id=answer.order_id, at=moment)


def gives(
    giver: Member, receiver: Member, points: int, moment: datetime, wallet: Wallet
) -> None:
    gift_points(
        giver=giver,
        receiver=receiver,
        amount=points,
        key=f"gift:{moment:%Y%m%d%H%M}:{giver.pk}",
        at=moment,
        wallet=wallet,
    )


def night(day: str) -> None:
    """Let the programme day of this date end, and everything in it be proved."""
    report = run_day(at=local_midday(date.fromisoformat(day)))
    assert report.ok, report.as_json()


def has(member: Member, wallet: Wallet | None = None) -> int:
    """Return a member's usable points, and prove the whole ledger on the way."""
    assert_proved()
    return balances([member.pk], wallet=wallet)[member.pk]


def waits_for(member: Member) -> int:
    """Return the points that a member has earned and cannot use yet."""
    holds = Hold.objects.filter(account__member=member)
    return sum(hold.remaining for hold in holds)
