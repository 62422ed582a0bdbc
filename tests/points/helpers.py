"""Short ways to put points where a test needs them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any
from unittest import mock

from django.db import connection

from core.batch import Column, insert_new
from members.models import Member
from points.audit import verify_ledger
from points.ledger import HoldTerms, Posting, post
from points.models import Account, Lot, Transfer, Wallet
from points.services import Grant, grant_points, member_accounts, programme_account


def give(
    member: Member, amount: int, key: str, at: datetime, ends: date | None = None
) -> Transfer:
    grant_points(grants=[Grant(member.pk, amount, key, ends)], at=at)
    return Transfer.objects.get(key=key)


def hold(
    member: Member,
    amount: int,
    key: str,
    at: datetime,
    *,
    wallet: Wallet,
    matures_on: date | None = None,
    days_after_delivery: int | None = None,
    order_id: int | None = None,
    ends: date | None = None,
) -> Transfer:
    """Earn points that are held."""
    account = member_accounts(wallet, [member.pk])[member.pk]
    posting = Posting(
        key=key,
        kind=Transfer.Kind.EARN.value,
        from_account=programme_account(wallet, Account.Kind.ISSUED),
        to_account=programme_account(wallet, Account.Kind.HELD),
        amount=amount,
        happened_at=at,
        source_type="order" if order_id else "",
        source_id=order_id,
        expires_on=ends,
        hold=HoldTerms(account, matures_on, days_after_delivery),
    )
    return Transfer.objects.get(pk=post([posting])[key].transfer_id)


def lots(member: Member) -> list[tuple[date | None, int]]:
    """Return a member's open lots: (usable through, what remains)."""
    found = Lot.objects.filter(account__member=member, remaining__gt=0).order_by("pk")
    return list(found.values_list("expires_on", "remaining"))


def assert_proved() -> None:
    audit = verify_ledger()
    assert audit.ok, audit.differences


def lift_guards() -> None:
    """Let this test change the ledger past its triggers, as an owner of the server can."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL session_replication_role = replica")
            return
        cursor.execute(
            "SELECT name FROM sqlite_master "
            "WHERE type = 'trigger' AND tbl_name LIKE 'points_%%'"
        )
        for (name,) in cursor.fetchall():
            cursor.execute(f"DROP TRIGGER {name}")


@contextmanager
def written(moment: datetime | Callable[[], datetime]) -> Iterator[None]:
    """Let the database stamp what the ledger writes with another moment."""

    def insert(
        table: str, columns: Sequence[Column], rows: Sequence[Sequence[Any]], **how: Any
    ) -> Any:
        stamp = moment() if callable(moment) else moment
        columns = [*columns, Column("created_at", "timestamptz")]
        return insert_new(table, columns, [(*row, stamp) for row in rows], **how)

    with mock.patch("points.ledger.insert_new", insert):
        yield
