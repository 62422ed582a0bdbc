"""The rules in force: which version of each decides about a purchase of a given moment."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime

from points.earning.definition import Definition
from points.earning.engine import Rule, ready
from points.models import EarnRule, EarnRuleVersion

# A version with the moment from which it counts; None is always.
Dated = tuple[datetime | None, Definition]


class RuleBook:
    """Published versions by the moment from which they count.

    A purchase that is told late follows the versions of its own time; the first version of
    a rule counts for all time before it, too, unless it names a beginning.
    """

    def __init__(self, versions: Iterable[Dated]) -> None:
        self._by_rule: dict[int, list[tuple[datetime | None, Definition]]] = defaultdict(
            list
        )
        for applies_from, definition in versions:
            self._by_rule[definition.rule_id].append((applies_from, definition))
        self._moments = sorted(
            {start for rule in self._by_rule.values() for start, _d in rule if start}
        )
        self._ready: dict[int, list[Rule]] = {}

    def rules_at(self, at: datetime) -> list[Rule]:
        """Return the rules for a purchase of this moment, ready to be asked."""
        span = bisect_right(self._moments, at)
        if span not in self._ready:
            moment = self._moments[span - 1] if span else None
            chosen = [_version_at(rule, moment) for rule in self._by_rule.values()]
            self._ready[span] = ready([d for d in chosen if d is not None])
        return self._ready[span]

    @property
    def definitions(self) -> list[Definition]:
        return [d for versions in self._by_rule.values() for _start, d in versions]


def _version_at(versions: list[Dated], moment: datetime | None) -> Definition | None:
    """Return the newest version that counts at a moment (None: before all beginnings)."""
    for applies_from, definition in reversed(versions):
        if applies_from is None or (moment is not None and applies_from <= moment):
            return definition
    return None


def rules_in_force(
    *, replacing: Collection[Definition] = (), only: Collection[str] = ()
) -> RuleBook:
    """Read the rule book: active rules in active wallets. One query.

    ``replacing`` puts drafts in the place of what is published (for trying them out);
    ``only`` keeps the rules of these triggers.
    """
    tried = {d.code for d in replacing}
    versions = EarnRuleVersion.objects.filter(
        rule__is_active=True, rule__wallet__is_active=True
    )
    if only:
        versions = versions.filter(rule__trigger__in=only)
    stored = [
        (version.applies_from, definition_of_version(version))
        for version in versions.select_related("rule").order_by("rule_id", "number")
        if version.rule.code not in tried
    ]
    return RuleBook([*stored, *((None, definition) for definition in replacing)])


def definition_of_version(version: EarnRuleVersion) -> Definition:
    """Read a stored version; its rule must be loaded."""
    rule: EarnRule = version.rule
    return Definition.from_json(rule.pk, rule.code, version.number, version.definition)
