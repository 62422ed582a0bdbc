"""Taking the rows of an uploaded list in, so many at a time."""

from __future__ import annotations

from typing import NamedTuple

from core.batch import execute, fetch_all, sql_value
from rewards.batches.terms import Terms
from rewards.batches.uploading import mark_known
from rewards.models import UploadedCode, VoucherBatch

TABLE = UploadedCode._meta.db_table

NEXT = f"""
SELECT MAX(number), COUNT(*) FROM (
  SELECT number FROM {TABLE} WHERE batch_id = %s AND problem = '' ORDER BY number LIMIT %s
) AS following
"""
TAKE = f"""
INSERT INTO rewards_voucher (code, voucher_type_id, batch_id, state, uses, max_uses,
  valid_from, valid_until, issued_at, written_as)
SELECT u.code, %s, %s, %s, 0, %s, %s, {{ends}}, %s, u.written_as FROM {TABLE} u
WHERE u.batch_id = %s AND u.problem = '' AND u.number <= %s ORDER BY u.number
ON CONFLICT (code) DO NOTHING
"""
# Those that somebody else made since the list was read stay, to be marked.
STRIKE_OFF = f"""
DELETE FROM {TABLE} WHERE batch_id = %s AND number <= %s AND problem = ''
  AND EXISTS (SELECT 1 FROM rewards_voucher v WHERE v.code = {TABLE}.code
              AND v.batch_id = %s)
"""
FORGET_KNOWN = f"DELETE FROM {TABLE} WHERE batch_id = %s AND problem = 'known'"


class Taken(NamedTuple):
    """What became of some rows."""

    new: int
    known: int
    rejected: int


def take_rows(batch: VoucherBatch, count: int) -> Taken | None:
    """Take the next rows in; None when there are no more. Call it in a transaction."""
    upto, found = fetch_all(NEXT, [batch.pk, count])[0]
    if not found:
        return None
    new = _insert(batch, upto)
    execute(STRIKE_OFF, [batch.pk, upto, batch.pk])
    if new == found:
        return Taken(new, 0, 0)
    mark_known(batch, after=0, upto=upto)
    known = execute(FORGET_KNOWN, [batch.pk])
    return Taken(new, known, found - new - known)


def _insert(batch: VoucherBatch, upto: int) -> int:
    terms = Terms.of(batch)
    ends, bounds = "u.valid_until", []
    if terms.ends is not None:
        # No code outlives its type.
        ends = "CASE WHEN u.valid_until < %s THEN u.valid_until ELSE %s END"
        bounds = [sql_value(terms.ends)] * 2
    parameters = [
        batch.voucher_type_id,
        batch.pk,
        terms.state,
        batch.voucher_type.uses_per_code,
        sql_value(terms.starts),
        *bounds,
        sql_value(batch.asked_at) if terms.is_printed else None,
        batch.pk,
        upto,
    ]
    return execute(TAKE.format(ends=ends), parameters)
