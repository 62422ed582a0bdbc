"""Seals on the ledger: a chain of digests over what is old enough to be final.

``seal_ledger`` takes the transfers that no seal covers yet, in blocks, and for each writes
one row that is never changed:

* a mark of each transfer, so that a difference can be named and not only noticed,
* a digest of the whole block in full strength,
* the head: a digest of all that and of the head before it. Whoever keeps the newest head
  outside the database holds the whole history by its end.

A transfer's text covers every column that says what moved, and the lots and draws that were
written with it. It is put together by the database itself, byte for byte the same on
PostgreSQL and SQLite. ``actor`` and ``note`` are left out: they may name a person, and what
has to be erased one day must not break a seal.
"""

from __future__ import annotations

import hashlib
import logging
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate, pairwise, takewhile
from typing import Any, NamedTuple

from django.db import IntegrityError, transaction

from core.batch import fetch_all, is_postgresql, sql_value
from core.retry import retry_on_conflict
from points.models import LedgerSeal

logger = logging.getLogger(__name__)

# A block is read and sealed in a sixth of a second and weighs 40 kB.
BLOCK = 5000
# Ids are dealt out before they are committed, so the newest rows may still get neighbours.
FINAL_AFTER = timedelta(minutes=10)
# Eight bytes tell one changed row from another; the digest of the block is what binds.
MARK_BYTES = 8
BEFORE_ALL = -(2**63)
NO_HEAD = "0" * 64


class SealedRow(NamedTuple):
    """One transfer as a seal sees it."""

    id: int
    amount: int
    digest: bytes

    @property
    def mark(self) -> bytes:
        return self.digest[:MARK_BYTES]


@dataclass(slots=True)
class Sealing:
    """What a run sealed, and the newest head."""

    seals: int = 0
    transfers: int = 0
    head: str = ""


def seal_ledger(*, at: datetime, block: int = BLOCK) -> Sealing:
    """Seal every transfer that is final, in blocks; safe to repeat and to run twice.

    ``at`` is the machine's own time and no day of the programme: it is about transactions
    that may still be open, ten minutes before it.
    """
    done = Sealing()
    before = _final_before(at)
    while True:
        last = _newest()
        done.head = last.head if last else ""
        after = last.last_id if last else BEFORE_ALL
        rows = _read_final(after, block, before)
        if not rows:
            return done
        if seal := _write(last, rows, at):
            done.seals += 1
            done.transfers += seal.num_transfers
            logger.info(
                "Ledger seal %s: %s transfers through %s, head %s",
                seal.number,
                seal.num_transfers,
                seal.last_id,
                seal.head,
            )


def _newest() -> LedgerSeal | None:
    lean = LedgerSeal.objects.defer("transfer_ids", "marks")
    return lean.order_by("-number").first()


