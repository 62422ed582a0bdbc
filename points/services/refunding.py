"""What a refund does to points: the rules are asked again about what remains of an order.

Earned points that the remainder would not have earned are taken back; points that were
spent on the order go back into their own lots, in proportion. Which versions decided, and
who the member was then, is settled: only the basket is looked at again. No refund ever
gives points.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from core.money import round_whole
from points.earning.basket import ORDER, Basket
from points.earning.caps import Allowance, use_keys
from points.earning.context import load_context
from points.earning.definition import Definition
from points.earning.engine import evaluate, ready
from points.earning.orders import remaining_baskets
from points.earning.rulebook import definition_of_version
from points.models import EarnRuleVersion, TakenBack, Transfer
from points.queries import points_wallet
from points.services.earning import funded_share
from points.services.reversing import TakeBack, take_back

SPENT = (Transfer.Kind.SPEND, Transfer.Kind.CAPTURE)


@dataclass(slots=True)
class RefundedPoints:
    """What a refund did to "my points" of one order; ``short`` could not be taken.

    Other wallets move as well; they count in other units and are not in these sums.
    """

    taken: int = 0
    short: int = 0
    returned: int = 0


@transaction.atomic
def refund_points(order_ids: Collection[int], *, at: datetime) -> dict[int, RefundedPoints]:
    """Bring the points of orders in line with what refunds left of them.

    Returns what moved, by order. Safe to repeat: what is in line already stays. The caller
    holds the orders' locks. Where a wallet allows no debt, only what is still there is
    taken; the next refund of the same order asks for the rest again.
    """
    moved = {order_id: RefundedPoints() for order_id in order_ids}
    remaining = remaining_baskets(sorted(moved))
    transfers = list(
        Transfer.objects.filter(source_type=ORDER, source_id__in=moved)
        .filter(kind__in=(Transfer.Kind.EARN, *SPENT))
        .select_related("from_account__wallet")
        .order_by("pk")
    )
    undone = _undone(transfers)
    spends = [t for t in transfers if t.kind in SPENT]
    wallet = points_wallet()
    shown = wallet.pk if wallet else 0
    _return_spent(spends, remaining, undone, moved, shown=shown, at=at)
    earned = [t for t in transfers if t.kind == Transfer.Kind.EARN]
    _take_earned(earned, remaining, undone, moved, shown=shown, at=at)
    return moved


def _undone(transfers: Sequence[Transfer]) -> dict[int, int]:
    counts: dict[int, int] = defaultdict(int)
    counts.update(
        TakenBack.objects.filter(pk__in=[t.pk for t in transfers]).values_list(
            "transfer_id", "amount"
        )
    )
    return counts


def _return_spent(
    spends: Sequence[Transfer],
    remaining: dict[int, Basket],
    undone: dict[int, int],
    moved: dict[int, RefundedPoints],
    *,
    shown: int,
    at: datetime,
) -> None:
    """Give back the share of the points that paid for what was returned."""
    parts = []
    for transfer in spends:
        basket = remaining[transfer.source_id or 0]
        share = basket.remaining_share
        rounding = transfer.from_account.wallet.rounding
        kept = round_whole(transfer.amount * share, rounding)
        if (back := transfer.amount - undone[transfer.pk] - kept) > 0:
            key = f"refund:{transfer.pk}:{undone[transfer.pk]}"
            parts.append(TakeBack(transfer.pk, back, key))
    by_id = {transfer.pk: transfer for transfer in spends}
    for taken in take_back(parts, at=at) if parts else ():
        transfer = by_id[taken.transfer_id]
        if _wallet_of(transfer) == shown:
            moved[transfer.source_id or 0].returned += taken.amount


def _wallet_of(transfer: Transfer) -> int:
    return transfer.from_account.wallet_id


def _take_earned(
    earned: Sequence[Transfer],
    remaining: dict[int, Basket],
    undone: dict[int, int],
    moved: dict[int, RefundedPoints],
    *,
    shown: int,
    at: datetime,
) -> None:
    """Take back what the remainders would not have earned."""
    definitions = _definitions(earned)
    targets = _targets(earned, definitions, remaining)
    shares: dict[str, list[TakeBack]] = defaultdict(list)
    for transfer in earned:
        outstanding = transfer.amount - undone[transfer.pk]
        if (excess := outstanding - targets.get(transfer.pk, 0)) > 0:
            key = f"refund:{transfer.pk}:{undone[transfer.pk]}"
            # What a partner and the brand have paid is short for both alike.
            share = f"{transfer.source_id}:{transfer.rule_id}"
            part = TakeBack(transfer.pk, excess, key, clamp=True, share=share)
            shares[share].append(part)
    parts = [part for some in shares.values() for part in some]
    if not parts:
        return
    by_id = {transfer.pk: transfer for transfer in earned}
    _open_limits(parts, by_id, definitions, remaining, targets)
    for part, taken in zip(parts, take_back(parts, at=at), strict=True):
        transfer = by_id[part.transfer_id]
        if _wallet_of(transfer) == shown:
            sums = moved[transfer.source_id or 0]
            sums.taken += taken.amount
            sums.short += part.amount - taken.amount


def _definitions(earned: Sequence[Transfer]) -> dict[tuple[int, int], Definition]:
    """Read the versions that decided, by rule and number."""
    versions = EarnRuleVersion.objects.filter(
        rule__in={t.rule_id for t in earned}, number__in={t.rule_version for t in earned}
    )
    return {
        (version.rule_id, version.number): definition_of_version(version)
        for version in versions.select_related("rule")
    }


def _targets(
    earned: Sequence[Transfer],
    definitions: dict[tuple[int, int], Definition],
    remaining: dict[int, Basket],
) -> dict[int, int]:
    """Say what each transfer would have been for the remainder; never more than it was."""
    by_order: dict[int, list[Transfer]] = defaultdict(list)
    for transfer in earned:
        by_order[transfer.source_id or 0].append(transfer)
    baskets = [basket for basket in remaining.values() if basket.total > 0]
    context = load_context(baskets, list(definitions.values()))
    targets: dict[int, int] = {}
    for basket in baskets:
        transfers = by_order[basket.id]
        used = {_version_key(t) for t in transfers} & definitions.keys()
        rules = ready([definitions[key] for key in sorted(used)])
        awards = evaluate(basket, rules, context, settled=True).awards
        points = {(a.definition.rule_id, a.definition.version): a.points for a in awards}
        for transfer in transfers:
            key = _version_key(transfer)
            if key not in definitions:
                # Points that no rule decided stay in proportion to what remains.
                share = transfer.amount * basket.remaining_share
                targets[transfer.pk] = round_whole(share, "down")
                continue
            given = sum(t.amount for t in transfers if _version_key(t) == key)
            whole = min(points.get(key, 0), given)
            by_funder = funded_share(definitions[key], whole)
            mine = by_funder if transfer.funder_id else whole - by_funder
            targets[transfer.pk] = min(mine, transfer.amount)
    return targets


def _version_key(transfer: Transfer) -> tuple[int, int]:
    return transfer.rule_id or 0, transfer.rule_version or 0


def _open_limits(
    parts: Sequence[TakeBack],
    transfers: dict[int, Transfer],
    definitions: dict[tuple[int, int], Definition],
    remaining: dict[int, Basket],
    targets: dict[int, int],
) -> None:
    """Give the room under members' limits and budgets back."""
    limited = []
    for part in parts:
        transfer = transfers[part.transfer_id]
        definition = definitions.get(_version_key(transfer))
        if definition and (definition.caps or definition.budget is not None):
            basket = remaining[transfer.source_id or 0]
            limited.append((part, definition, basket))
    if not limited:
        return
    allowance = Allowance(
        key
        for _p, d, basket in limited
        for key in use_keys(d, basket.member_id, basket.day)
    )
    for part, definition, basket in limited:
        allowance.give_back(
            definition,
            member_id=basket.member_id,
            day=basket.day,
            points=part.amount,
            whole=not targets.get(part.transfer_id),
        )
    allowance.save()
