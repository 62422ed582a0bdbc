"""Who stands for whom: members who were merged, and the member they are now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from core.batch import Column, fetch_all, is_postgresql, rows_source
from members.models import Member


def kept_ids(member_ids: Collection[int], *, lock: bool = False) -> dict[int, int]:
    """Return who is kept for every merged member among these; the others are left out.

    With ``lock`` nobody is merged or taken apart until the transaction ends: a merge locks
    the whole row, a fact that points at a member only its key. One query for each link.
    """
    found: dict[int, int] = {}
    now = {member_id: member_id for member_id in member_ids}
    while now:
        links = _links(sorted(set(now.values())), lock=lock)
        now = {first: links[last] for first, last in now.items() if last in links}
        found |= now
    return found


def merged_ids(member_ids: Collection[int]) -> dict[int, list[int]]:
    """Return everyone who was merged into these members, directly or through others.

    Who nobody was merged into is left out. One query for each link.
    """
    found: dict[int, list[int]] = defaultdict(list)
    roots = {member_id: member_id for member_id in member_ids}
    while roots:
        rows = Member.objects.filter(merged_into__in=roots).order_by("pk")
        below = {}
        for pk, into in rows.values_list("pk", "merged_into"):
            root = roots[into or 0]
            found[root].append(pk)
            below[pk] = root
        roots = below
    return dict(found)


def kept_member(member: Member) -> Member:
    """Return who this member is now: themselves, unless they were merged."""
    if not member.is_merged:
        return member
    return Member.objects.get(pk=kept_ids([member.pk])[member.pk])


def _links(member_ids: Collection[int], *, lock: bool) -> dict[int, int]:
    source, parameters = rows_source([Column("id", "bigint")], [[i] for i in member_ids])
    sql = (
        f"SELECT m.id, m.merged_into_id FROM {source} CROSS JOIN members_member m "
        "WHERE m.id = r.id"
    )
    if lock and is_postgresql():
        rows = fetch_all(
            f"{sql} ORDER BY m.id FOR KEY SHARE OF m", parameters, prepare=True
        )
    else:
        rows = fetch_all(
            f"{sql} AND m.merged_into_id IS NOT NULL", parameters, prepare=True
        )
    return {pk: into for pk, into in rows if into is not None}