def _final_before(at: datetime) -> datetime:
    """Return the time of writing from which on rows may still get older neighbours.

    Ten minutes cover a statement that is slow to write; a transaction that is open for
    longer, such as someone's own script, holds the seals back until it ends.
    """
    if not is_postgresql():
        return at - FINAL_AFTER
    ((oldest,),) = fetch_all(
        "SELECT MIN(a.xact_start) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid "
        "WHERE l.relation = 'points_transfer'::regclass AND l.mode = 'RowExclusiveLock' "
        "AND l.pid <> pg_backend_pid() AND l.database = "
        "(SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    return min(at, oldest or at) - FINAL_AFTER


@retry_on_conflict
def _write(
    last: LedgerSeal | None, rows: Sequence[SealedRow], at: datetime
) -> LedgerSeal | None:
    """Add a link to the chain; None: someone else added one after the same link."""
    seal = LedgerSeal(
        number=last.number + 1 if last else 1,
        first_id=rows[0].id,
        last_id=rows[-1].id,
        num_transfers=len(rows),
        points_moved=sum(row.amount for row in rows),
        transfer_ids=pack_ids([row.id for row in rows]),
        marks=b"".join(row.mark for row in rows),
        content=hashlib.sha256(b"".join(row.digest for row in rows)).hexdigest(),
        previous=last.head if last else NO_HEAD,
        sealed_at=at,
    )
    seal.head = head_of(seal)
    try:
        with transaction.atomic():
            seal.save(force_insert=True)
    except IntegrityError:
        return None
    return seal


def head_of(seal: LedgerSeal) -> str:
    """Return the head that a seal must have by all that it says."""
    times = seal.sealed_at.astimezone(UTC).isoformat(timespec="microseconds")
    numbers = (
        f"{seal.number} {seal.first_id} {seal.last_id} {seal.num_transfers} "
        f"{seal.points_moved} {times} {seal.content}"
    )
    digest = hashlib.sha256(f"{seal.previous} {numbers} ".encode())
    digest.update(hashlib.sha256(seal.transfer_ids).digest())
    digest.update(hashlib.sha256(seal.marks).digest())
    return digest.hexdigest()


def pack_ids(ids: Sequence[int]) -> bytes:
    """Keep ascending ids small: nearly all of them follow each other."""
    steps = [ids[0], *(later - earlier for earlier, later in pairwise(ids))]
    return zlib.compress(struct.pack(f"<{len(steps)}q", *steps))


def unpack_ids(packed: bytes) -> list[int]:
    steps = zlib.decompress(packed)
    return list(accumulate(struct.unpack(f"<{len(steps) // 8}q", steps)))


# --- The text of a transfer -------------------------------------------------------------


def read_rows(*, after: int, through: int) -> Iterator[SealedRow]:
    """Read the transfers of a range in ascending id, a block at a time."""
    while rows := _read("TRUE", [after, through, BLOCK]):
        for row in rows:
            yield _sealed(row)
        after = rows[-1][0]


def _read_final(after: int, limit: int, before: datetime) -> list[SealedRow]:
    """Read the next transfers, up to the first that was not written ``before``."""
    is_final = "t.created_at < %s"
    rows = _read(is_final, [sql_value(before), after, 2**63 - 1, limit])
    return [_sealed(row) for row in takewhile(lambda row: row[3], rows)]


def _read(mark: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    return fetch_all(
        f"SELECT t.id, CAST(t.amount AS BIGINT), {_text_of_transfer()}, {mark} "
        "FROM points_transfer t WHERE t.id > %s AND t.id <= %s ORDER BY t.id LIMIT %s",
        parameters,
    )


def _sealed(row: Sequence[Any]) -> SealedRow:
    # What SQLite cannot put together, because someone broke its rules, is no text at all.
    return SealedRow(row[0], row[1], hashlib.sha256(row[2] or b"").digest())


def _text_of_transfer() -> str:
    """Return SQL for a transfer with its lots and draws as bytes, alike on both databases.

    Texts carry their length, so that nothing can be moved from one column to the next.
    """
    lot = _joined(_number("l.id"), _number("l.account_id"), _number("l.amount"), _day())
    draw = _joined(_number("d.id"), _number("d.lot_id"), _number("d.amount"))
    text = _joined(
        *map(_number, ("t.id", "t.from_account_id", "t.to_account_id", "t.amount")),
        *map(_moment, ("t.happened_at", "t.created_at")),
        *map(_number, ("t.source_id", "t.rule_id", "t.rule_version")),
        *map(_number, ("t.reverses_id", "t.funder_id")),
        *map(_text, ("t.kind", "t.source_type", "t.reason", "t.key")),
        _all_of("points_lot", "l", lot),
        _all_of("points_lotdraw", "d", draw),
    )
    return f"convert_to({text}, 'UTF8')" if is_postgresql() else f"CAST({text} AS BLOB)"


def _joined(*parts: str) -> str:
    return " || '|' || ".join(parts)


def _number(column: str) -> str:
    return f"COALESCE(CAST({column} AS TEXT), '')"


def _text(column: str) -> str:
    return f"CAST(LENGTH({column}) AS TEXT) || ':' || {column}"


def _moment(column: str) -> str:
    """Write a time in UTC to the microsecond; SQLite leaves out noughts at the end."""
    if is_postgresql():
        return f"TO_CHAR({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')"
    return (
        f"{column} || CASE LENGTH({column}) "
        "WHEN 19 THEN '.000000' WHEN 23 THEN '000' ELSE '' END"
    )


def _day() -> str:
    day = "TO_CHAR(l.expires_on, 'YYYY-MM-DD')" if is_postgresql() else "l.expires_on"
    return f"COALESCE({day}, '')"


def _all_of(table: str, alias: str, text: str) -> str:
    """Return SQL for the rows that were written with a transfer, in ascending id."""
    rows = f"SELECT {text} AS part FROM {table} {alias} WHERE {alias}.transfer_id = t.id"
    gather = "STRING_AGG" if is_postgresql() else "GROUP_CONCAT"
    return f"COALESCE((SELECT {gather}(part, ',') FROM ({rows} ORDER BY {alias}.id) p), '')"
