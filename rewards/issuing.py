"""Handing out vouchers: fresh codes, or the next ones of a pool."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import F, QuerySet

from core.batch import (
    Column,
    execute,
    fetch_all,
    insert_new,
    is_postgresql,
    rows_source,
    sql_value,
)
from core.clock import local_date, start_of_day
from core.codes import random_code
from rewards.models import Voucher, VoucherType

COLUMNS = (
    Column("code", "text"),
    Column("voucher_type_id", "bigint"),
    Column("member_id", "bigint"),
    Column("given_id", "bigint"),
    Column("state", "text"),
    Column("uses", "int"),
    Column("max_uses", "int"),
    Column("valid_from", "timestamptz"),
    Column("valid_until", "timestamptz"),
    Column("issued_at", "timestamptz"),
)
ISSUED = Voucher.State.ISSUED.value
# Even of a crowded space of codes a few rounds find free ones; else something is wrong.
ROUNDS = 10


class Window(NamedTuple):
    """When a voucher is usable: from the first instant up to, not including, the second."""

    starts: datetime | None
    ends: datetime | None


def window_of(voucher_type: VoucherType, *, at: datetime) -> Window:
    """Return when a voucher that is handed out now can be used."""
    ends = [voucher_type.valid_until] if voucher_type.valid_until else []
    if voucher_type.valid_days is not None:
        last = local_date(at) + timedelta(days=voucher_type.valid_days)
        ends.append(start_of_day(last + timedelta(days=1)))
    return Window(voucher_type.valid_from, min(ends) if ends else None)


def issue_vouchers(
    voucher_type: VoucherType, owners: Sequence[tuple[int, int]], *, at: datetime
) -> dict[int, int]:
    """Hand out one voucher for each (given benefit, member); answers ids by the first.

    From a pool as many as it has, in the order of the wishes; so the answer may be short.
    """
    if voucher_type.codes == VoucherType.Codes.POOL:
        return _from_pool(voucher_type, owners, at=at)
    if voucher_type.codes == VoucherType.Codes.SHARED:
        return {}
    return _freshly_made(voucher_type, owners, at=at)


def new_code(voucher_type: VoucherType) -> str:
    """Make one random code of a type; whether it is free, the unique key says."""
    return voucher_type.prefix + random_code(voucher_type.length)


def cancel_vouchers(vouchers: QuerySet[Voucher], *, at: datetime) -> int:
    """Cancel those that were never used and are not held by a till; returns how many."""
    return (
        vouchers.filter(uses=0)
        .exclude(state=Voucher.State.CANCELLED)
        .update(state=Voucher.State.CANCELLED, cancelled_at=at)
    )


def _freshly_made(
    voucher_type: VoucherType, owners: Sequence[tuple[int, int]], *, at: datetime
) -> dict[int, int]:
    window = window_of(voucher_type, at=at)
    issued: dict[int, int] = {}
    for _round in range(ROUNDS):
        rows = [
            (
                new_code(voucher_type),
                voucher_type.pk,
                member_id,
                given_id,
                ISSUED,
                0,
                voucher_type.uses_per_code,
                window.starts,
                window.ends,
                at,
            )
            for given_id, member_id in owners
            if given_id not in issued
        ]
        if not rows:
            break
        new = insert_new(
            Voucher._meta.db_table,
            COLUMNS,
            sorted(rows),
            conflict="code",
            returning="given_id, id",
        )
        issued |= dict(new)
    return issued


def _from_pool(
    voucher_type: VoucherType, owners: Sequence[tuple[int, int]], *, at: datetime
) -> dict[int, int]:
    free = _next_of_pool(voucher_type, len(owners), at=at)
    window = window_of(voucher_type, at=at)
    rows = [
        (voucher_id, given_id, member_id, window.starts, window.ends, at)
        for voucher_id, (given_id, member_id) in zip(free, owners, strict=False)
    ]
    if not rows:
        return {}
    columns = [
        Column("id", "bigint"),
        Column("given_id", "bigint"),
        Column("member_id", "bigint"),
        Column("starts", "timestamptz"),
        Column("ends", "timestamptz"),
        Column("at", "timestamptz"),
    ]
    source, parameters = rows_source(columns, rows)
    # A partner's code may end before the type says so.
    changed = execute(
        "UPDATE rewards_voucher SET state = 'issued', member_id = r.member_id, "
        "given_id = r.given_id, issued_at = r.at, "
        "valid_from = COALESCE(rewards_voucher.valid_from, r.starts), "
        "valid_until = CASE WHEN rewards_voucher.valid_until < r.ends OR r.ends IS NULL "
        "THEN rewards_voucher.valid_until ELSE r.ends END "
        f"FROM {source} WHERE rewards_voucher.id = r.id "
        "AND rewards_voucher.state = 'pooled'",
        parameters,
    )
    assert changed == len(rows), "a code left the pool under its lock"
    return {row[1]: row[0] for row in rows}


def _next_of_pool(voucher_type: VoucherType, count: int, *, at: datetime) -> list[int]:
    """Lock the next codes of a pool: those that end first, never one that has ended."""
    # Others take other codes meanwhile: nobody waits for a code that is being handed out.
    skip = "FOR UPDATE SKIP LOCKED" if is_postgresql() else ""
    pooled = (
        "SELECT id FROM rewards_voucher WHERE voucher_type_id = %s AND state = 'pooled'"
    )
    ending = fetch_all(
        f"{pooled} AND valid_until > %s ORDER BY valid_until, id LIMIT %s {skip}",
        [voucher_type.pk, sql_value(at), count],
    )
    endless = fetch_all(
        f"{pooled} AND valid_until IS NULL ORDER BY id LIMIT %s {skip}",
        [voucher_type.pk, count - len(ending)],
    )
    return [voucher_id for (voucher_id,) in (*ending, *endless)]


TAKE_USE = """
UPDATE rewards_voucher SET uses = uses + 1
WHERE id = %s AND state = 'issued' AND (max_uses IS NULL OR uses < max_uses)
"""


def take_use(voucher: Voucher) -> bool:
    """Count one use of a code; False when it was used as often as it may be."""
    return execute(TAKE_USE, [voucher.pk], prepare=True) == 1


def give_use_back(voucher_id: int) -> None:
    """Take back one counted use of a code."""
    Voucher.objects.filter(pk=voucher_id, uses__gt=0).update(uses=F("uses") - 1)
