"""Ladders, purchases and nights, in the words of a test."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from activities.models import Refund
from activities.services import OrderFact, RefundFact
from flows.record import record, record_refunds
from members.models import Member
from tests.factories import JOINED
from tiers.ladders import publish_ladder
from tiers.models import Ladder, MemberTier, Tier, TierChange

# Thành viên, Bạc, Vàng: what each asks for, in the order spend, points, orders.
STEPS = (("member", None), ("silver", 1_000_000), ("gold", 3_000_000))


def make_ladder(
    *,
    steps: Sequence[tuple[str, Any]] = STEPS,
    asks: str = "spend",
    code: str = "main",
    at: datetime = JOINED,
    **fields: Any,
) -> Ladder:
    """Make a ladder with tiers by one measure and publish it."""
    ladder = Ladder.objects.create(code=code, name="Hạng thành viên", **fields)
    for name, threshold in steps:
        Tier.objects.create(
            ladder=ladder, code=name, name=name.title(), **{asks: threshold}
        )
    publish_ladder(ladder, at=at, by="test")
    return ladder


def buy(
    member: Member,
    number: str,
    at: datetime,
    total: int,
    *,
    told_at: datetime | None = None,
) -> None:
    fact = OrderFact("till", number, member.pk, at, Decimal(total))
    (answer,) = record([fact], at=told_at or at)
    assert answer.outcome == "new", answer.reason


def bring_back(member: Member, number: str, at: datetime, total: int, *, of: str) -> Refund:
    fact = RefundFact("till", number, member.pk, at, Decimal(total), order_number=of)
    (saved,) = record_refunds([fact], at=at)
    assert saved.outcome == "new", saved.reason
    return Refund.objects.get(pk=saved.refund_id)


def tier(member: Member, ladder: str = "main") -> str:
    """Return the code of a member's tier; empty for who has none."""
    row = MemberTier.objects.filter(member=member, ladder__code=ladder)
    return row.values_list("tier__code", flat=True).first() or ""


def standing_row(member: Member, ladder: str = "main") -> MemberTier:
    return MemberTier.objects.get(member=member, ladder__code=ladder)


def events(member: Member) -> list[tuple[str, str | None, str]]:
    """Return a member's history: (what happened, from, to)."""
    rows = TierChange.objects.filter(member=member).order_by("pk")
    return list(rows.values_list("kind", "from_tier__code", "to_tier__code"))
