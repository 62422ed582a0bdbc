"""Finding wallets and accounts, and the day on which points stop being usable."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from core.batch import Column, fetch_all, insert_new, is_postgresql, rows_source
from members.merged import kept_ids
from points.errors import NoWallet
from points.expiry import ExpiryPolicy, last_day
from points.ledger import HELD, Held, Locked, held_of, lock_accounts
from points.models import Account, Wallet
from points.queries import POINTS_WALLET, points_wallet

ACCOUNT_COLUMNS = (
    Column("wallet_id", "bigint"),
    Column("kind", "text"),
    Column("member_id", "bigint"),
    Column("balance", "bigint"),
    Column("may_go_negative", "boolean"),
    Column("version", "bigint"),
)


class Sides(NamedTuple):
    """The accounts between which a verb moves points: ids by member and by kind."""

    members: dict[int, int]
    programme: dict[str, int]
    held: dict[int, Held]

    @property
    def locked(self) -> Locked:
        return Locked(self.held, self.programme.values())


def lock_sides(
    wallet: Wallet | None, *, member_ids: Collection[int], kinds: Collection[str]
) -> Sides:
    """Lock the accounts of members and find those of the programme, made when first needed.

    Without a wallet: in the one that members mean by "my points". One query when all of
    them exist: a till waits for it. Raises NoWallet.
    """
    wanted, kinds = sorted(set(member_ids)), sorted(kinds)
    sides = _lock_sides(wallet, wanted, kinds)
    if len(sides.members) == len(wanted) and None not in sides.programme.values():
        return sides
    wallet = wallet or default_wallet()
    accounts = member_accounts(wallet, wanted)
    programme = {kind: programme_account(wallet, kind) for kind in kinds}
    return Sides(accounts, programme, lock_accounts(set(accounts.values())))


def _lock_sides(
    wallet: Wallet | None, member_ids: Sequence[int], kinds: Sequence[str]
) -> Sides:
    """Lock what stands in the members' own names; who was merged is left out."""
    source, parameters = rows_source([Column("id", "bigint")], [[i] for i in member_ids])
    own = ", ".join(
        "(SELECT p.id FROM points_account p WHERE p.wallet_id = w.id "
        f"AND p.member_id IS NULL AND p.kind = '{Account.Kind(kind)}')"
        for kind in kinds
    )
    which, wallets = ("%s", [wallet.pk]) if wallet else (POINTS_WALLET, [])
    # As in _read_and_hold: nobody is merged until we are done.
    hold = "FOR KEY SHARE OF m FOR UPDATE OF a" if is_postgresql() else ""
    # CROSS JOIN as in _read_accounts.
    rows = fetch_all(
        f"SELECT {HELD}, m.merged_into_id, a.member_id, {own} FROM {source} "
        "CROSS JOIN points_account a CROSS JOIN points_wallet w "
        "CROSS JOIN members_member m WHERE w.id = a.wallet_id AND m.id = a.member_id "
        f"AND a.member_id = r.id AND a.wallet_id = {which} ORDER BY a.id {hold}",
        [*parameters, *wallets],
        prepare=True,
    )
    programme: Sequence[Any] = rows[0][-len(kinds) :] if rows else [None] * len(kinds)
    # Filtered here and not there: a row that waited for its lock is looked at once more.
    own_rows = [row for row in rows if row[-len(kinds) - 2] is None]
    return Sides(
        {row[-len(kinds) - 1]: row[0] for row in own_rows},
        dict(zip(kinds, programme, strict=True)),
        {row[0]: held_of(row) for row in own_rows},
    )


def default_wallet() -> Wallet:
    """Return the wallet that members mean by "my points", or raise NoWallet."""
    wallet = points_wallet()
    if wallet is None:
        raise NoWallet(_("There is no wallet yet. Run setup_programme first."))
    return wallet


def programme_account(wallet: Wallet, kind: str) -> int:
    """Return the id of one of the programme's own accounts, made when first needed."""
    account, _created = Account.objects.get_or_create(wallet=wallet, kind=kind, member=None)
    return account.pk


def member_accounts(wallet: Wallet, member_ids: Sequence[int]) -> dict[int, int]:
    """Return account ids by member id; missing accounts are made, also under a race.

    Who was merged has the account of who was kept, and nobody here is merged until the
    transaction ends.
    """
    found, merged = _read_and_hold(wallet, sorted(set(member_ids)))
    kept = kept_ids(merged, lock=True) if merged else {}
    owners = {pk: kept.get(pk, pk) for pk in member_ids}
    if missing := [owner for owner in owners.values() if owner not in found]:
        found |= own_accounts(wallet, missing)
    return {pk: found[owner] for pk, owner in owners.items()}


def _read_and_hold(
    wallet: Wallet, member_ids: Sequence[int]
) -> tuple[dict[int, int], list[int]]:
    """Return accounts by member, and who was merged; nobody here is until we are done."""
    source, parameters = rows_source([Column("id", "bigint")], [[i] for i in member_ids])
    # A merge locks the whole row of a member, so it waits for this and this for it.
    lock = "ORDER BY m.id FOR KEY SHARE OF m" if is_postgresql() else ""
    rows = fetch_all(
        f"SELECT m.id, a.id, m.merged_into_id FROM {source} CROSS JOIN members_member m "
        "LEFT JOIN points_account a ON a.member_id = m.id AND a.wallet_id = %s "
        f"WHERE m.id = r.id {lock}",
        [*parameters, wallet.pk],
    )
    found = {member: account for member, account, _into in rows if account is not None}
    return found, [member for member, _account, into in rows if into is not None]


def own_accounts(wallet: Wallet, member_ids: Sequence[int]) -> dict[int, int]:
    """Return the accounts that stand in these members' own names, made if missing."""
    wanted = sorted(set(member_ids))
    found = _read_accounts(wallet, wanted)
    missing = [member_id for member_id in wanted if member_id not in found]
    if not missing:
        return found
    kind, debt = Account.Kind.MEMBER.value, wallet.allows_debt
    new = insert_new(
        "points_account",
        ACCOUNT_COLUMNS,
        [(wallet.pk, kind, member_id, 0, debt, 0) for member_id in missing],
        conflict="wallet_id, member_id",
        conflict_where="WHERE member_id IS NOT NULL",
        returning="member_id, id",
    )
    found |= dict(new)
    rest = [member_id for member_id in missing if member_id not in found]
    return found | _read_accounts(wallet, rest) if rest else found


def _read_accounts(wallet: Wallet, member_ids: Sequence[int]) -> dict[int, int]:
    source, parameters = rows_source([Column("id", "bigint")], [[i] for i in member_ids])
    # CROSS JOIN is SQLite's word for "in this order": it would rather read the whole wallet
    # and look every account up in the list.
    rows = fetch_all(
        f"SELECT a.member_id, a.id FROM {source} CROSS JOIN points_account a "
        "WHERE a.member_id = r.id AND a.wallet_id = %s",
        [*parameters, wallet.pk],
    )
    return dict(rows)


def expiry_day(wallet: Wallet, earned_on: date) -> date | None:
    """Return the last day on which points earned that day can be used; None is open."""
    return last_day(ExpiryPolicy.of(wallet), earned_on)
