"""Uploading a list of codes: read into a draft, looked at, then taken in by a worker."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count
from django.utils.translation import gettext as _

from core.batch import Column, chunks, execute, insert_rows
from core.errors import InvalidInput
from core.models import ChangeRequest
from core.retry import retry_on_conflict
from rewards.batches.approving import (
    TAKE_IN,
    ask_second_person,
    needs_second_person,
    waiting_for,
)
from rewards.batches.asking import check_bulk, check_end
from rewards.batches.reading import ReadCode, read_codes
from rewards.errors import BatchClosed
from rewards.models import UploadedCode, VoucherBatch, VoucherType

Problem = UploadedCode.Problem
State = VoucherBatch.State
TABLE = UploadedCode._meta.db_table
COLUMNS = (
    Column("batch_id", "bigint"),
    Column("number", "int"),
    Column("code", "text"),
    Column("written_as", "text"),
    Column("valid_until", "timestamptz"),
    Column("problem", "text"),
)
# Rows in one statement: on SQLite others can write between two of them.
CHUNK = 5000
DRAFTS_KEPT = timedelta(days=7)

# A code of the same type is known; one of another type is nobody's business.
MARK_KNOWN = f"""
UPDATE {TABLE} SET problem = CASE
  WHEN EXISTS (SELECT 1 FROM rewards_voucher v WHERE v.code = {TABLE}.code
               AND v.voucher_type_id = %s) THEN 'known' ELSE 'not_free' END
WHERE batch_id = %s AND problem = '' AND number > %s AND number <= %s
  AND EXISTS (SELECT 1 FROM rewards_voucher v WHERE v.code = {TABLE}.code)
"""


def upload_codes(
    path: Path,
    *,
    voucher_type: VoucherType,
    name: str,
    at: datetime,
    by: User | None = None,
    valid_until: datetime | None = None,
) -> VoucherBatch:
    """Read a list into a draft that waits to be confirmed; nothing is taken in yet.

    ``valid_until`` is for rows that say no day of their own. Raises BatchRefused, and
    InvalidInput for a file that is no list of codes.
    """
    check_bulk(voucher_type)
    if valid_until is None:
        check_end(voucher_type)
    forget_old_drafts(at=at)
    rows = read_codes(path, at=at)
    draft = VoucherBatch.objects.create(
        voucher_type=voucher_type,
        name=name.strip()[:80] or path.stem[:80],
        origin=VoucherBatch.Origin.UPLOADED,
        state=State.DRAFT,
        size=0,
        asked_at=at,
        asked_by=by,
    )
    try:
        _store(draft, rows, valid_until)
        return _counted(draft)
    except Exception:
        draft.delete()
        raise


@retry_on_conflict
@transaction.atomic
def take_in(
    draft: VoucherBatch, *, at: datetime, by: User | None = None
) -> VoucherBatch | ChangeRequest:
    """Confirm a list: a worker takes it in, or a second person is asked. BatchClosed."""
    if waiting := waiting_for(draft):
        return waiting
    voucher_type, size = draft.voucher_type, draft.size
    check_bulk(voucher_type)
    if by is not None and needs_second_person(voucher_type, size, by=by, at=at):
        _check_draft(draft)
        payload = {"batch": draft.pk, "size": size}
        return ask_second_person(
            TAKE_IN, payload, voucher_type, size, name=draft.name, by=by, at=at
        )
    return put_in_line(draft.pk, by=by, at=at)


def put_in_line(draft_id: int, *, by: User | None, at: datetime) -> VoucherBatch:
    """Let a worker take a list in. Raises BatchClosed when it is no draft any more."""
    confirmed = VoucherBatch.objects.filter(
        pk=draft_id, state=State.DRAFT, size__gt=0
    ).update(state=State.RUNNING, asked_at=at, asked_by=by)
    if not confirmed:
        raise _no_draft()
    execute(f"DELETE FROM {TABLE} WHERE batch_id = %s AND problem = 'known'", [draft_id])
    return VoucherBatch.objects.get(pk=draft_id)


@transaction.atomic
def discard_upload(draft: VoucherBatch) -> None:
    """Forget a list that was not confirmed. Raises BatchClosed."""
    if waiting_for(draft):
        raise BatchClosed(
            _("This list waits for a second person. Take that request back first.")
        )
    _check_draft(draft)
    draft.delete()


def forget_old_drafts(*, at: datetime) -> None:
    """Forget lists that nobody confirmed within a week."""
    waiting = ChangeRequest.objects.filter(kind=TAKE_IN, state=ChangeRequest.State.OPEN)
    kept = {payload["batch"] for payload in waiting.values_list("payload", flat=True)}
    old = VoucherBatch.objects.filter(state=State.DRAFT, asked_at__lt=at - DRAFTS_KEPT)
    old.exclude(pk__in=kept).delete()


def mark_known(batch: VoucherBatch, *, after: int, upto: int) -> None:
    """Mark the codes of these rows that exist already."""
    execute(MARK_KNOWN, [batch.voucher_type_id, batch.pk, after, upto])


def _store(
    draft: VoucherBatch, rows: Iterator[ReadCode], valid_until: datetime | None
) -> None:
    reached = 0
    for chunk in chunks(rows, CHUNK):
        insert_rows(TABLE, COLUMNS, [_row(draft, read, valid_until) for read in chunk])
        mark_known(draft, after=reached, upto=chunk[-1].number)
        reached = chunk[-1].number


def _row(
    draft: VoucherBatch, read: ReadCode, valid_until: datetime | None
) -> tuple[object, ...]:
    until = read.valid_until or valid_until
    return (draft.pk, read.number, read.code, read.written_as, until, read.problem)


def _counted(draft: VoucherBatch) -> VoucherBatch:
    counts = dict(
        UploadedCode.objects.filter(batch=draft)
        .values_list("problem")
        .annotate(count=Count("pk"))
    )
    if not counts:
        raise InvalidInput(_("There is no code in this file."))
    draft.size = counts.pop(Problem.NONE.value, 0)
    draft.num_known = counts.pop(Problem.KNOWN.value, 0)
    draft.num_rejected = sum(counts.values())
    draft.save(update_fields=["size", "num_known", "num_rejected"])
    return draft


def _check_draft(draft: VoucherBatch) -> None:
    if not VoucherBatch.objects.filter(pk=draft.pk, state=State.DRAFT, size__gt=0):
        raise _no_draft()


def _no_draft() -> BatchClosed:
    return BatchClosed(_("This list was confirmed before, or there is nothing new in it."))
