"""From the account of a merged member to the account of who was kept."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from core.batch import Column, fetch_all, rows_source


@dataclass(frozen=True, slots=True)
class Link:
    """A merge that stands, as the accounts of its two members in one wallet."""

    merge_id: int
    merged: int
    kept: int


def links_of(account_ids: Collection[int]) -> dict[int, Link]:
    """Return the links of those accounts whose members were merged. One query."""
    source, parameters = rows_source(
        [Column("id", "bigint")], [[pk] for pk in sorted(account_ids)]
    )
    rows = fetch_all(
        f"SELECT g.id, a.id, k.id FROM {source} CROSS JOIN points_account a "
        "JOIN members_membermerge g ON g.merged_id = a.member_id AND g.undone_at IS NULL "
        "JOIN points_account k ON k.member_id = g.kept_id AND k.wallet_id = a.wallet_id "
        "WHERE a.id = r.id",
        parameters,
    )
    return {row[1]: Link(*row) for row in rows}


def current_accounts(account_ids: Collection[int]) -> dict[int, int]:
    """Return, for every account, the one that stands for it now: its own unless merged."""
    now = {pk: pk for pk in account_ids}
    while links := links_of(set(now.values())):
        now = {
            first: links[last].kept if last in links else last
            for first, last in now.items()
        }
    return now
