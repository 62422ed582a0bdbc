"""What uses a segment; apps above ``members`` tell it when they start."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from members.models import Segment
from members.segments.nested import segments_in


class UsedBy(NamedTuple):
    """Something that asks about a segment: its kind, its name and its console page."""

    segment: str
    kind: Any
    name: str
    page: str
    pk: int


# Finds what uses any of these segments, named by their codes; a constant number of queries.
FindUses = Callable[[Sequence[str]], Iterable[UsedBy]]

USES: list[FindUses] = []


def register_use(find: FindUses) -> None:
    """Add a place where segments are used; called from AppConfig.ready()."""
    if find not in USES:
        USES.append(find)


def used_by(codes: Sequence[str]) -> dict[str, list[UsedBy]]:
    """Return what uses each of these segments; a constant number of queries."""
    found: dict[str, list[UsedBy]] = {code: [] for code in codes}
    for find in USES:
        for use in find(codes):
            found[use.segment].append(use)
    return found


def trees_that_use(
    codes: Sequence[str], trees: Iterable[tuple[int, str, Any]], *, kind: Any, page: str
) -> list[UsedBy]:
    """Return which trees, each (number, name, conditions), ask about these segments."""
    return [
        UsedBy(code, kind, name, page, pk)
        for pk, name, conditions in trees
        for code in sorted(set(segments_in(conditions)) & set(codes))
    ]


def segments_that_use(codes: Sequence[str]) -> list[UsedBy]:
    """Return which other segments ask about these. One query."""
    trees = Segment.objects.values_list("pk", "name", "conditions")
    kind = Segment._meta.verbose_name
    return trees_that_use(codes, trees, kind=kind, page="members_segment")
