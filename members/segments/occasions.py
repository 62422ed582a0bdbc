"""Conditions asked about moments of the past, many at once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from members.models import Member
from members.segments.registry import Occasion
from members.segments.tree import branch_of, leaf_of, leaves_of, members_matching


def occasions_matching(
    conditions: dict[str, Any], occasions: Sequence[Occasion]
) -> set[int]:
    """Return the keys of the occasions at which their member met the conditions.

    Fields that know their own past are asked about each occasion's moment, all others
    about the latest of them. The number of queries depends on the conditions alone.
    """
    if not occasions:
        return set()
    asking = _Asking(occasions)
    if any(leaf.field.as_of for leaf in leaves_of(conditions, {})):
        return asking.meeting(conditions)
    return asking.whose_member_meets(conditions)


class _Asking:
    """The way of many occasions through one tree of conditions."""

    def __init__(self, occasions: Sequence[Occasion]) -> None:
        self.occasions = occasions
        self.latest = max(occasion.at for occasion in occasions)
        self.member_ids = {occasion.member_id for occasion in occasions}

    def meeting(self, node: Any) -> set[int]:
        branch = branch_of(node)
        if branch is None:
            return self._at_leaf(node)
        if branch == "not":
            return self._everybody - self.meeting(node["not"])
        parts = [self.meeting(child) for child in node[branch]]
        if branch == "any":
            return set().union(*parts)
        return set.intersection(*parts) if parts else self._everybody

    def whose_member_meets(self, conditions: dict[str, Any]) -> set[int]:
        found = members_matching(conditions, at=self.latest, few=True)
        met = found.filter(pk__in=self.member_ids)
        return self._of(set(met.values_list("pk", flat=True)))

    def _at_leaf(self, node: dict[str, Any]) -> set[int]:
        leaf = leaf_of(node, {})
        if leaf.field.as_of is None:
            return self.whose_member_meets(node)
        return leaf.field.as_of(leaf.operator.code, leaf.asked, self.occasions)

    @cached_property
    def _everybody(self) -> set[int]:
        known = Member.objects.filter(pk__in=self.member_ids, merged_into__isnull=True)
        return self._of(set(known.values_list("pk", flat=True)))

    def _of(self, member_ids: set[int]) -> set[int]:
        return {one.key for one in self.occasions if one.member_id in member_ids}
