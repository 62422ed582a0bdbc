"""What uses a segment; apps above ``members`` tell it when they start."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from members.models import Segment
from members.segments.nested import LIST, SEGMENT, named_in


class UsedBy(NamedTuple):
    """Something that asks about a segment or a list: its kind, name and console page."""

    segment: str
    kind: Any
    name: str
    page: str
    pk: int


# Finds what uses any of these segments, named by their codes; a constant number of queries.
FindUses = Callable[[Sequence[str]], Iterable[UsedBy]]
# Yields every tree of conditions of a kind of thing: (kind, page, [(number, name, tree)]).
Trees = Callable[[], tuple[Any, str, Iterable[tuple[int, str, Any]]]]

USES: list[FindUses] = []
TREES: list[Trees] = []


def register_use(find: FindUses) -> None:
    """Add a place where segments are used; called from AppConfig.ready()."""
    if find not in USES:
        USES.append(find)


def used_by(codes: Sequence[str]) -> dict[str, list[UsedBy]]:
    """Return what uses each of these segments; a constant number of queries."""
    found: dict[str, list[UsedBy]] = {code: [] for code in codes}
    for find in (*USES, trees_that_use):
        for use in find(codes):
            found[use.segment].append(use)
    return found


def register_trees(trees: Trees) -> None:
    """Add a place where conditions are kept; called from AppConfig.ready()."""
    if trees not in TREES:
        TREES.append(trees)


def lists_used_by(codes: Sequence[str]) -> dict[str, list[UsedBy]]:
    """Return what asks about each of these lists; a query for each kind of thing."""
    found: dict[str, list[UsedBy]] = {code: [] for code in codes}
    for use in _asking(LIST, codes):
        found[use.segment].append(use)
    return found


def trees_that_use(codes: Sequence[str]) -> list[UsedBy]:
    """Return what asks about these segments in its conditions."""
    return list(_asking(SEGMENT, codes))


def _asking(field: str, codes: Sequence[str]) -> Iterator[UsedBy]:
    for trees in TREES:
        kind, page, kept = trees()
        for pk, name, conditions in kept:
            for code in sorted(set(named_in(conditions, field)) & set(codes)):
                yield UsedBy(code, kind, name, page, pk)


def segment_trees() -> tuple[Any, str, Iterable[tuple[int, str, Any]]]:
    """Return the conditions of the segments themselves. One query."""
    trees = Segment.objects.values_list("pk", "name", "conditions")
    return Segment._meta.verbose_name, "members_segment", trees
