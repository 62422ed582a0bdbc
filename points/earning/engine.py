"""The engine: which rules give how many points for a basket, and why the others do not.

Rules of one wallet are asked in a fixed order, which staff see in the console:

1. base rules (per amount, per piece, fixed, bands), by priority and code;
2. of those that gave something: in a group where only the best counts, the others step
   back; an exclusive one silences every other rule;
3. multipliers: each adds (times - 1) of the base points, so two doublings make three times;
4. extras on top.

``stops_here`` ends the asking for every rule that would come after. Nothing here reads
the database, and nothing is random: the same basket always gives the same answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import groupby
from typing import NamedTuple

from django.utils.translation import gettext as _

from core.money import (
    Rounding,
    format_money,
    plain_number,
    round_whole,
    spread_whole,
)
from points.amounts import Unit
from points.earning.basket import ORDER, Basket
from points.earning.conditions import CONDITIONS, Condition, is_excluded, matches
from points.earning.context import Context
from points.earning.definition import Definition, Method, Scope, Stacking

BASE, MULTIPLIERS, EXTRAS = 0, 1, 2
STAGES = {Method.MULTIPLIER.value: MULTIPLIERS, Method.EXTRA.value: EXTRAS}


class Award(NamedTuple):
    """Points (whole units of the wallet) that one rule gives for one basket."""

    definition: Definition
    points: int


@dataclass(frozen=True, slots=True)
class RuleTrace:
    """What became of one rule, with the sentences that explain it."""

    definition: Definition
    fired: bool
    points: int
    reasons: tuple[str, ...]
    lines: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The answer for one basket; the trace is empty unless it was asked for."""

    awards: tuple[Award, ...]
    trace: tuple[RuleTrace, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """A definition made ready: its stage, and the conditions that it really asks."""

    definition: Definition
    stage: int
    conditions: tuple[Condition, ...]

    @classmethod
    def of(cls, definition: Definition) -> Rule:
        asked = tuple(c for c in CONDITIONS if c.is_asked(definition))
        return cls(definition, STAGES.get(definition.method, BASE), asked)

    @property
    def order(self) -> tuple[int, int, int, str]:
        d = self.definition
        return d.wallet_id, self.stage, d.priority, d.code


def ready(definitions: Sequence[Definition]) -> list[Rule]:
    """Make rules ready for many baskets, in the order in which they are asked."""
    return sorted((Rule.of(d) for d in definitions), key=lambda rule: rule.order)


def evaluate(
    basket: Basket,
    rules: Sequence[Rule],
    context: Context,
    *,
    explain: bool = False,
    settled: bool = False,
) -> Evaluation:
    """Ask ready rules about a basket.

    ``settled`` takes what depends on the member for granted: a refund asks again about
    what remains of an order, not about who the member was.
    """
    awards: list[Award] = []
    trace: list[RuleTrace] = []
    for _wallet, of_wallet in groupby(rules, key=lambda rule: rule.definition.wallet_id):
        asking = _Asking(basket, context, explain=explain, settled=settled)
        for rule in of_wallet:
            asking.ask(rule)
        awards += asking.awards()
        if explain:
            trace += asking.trace()
    return Evaluation(tuple(awards), tuple(trace))


@dataclass(slots=True)
class _Answer:
    """What one rule gives, until another rule pushes it aside."""

    rule: Rule
    points: int
    reasons: list[str] = field(default_factory=list)
    matched: tuple[bool, ...] = ()


class _Asking:
    """The way of one basket through the rules of one wallet."""

    def __init__(
        self, basket: Basket, context: Context, *, explain: bool, settled: bool
    ) -> None:
        self.basket, self.context = basket, context
        self.explain, self.settled = explain, settled
        self.answers: list[_Answer] = []
        self.silent: list[RuleTrace] = []
        self.stopped_by: Definition | None = None
        self.exclusive: _Answer | None = None
        self.stage = BASE

    def ask(self, rule: Rule) -> None:
        """Ask one rule; rules come in their order."""
        if rule.stage != self.stage:
            self._settle_stage()
            self.stage = rule.stage
        if why_not := self._refusal(rule):
            self._say_no(rule, why_not)
            return
        answer = self._within_order(self._count(rule))
        if answer.points <= 0:
            said = answer.reasons if rule.definition.method == Method.BANDS else []
            self._say_no(rule, said or [_("That comes to no whole point.")])
            return
        if self.explain:
            answer.reasons += self._of_group(rule.definition)
        self.answers.append(answer)
        if rule.definition.stops_here:
            self.stopped_by = rule.definition

    def awards(self) -> list[Award]:
        self._settle_stage()
        return [Award(answer.rule.definition, answer.points) for answer in self.answers]

    def trace(self) -> list[RuleTrace]:
        """Return what became of every rule, in the order in which they were asked."""
        said = [
            RuleTrace(
                answer.rule.definition,
                fired=True,
                points=answer.points,
                reasons=tuple(answer.reasons),
                lines=self._per_line(answer),
            )
            for answer in self.answers
        ]
        return sorted([*said, *self.silent], key=lambda t: Rule.of(t.definition).order)

    def _refusal(self, rule: Rule) -> list[str]:
        d, basket = rule.definition, self.basket
        if d.trigger != basket.trigger or (
            d.activity_type_id is not None and d.activity_type_id != basket.activity_type_id
        ):
            return [_("The rule is about something else.")]
        if self.stopped_by is not None:
            return [_("The rule “%(name)s” stopped the asking.") % _named(self.stopped_by)]
        if self.exclusive is not None:
            return [_("The rule “%(name)s” counts alone.") % _named(self.exclusive)]
        for condition in rule.conditions:
            if self.settled and condition.about_member:
                continue
            if not condition.holds(d, basket, self.context):
                if not self.explain:
                    return [""]
                return [condition.why_not(d, basket, self.context)]
        return []

    def _of_group(self, d: Definition) -> list[str]:
        group = self.context.groups.get(d.segment_id or 0)
        if not group or self.basket.trigger != ORDER:
            return []
        return [_("The member was in “%(group)s” when they bought.") % {"group": group}]

    def _say_no(self, rule: Rule, reasons: list[str]) -> None:
        if self.explain:
            self.silent.append(RuleTrace(rule.definition, False, 0, tuple(reasons)))

    def _settle_stage(self) -> None:
        """Let the rules of the stage that ends push each other aside."""
        of_stage = [a for a in self.answers if a.rule.stage == self.stage]
        alone = next(
            (a for a in of_stage if a.rule.definition.stacking == Stacking.EXCLUSIVE), None
        )
        if alone is not None:
            self.exclusive = alone
            why = _("The rule “%(name)s” counts alone.") % _named(alone)
            self._push_aside([a for a in of_stage if a is not alone], why)
            return
        best: dict[str, _Answer] = {}
        for answer in of_stage:
            d = answer.rule.definition
            if d.stacking != Stacking.BEST:
                continue
            first = best.setdefault(d.group, answer)
            if first is not answer:
                loser = first if answer.points > first.points else answer
                winner = answer if loser is first else first
                best[d.group] = winner
                why = _("The rule “%(name)s” of the same group gives more.")
                self._push_aside([loser], why % _named(winner))

    def _push_aside(self, losers: Sequence[_Answer], why: str) -> None:
        for answer in losers:
            self.answers.remove(answer)
            self._say_no(answer.rule, [*answer.reasons, why])

    def _count(self, rule: Rule) -> _Answer:
        d = rule.definition
        if rule.stage == MULTIPLIERS:
            return self._multiply(rule)
        if d.method in (Method.FIXED, Method.EXTRA):
            return _Answer(rule, d.points)
        matched = self._matched(d)
        if d.method == Method.PER_UNIT:
            quantity = self._quantity(d, matched)
            return self._rounded(rule, quantity * d.points / d.amount, matched, quantity)
        amount = counted_amount(d, self.basket, matched)
        if d.method == Method.BANDS:
            return self._band(rule, amount, matched)
        if d.method == Method.PERCENT:
            share = (amount * d.percent / 100).scaleb(self.context.decimals)
            return self._rounded(rule, share, matched, amount)
        return self._rounded(rule, amount * d.points / d.amount, matched, amount)

    def _within_order(self, answer: _Answer) -> _Answer:
        """Cut what a rule gives for one order to the most that it may."""
        limit = answer.rule.definition.order_limit
        if limit is not None and answer.points > limit:
            answer.points = limit
            if self.explain:
                most = self._unit(answer.rule).amount(limit)
                answer.reasons.append(_("At most %(most)s for one order.") % {"most": most})
        return answer

    def _unit(self, rule: Rule) -> Unit:
        return self.context.units.get(rule.definition.wallet_id, Unit(""))

    def _matched(self, d: Definition) -> tuple[bool, ...]:
        if not self.basket.lines:
            return ()
        if d.scope == Scope.LINES:
            return tuple(matches(d, line) for line in self.basket.lines)
        if d.leaves_products_out:
            return tuple(not is_excluded(d, line) for line in self.basket.lines)
        return ()

    def _quantity(self, d: Definition, matched: tuple[bool, ...]) -> Decimal:
        lines = self.basket.lines
        if not lines:
            # An order without lines has pieces nobody counted; an activity has its own.
            return self.basket.quantity
        kept = matched or (True,) * len(lines)
        pairs = zip(lines, kept, strict=True)
        return sum((line.quantity for line, keep in pairs if keep), Decimal(0))

    def _rounded(
        self, rule: Rule, exact: Decimal, matched: tuple[bool, ...], counted: Decimal
    ) -> _Answer:
        points = round_whole(exact, rule.definition.rounding)
        answer = _Answer(rule, points, matched=matched)
        if self.explain:
            answer.reasons.append(self._sum_in_words(rule, counted, exact))
        return answer

    def _sum_in_words(self, rule: Rule, counted: Decimal, exact: Decimal) -> str:
        d, unit = rule.definition, self._unit(rule)
        if d.method == Method.PERCENT:
            return _("%(percent)s %% of %(amount)s: %(exact)s, %(rounding)s.") % {
                "percent": plain_number(d.percent),
                "amount": format_money(counted, self.context.currency),
                "exact": unit.exact(exact),
                "rounding": Rounding(d.rounding).label.lower(),
            }
        per_unit = d.method == Method.PER_UNIT
        amount, each = (
            (plain_number(counted), plain_number(d.amount))
            if per_unit
            else (
                format_money(counted, self.context.currency),
                format_money(d.amount, self.context.currency),
            )
        )
        return _("%(points)s for each %(each)s of %(amount)s: %(exact)s, %(rounding)s.") % {
            "points": unit.number(d.points),
            "each": each,
            "amount": amount,
            "exact": unit.exact(exact),
            "rounding": Rounding(d.rounding).label.lower(),
        }

    def _band(self, rule: Rule, amount: Decimal, matched: tuple[bool, ...]) -> _Answer:
        d = rule.definition
        band = next((b for b in reversed(d.bands) if amount >= b.from_amount), None)
        if band is None:
            return _Answer(rule, 0, [_("The order is below the first band.")])
        exact = Decimal(band.points)
        if band.per_amount is not None:
            exact = amount * band.points / band.per_amount
        answer = _Answer(rule, round_whole(exact, d.rounding), matched=matched)
        if self.explain:
            answer.reasons.append(
                _("%(amount)s lies in the band from %(start)s.")
                % {
                    "amount": format_money(amount, self.context.currency),
                    "start": format_money(band.from_amount, self.context.currency),
                }
            )
        return answer

    def _multiply(self, rule: Rule) -> _Answer:
        d = rule.definition
        base = sum(a.points for a in self.answers if a.rule.stage == BASE)
        share = Decimal(base)
        matched = self._matched(d)
        if matched and base:
            whole = self.basket.lines_total
            share = base * _chosen_total(self.basket, matched) / (whole or 1)
        exact = share * (d.factor - 1)
        answer = _Answer(rule, round_whole(exact, d.rounding), matched=matched)
        if self.explain:
            unit = self._unit(rule)
            text = _("%(factor)s times the %(points)s points of the base rules.")
            if unit.currency:
                text = _("%(factor)s times the %(points)s of the base rules.")
            facts = {"factor": plain_number(d.factor), "points": unit.exact(share)}
            answer.reasons.append(text % facts)
        return answer

    def _per_line(self, answer: _Answer) -> tuple[int, ...]:
        """Spread points over the lines that brought them, largest remainder first."""
        lines = self.basket.lines
        if not lines:
            return ()
        kept = answer.matched or (True,) * len(lines)
        weights = [
            line.total if keep else Decimal(0)
            for line, keep in zip(lines, kept, strict=True)
        ]
        return spread_whole(answer.points, weights)


def counted_amount(
    d: Definition, basket: Basket, matched: tuple[bool, ...] | None = None
) -> Decimal:
    """Return the money that a rule counts: its basis, on the products it is about."""
    amount = basket.total
    if d.before_discount:
        amount += basket.discount
    if d.before_voucher:
        amount += basket.voucher_discount
    if d.without_tax:
        amount -= basket.tax
    if d.without_delivery:
        amount -= basket.delivery_fee
    if d.without_points:
        amount -= basket.points_amount
    if matched:
        whole = basket.lines_total
        if not whole:
            return Decimal(0)
        amount = amount * _chosen_total(basket, matched) / whole
    return max(amount, Decimal(0))


def _chosen_total(basket: Basket, matched: tuple[bool, ...]) -> Decimal:
    pairs = zip(basket.lines, matched, strict=True)
    return sum((line.total for line, keep in pairs if keep), Decimal(0))


def _named(what: Definition | _Answer) -> dict[str, str]:
    definition = what.rule.definition if isinstance(what, _Answer) else what
    return {"name": definition.name or definition.code}
