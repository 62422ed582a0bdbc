"""Is the ledger still what was sealed? Every difference is named by its transfer.

Seals are asked first, each by itself and as a chain; a seal that is not what it was has no
say about transfers. Sealed transfers never change, so this needs no snapshot and holds
nobody up, however long it takes; memory stays at one block.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from points.models import LedgerSeal
from points.sealing import (
    BEFORE_ALL,
    MARK_BYTES,
    NO_HEAD,
    SealedRow,
    head_of,
    read_rows,
    unpack_ids,
)

CHANGED = "a sealed transfer is what it was"
MISSING = "a sealed transfer is still there"
ADDED = "no transfer comes between sealed ones"
SEAL_CHANGED = "a seal is what it was"
SEAL_MISSING = "no seal is missing"
CHAIN_BROKEN = "each seal follows from the one before it"
UNKNOWN_HEAD = "the head that was kept outside is a seal of this ledger"

# Forty kilobytes each.
SEALS_AT_ONCE = 20

Difference = dict[str, Any]


@dataclass(slots=True)
class SealCheck:
    """What the seals say: how many transfers they cover, the newest head, differences."""

    sealed: int = 0
    head: str = ""
    differences: list[Difference] = field(default_factory=list)


def check_seals(*, known_head: str = "", most: int) -> SealCheck:
    """Compare the ledger with its seals and name at most so many differences.

    ``known_head`` was kept outside the database: it must be the head of a seal, or else
    everything was written anew, ledger and seals.
    """
    check = SealCheck()
    before: LedgerSeal | None = None
    is_known = not known_head
    for seal in _seals():
        check.sealed += seal.num_transfers
        check.head = seal.head
        is_known = is_known or seal.head == known_head
        found = islice(_differences(before, seal), most)
        check.differences += sorted(found, key=lambda one: one.get("transfer", 0))
        before = seal
        if len(check.differences) >= most:
            break
    else:
        if not is_known:
            check.differences.append({"rule": UNKNOWN_HEAD, "head": known_head})
    del check.differences[most:]
    return check


def _seals() -> Iterator[LedgerSeal]:
    """Read all seals in their order, a few at a time."""
    number = -1
    while some := list(
        LedgerSeal.objects.filter(number__gt=number).order_by("number")[:SEALS_AT_ONCE]
    ):
        yield from some
        number = some[-1].number


def _differences(before: LedgerSeal | None, seal: LedgerSeal) -> Iterator[Difference]:
    """Ask one seal about itself, about the one before it, and about its transfers."""
    expected = before.number + 1 if before else 1
    if seal.number > expected:
        yield {"rule": SEAL_MISSING, "seal": expected, "next": seal.number}
    elif seal.previous != (before.head if before else NO_HEAD):
        yield {"rule": CHAIN_BROKEN, "seal": seal.number}
    if not _is_whole(seal):
        yield {"rule": SEAL_CHANGED, "seal": seal.number}
        return
    # What lies between two seals belongs to neither, so it must be empty.
    after = seal.first_id - 1
    if seal.number == expected and (before is None or _is_whole(before)):
        after = before.last_id if before else BEFORE_ALL
    yield from _compare(seal, read_rows(after=after, through=seal.last_id))


def _is_whole(seal: LedgerSeal) -> bool:
    return seal.head == head_of(seal)


def _compare(seal: LedgerSeal, rows: Iterator[SealedRow]) -> Iterator[Difference]:
    """Hold the transfers of a range against those that were sealed."""
    sealed = _marks(seal)
    content = hashlib.sha256()
    is_same = True
    for row in rows:
        content.update(row.digest)
        mark = sealed.pop(row.id, None)
        if mark != row.mark:
            is_same = False
            yield _named(ADDED if mark is None else CHANGED, row.id, seal)
    for transfer_id in sealed:
        yield _named(MISSING, transfer_id, seal)
    if is_same and not sealed and content.hexdigest() != seal.content:
        # All marks fit and the whole does not: someone made a row to fit its mark.
        yield {"rule": CHANGED, "first": seal.first_id, "last": seal.last_id}


def _marks(seal: LedgerSeal) -> dict[int, bytes]:
    starts = range(0, len(seal.marks), MARK_BYTES)
    every = (bytes(seal.marks[start : start + MARK_BYTES]) for start in starts)
    return dict(zip(unpack_ids(bytes(seal.transfer_ids)), every, strict=True))


def _named(rule: str, transfer_id: int, seal: LedgerSeal) -> Difference:
    return {"rule": rule, "transfer": transfer_id, "seal": seal.number}
