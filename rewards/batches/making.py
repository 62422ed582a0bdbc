"""Writing fresh codes: random, each once, as fast as the database takes them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _

from core.batch import Column, insert_new, is_postgresql
from core.codes import random_codes
from rewards.batches.terms import Terms
from rewards.codes import looks_like_number
from rewards.errors import BatchRefused
from rewards.models import Voucher, VoucherBatch, VoucherType

TABLE = Voucher._meta.db_table
COLUMNS = (
    Column("code", "text"),
    Column("voucher_type_id", "bigint"),
    Column("batch_id", "bigint"),
    Column("state", "text"),
    Column("uses", "int"),
    Column("max_uses", "int"),
    Column("valid_from", "timestamptz"),
    Column("valid_until", "timestamptz"),
    Column("issued_at", "timestamptz"),
)
# Of the rooms that codes are made in, a second round is rare, and a third unheard of.
ROUNDS = 10


def write_codes(batch: VoucherBatch, count: int) -> None:
    """Write so many fresh codes of a batch; those that exist are drawn again.

    They go in as they were drawn: in order, one code would tell how the next begins. Call
    it in a transaction. PostgreSQL takes them by COPY; that one of them exists is so
    rare that all of the chunk are drawn again then, the slower way.
    """
    voucher_type = batch.voucher_type
    row = _the_same_of_all(batch)
    if is_postgresql() and _copied(draw_codes(voucher_type, count), row):
        return
    left = count
    for _round in range(ROUNDS):
        rows = [(code, *row) for code in draw_codes(voucher_type, left)]
        left -= len(insert_new(TABLE, COLUMNS, rows, conflict="code", returning="id"))
        if not left:
            return
    raise BatchRefused(
        _("Too few codes are free. Choose more random letters for this type.")
    )


def draw_codes(voucher_type: VoucherType, count: int) -> set[str]:
    """Draw so many different codes; whether they are free, the unique key says."""
    codes: set[str] = set()
    while missing := count - len(codes):
        drawn = random_codes(missing, voucher_type.length)
        codes.update(
            code
            for code in (voucher_type.prefix + letters for letters in drawn)
            # A printer's spreadsheet would spoil it.
            if not looks_like_number(code)
        )
    return codes


def _the_same_of_all(batch: VoucherBatch) -> tuple[Any, ...]:
    terms = Terms.of(batch)
    issued_at: datetime | None = batch.asked_at if terms.is_printed else None
    return (
        batch.voucher_type_id,
        batch.pk,
        terms.state,
        0,
        batch.voucher_type.uses_per_code,
        terms.starts,
        terms.ends,
        issued_at,
    )


def _copied(codes: set[str], row: Sequence[Any]) -> bool:
    """Write codes by COPY, or nothing when one of them exists."""
    names = ", ".join(column.name for column in COLUMNS)
    # Every line ends alike, so the whole chunk is joined in one go.
    rest = "".join(f"\t{_copy_text(value)}" for value in row) + "\n"
    try:
        with (
            transaction.atomic(),
            connection.wrap_database_errors,
            connection.cursor() as cursor,
            cursor.copy(f"COPY {TABLE} ({names}) FROM STDIN") as copy,
        ):
            copy.write(rest.join(codes) + rest)
    except IntegrityError:
        return False
    return True


def _copy_text(value: Any) -> str:
    if value is None:
        return "\\N"
    return value.isoformat() if isinstance(value, datetime) else str(value)
