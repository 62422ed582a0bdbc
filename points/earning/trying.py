"""Asking the rules without giving anything: the simulator, and why an order earned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.utils.translation import gettext as _

from activities.models import Order
from core.models import Programme
from points.amounts import Unit
from points.earning.basket import Basket, BasketLine
from points.earning.context import load_context
from points.earning.definition import draft_definition
from points.earning.engine import RuleTrace, evaluate
from points.earning.orders import baskets_of_orders
from points.earning.rulebook import RuleBook, rules_in_force
from points.models import EarnRule, Transfer, Wallet


@dataclass(frozen=True, slots=True)
class LineOutcome:
    """One product of the basket and the points that it brought."""

    line: BasketLine
    points: int


@dataclass(frozen=True, slots=True)
class WalletOutcome:
    """What a basket comes to in one wallet, and what became of every rule."""

    wallet: Wallet
    unit: Unit
    points: int
    trace: tuple[RuleTrace, ...]
    lines: tuple[LineOutcome, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an order earned what it did; ``given`` is what the ledger says, by rule code."""

    outcomes: list[WalletOutcome]
    given: dict[str, int]
    differences: list[str]


def simulate(basket: Basket, *, with_drafts: bool = False) -> list[WalletOutcome]:
    """Say what a basket would earn now, wallet by wallet; writes nothing.

    ``with_drafts`` puts the unpublished drafts in the place of what is published. Limits
    of rules are named by the rules; what members have used of them is not counted here.
    """
    drafts = []
    if with_drafts:
        rules = EarnRule.objects.filter(is_active=True, wallet__is_active=True)
        drafts = [draft_definition(rule) for rule in rules.select_related("wallet")]
    return _outcomes(basket, rules_in_force(replacing=drafts))


def explain_order(order: Order) -> Explanation:
    """Ask the versions that decided an order once more, and set the ledger beside them."""
    basket = baskets_of_orders([order.pk])[order.pk]
    outcomes = _outcomes(basket, rules_in_force())
    given: dict[str, int] = {}
    transfers = Transfer.objects.filter(
        source_type="order", source_id=order.pk, kind=Transfer.Kind.EARN
    ).select_related("rule")
    for transfer in transfers:
        code = transfer.rule.code if transfer.rule else ""
        given[code] = given.get(code, 0) + transfer.amount
    return Explanation(outcomes, given, _differences(outcomes, given))


def _outcomes(basket: Basket, book: RuleBook) -> list[WalletOutcome]:
    rules = book.rules_at(basket.happened_at)
    wallets = Wallet.objects.in_bulk({rule.definition.wallet_id for rule in rules})
    programme = Programme.current()
    units = {pk: Unit.of(wallet, programme) for pk, wallet in wallets.items()}
    context = replace(load_context([basket], book.definitions), units=units)
    trace = evaluate(basket, rules, context, explain=True).trace
    result = []
    for pk, wallet in sorted(wallets.items()):
        of_wallet = tuple(t for t in trace if t.definition.wallet_id == pk)
        result.append(
            WalletOutcome(
                wallet,
                units[pk],
                sum(t.points for t in of_wallet),
                of_wallet,
                _lines(basket, of_wallet),
            )
        )
    return result


def _lines(basket: Basket, trace: Sequence[RuleTrace]) -> tuple[LineOutcome, ...]:
    return tuple(
        LineOutcome(line, sum(t.lines[index] for t in trace if t.lines))
        for index, line in enumerate(basket.lines)
    )


def _differences(outcomes: Sequence[WalletOutcome], given: dict[str, int]) -> list[str]:
    """Say where the ledger gave other than the rules come to today."""
    said = []
    counted = {t.definition.code: t for o in outcomes for t in o.trace}
    units = {t.definition.code: o.unit for o in outcomes for t in o.trace}
    for code in sorted({*given, *(c for c, t in counted.items() if t.points)}):
        trace = counted.get(code)
        now, then = (trace.points if trace else 0), given.get(code, 0)
        if now == then:
            continue
        unit = units.get(code, Unit(""))
        facts = {
            "rule": trace.definition.name if trace else code,
            "then": unit.number(then),
            "now": unit.number(now),
        }
        if trace and trace.definition.caps and then < now:
            text = _("“%(rule)s” gave %(then)s of %(now)s: its limit was reached.")
        else:
            text = _(
                "“%(rule)s” gave %(then)s, asked again it gives %(now)s: the member's "
                "group, or whether the rule is switched on, has changed since."
            )
        said.append(text % facts)
    return said
