"""What other parties owe for the points that rules gave in their name.

Like the books, a settlement goes by the day on which a movement was written: what was
settled stays settled, and a refund that comes later is in the month in which it came.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

from django.db.models import Count, F, Q, QuerySet, Sum

from activities.models import Order
from core.batch import chunks
from core.models import Programme
from points.days import written_between
from points.models import EarnRule, Funder, Hold, Transfer, Wallet
from points.rules import money_in

GIVEN = Q(kind=Transfer.Kind.EARN)
TAKEN = Q(kind=Transfer.Kind.REVERSE, reverses__kind=Transfer.Kind.EARN)
ORDER = EarnRule.Trigger.ORDER.value


@dataclass(frozen=True, slots=True)
class Settlement:
    """What one party pays for one rule in a period; numbers in the wallet's units.

    ``held`` is what of the given points members cannot use yet; ``worth`` is the net in
    the programme's currency, None where the wallet's points have no price.
    """

    funder: Funder
    wallet: Wallet
    rule: EarnRule | None
    given: int
    taken_back: int
    held: int
    orders: int
    worth: Decimal | None

    @property
    def net(self) -> int:
        return self.given - self.taken_back

    def as_json(self) -> dict[str, Any]:
        return {
            "funder": self.funder.code,
            "wallet": self.wallet.code,
            "rule": self.rule.code if self.rule else None,
            "given": self.given,
            "taken_back": self.taken_back,
            "net": self.net,
            "held": self.held,
            "orders": self.orders,
            "worth": None if self.worth is None else str(self.worth),
        }


class FundedMovement(NamedTuple):
    """One movement that a party pays for; ``points`` below zero were taken back."""

    written_at: datetime
    happened_at: datetime
    order_number: str
    member_code: str
    rule_name: str
    wallet_name: str
    points: int


def settle_funders(*, first: date, last: date) -> list[Settlement]:
    """Return what each party pays for each rule, by party, wallet and rule. Six queries."""
    rows = funded_movements(first, last)
    sums: Any = (
        rows.annotate(wallet_id=F("from_account__wallet_id"))
        .values_list("funder_id", "wallet_id", "rule_id")
        .annotate(
            given=Sum("amount", filter=GIVEN, default=0),
            taken=Sum("amount", filter=TAKEN, default=0),
            orders=Count("source_id", filter=Q(source_type=ORDER), distinct=True),
        )
    )
    lines = list(sums)
    held = _still_held(rows)
    funders = Funder.objects.in_bulk({line[0] for line in lines})
    wallets = Wallet.objects.in_bulk({line[1] for line in lines})
    rules = EarnRule.objects.in_bulk({line[2] for line in lines if line[2]})
    programme = Programme.current()
    settled = [
        Settlement(
            funders[funder_id],
            wallets[wallet_id],
            rules.get(rule_id),
            int(given),
            int(taken),
            held.get((funder_id, wallet_id, rule_id), 0),
            orders,
            _worth(wallets[wallet_id], int(given) - int(taken), programme),
        )
        for funder_id, wallet_id, rule_id, given, taken, orders in lines
    ]
    return sorted(
        settled,
        key=lambda s: (s.funder.name, s.wallet.pk, s.rule.name if s.rule else ""),
    )


def funded_movements(
    first: date, last: date, funder: Funder | None = None
) -> QuerySet[Transfer]:
    """Return what rules gave for other parties in a period, and what was taken back."""
    rows = written_between(first, last).filter(GIVEN | TAKEN, funder__isnull=False)
    return rows if funder is None else rows.filter(funder=funder)


def list_funded(*, funder: Funder, first: date, last: date) -> Iterator[FundedMovement]:
    """Yield the movements that a party pays for, in the order in which they were written.

    In bounded memory: a thousand rows at a time.
    """
    rows: Any = (
        funded_movements(first, last, funder)
        .select_related("rule", "from_account__wallet")
        .annotate(
            owner=F("hold__account__member__code"),
            undone_owner=F("reverses__hold__account__member__code"),
            taker=F("to_account__member__code"),
            giver=F("from_account__member__code"),
        )
        .order_by("pk")
    )
    for chunk in chunks(rows.iterator()):
        ids = {row.source_id for row in chunk if row.source_type == ORDER}
        orders = Order.objects.in_bulk(ids)
        for row in chunk:
            yield _movement(row, orders)


def _movement(row: Any, orders: dict[int, Order]) -> FundedMovement:
    order = orders.get(row.source_id) if row.source_type == ORDER else None
    taken = row.kind == Transfer.Kind.REVERSE
    return FundedMovement(
        row.created_at,
        row.happened_at,
        order.external_id if order else "",
        row.taker or row.giver or row.owner or row.undone_owner or "",
        row.rule.name if row.rule else "",
        row.from_account.wallet.name,
        -row.amount if taken else row.amount,
    )


def _still_held(rows: QuerySet[Transfer]) -> dict[tuple[int, int, int | None], int]:
    """Say how much of what was given in a period is still held, by party and rule."""
    holds: Any = (
        Hold.objects.filter(transfer__in=rows, remaining__gt=0)
        .values_list("transfer__funder_id", "account__wallet_id", "transfer__rule_id")
        .annotate(points=Sum("remaining"))
    )
    return {(funder, wallet, rule): int(n) for funder, wallet, rule, n in holds}


def _worth(wallet: Wallet, points: int, programme: Programme) -> Decimal | None:
    """Return what points pay at a till, to the cent (dong have none); money is itself."""
    if wallet.holds_money:
        return money_in(points, programme)
    if not wallet.pays_at_till:
        return None
    value = Decimal(points) * wallet.pay_value / wallet.pay_points
    return value.quantize(programme.smallest_amount, ROUND_HALF_UP)
