"""Order histories from files, through the same ``record`` as a till, in chunks.

One row is a line, rows of one ``order_id`` are one order; all below zero, they are one
refund. A row that cannot be understood takes its whole order with it into the reject file,
because half an order would be wrong; everything else goes on. Each chunk is a transaction
of its own, and orders have natural keys, so a file that was cut off is imported again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _

from activities.models import Store
from activities.services import OrderFact, RefundFact
from core.batch import chunks as chunks_of
from core.errors import InvalidInput
from core.models import Programme
from core.pipeline import collector_at_rest, map_chunks
from core.retry import retry_on_conflict
from core.tabular import (
    Progress,
    RejectFile,
    Row,
    Table,
    open_table,
    reject_path,
)
from flows.order_rows import EITHER, OPTIONAL, REQUIRED, Draft, OrderReader
from flows.record import NEW, REFUSED, record, record_refunds
from members.services import MemberFact, find_member_ids, save_members

# 2,000 orders a transaction: larger ones gain nothing, and a lock is held for 0.2 s.
CHUNK_ORDERS = 2000
# How many younger orders may begin before the rows of one are taken for complete.
STAYS_OPEN = 500
# A chunk of long rows ends earlier; ordinary ones come to a tenth of this.
MOST_LETTERS = 2_000_000
# A refund asks more of the database than an order: its sales, its rules again.
CHUNK_REFUNDS = 200


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What the person asked for."""

    source: str = "file"
    renames: Mapping[str, str] = field(default_factory=dict)
    create_members: bool = False
    create_stores: bool = False
    dry_run: bool = False
    quiet: bool = False
    reject_file: Path | None = None


@dataclass(slots=True)
class ChunkResult:
    """What came of one chunk; why orders were refused stands on their drafts."""

    new: int = 0
    known: int = 0
    points: int = 0
    created_members: int = 0
    refunds: int = 0
    refunds_known: int = 0
    unmatched: Decimal = Decimal(0)
    member_ids: set[int] = field(default_factory=set)


@dataclass(slots=True)
class ImportReport:
    """What came of a file: ``rows`` read, ``orders`` understood, ``points`` given now.

    ``refunds`` are those recorded now, ``unmatched`` the money of them without a sale.
    """

    rows: int = 0
    orders: int = 0
    new: int = 0
    known: int = 0
    rejected: int = 0
    points: int = 0
    created_members: int = 0
    refunds: int = 0
    refunds_known: int = 0
    unmatched: Decimal = Decimal(0)
    member_ids: set[int] = field(default_factory=set)
    notices: list[str] = field(default_factory=list)
    reject_file: str = ""

    def add(self, result: ChunkResult) -> None:
        self.orders += result.new + result.known
        self.new += result.new
        self.known += result.known
        self.points += result.points
        self.created_members += result.created_members
        self.refunds += result.refunds
        self.refunds_known += result.refunds_known
        self.unmatched += result.unmatched
        self.member_ids |= result.member_ids

    def as_json(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "orders": self.orders,
            "members": len(self.member_ids),
            "created_members": self.created_members,
            "new": self.new,
            "known": self.known,
            "rejected": self.rejected,
            "points": self.points,
            "refunds": self.refunds,
            "refunds_known": self.refunds_known,
            "refunds_unmatched": f"{self.unmatched:.2f}",
            "reject_file": self.reject_file,
            "notices": self.notices,
        }


def import_orders(path: Path, *, options: ImportOptions, at: datetime) -> ImportReport:
    """Import a file of orders; raises InvalidInput when the file itself is no good.

    A dry run does everything in one transaction that is rolled back, so its numbers are
    those of the real run.
    """
    with open_table(
        path,
        required=REQUIRED,
        optional=OPTIONAL,
        either=EITHER,
        renames=options.renames,
    ) as table:
        _require_amount(table)
        if not options.dry_run:
            return _import_table(table, options=options, at=at)
        with transaction.atomic():
            report = _import_table(table, options=options, at=at)
            transaction.set_rollback(True)
            return report


def _require_amount(table: Table) -> None:
    if "total" not in table.fields and "unit_price" not in table.fields:
        raise InvalidInput(
            _("%(file)s lacks the column total. Name it with --map column=field.")
            % {"file": table.path.name}
        )


def _import_table(table: Table, *, options: ImportOptions, at: datetime) -> ImportReport:
    report = ImportReport(notices=list(table.notices))
    rejects_path = options.reject_file or reject_path(table.path)
    reader = OrderReader(Programme.current(), options.source, table.fields)
    language = get_language()

    def work(drafts: list[Draft]) -> ChunkResult:
        with override(language):
            return _import_chunk(drafts, options=options, at=at)

    with (
        RejectFile(rejects_path, table.columns, source=table.path) as rejects,
        Progress(_("Orders"), quiet=options.quiet) as progress,
        collector_at_rest(),
    ):
        refunds: list[Draft] = []
        outcomes = map_chunks(work, _chunks_of_orders(table, reader, report))
        for drafts, result in outcomes:
            report.add(result)
            refunds += [d for d in drafts if d.refund and not d.problem]
            _reject(drafts, rejects, report)
            progress.update(report.rows, table.part_read())
        # After every sale of the file, earliest first: what comes back was sold before.
        refunds.sort(key=_time_of_refund)
        for drafts in chunks_of(refunds, CHUNK_REFUNDS):
            report.add(_import_refunds(drafts, options=options, at=at))
            _reject(drafts, rejects, report)
        if rejects.count:
            report.reject_file = str(rejects_path)
    return report


def _reject(drafts: list[Draft], rejects: RejectFile, report: ImportReport) -> None:
    for draft in drafts:
        if draft.problem:
            report.rejected += len(draft.rows)
            for row in draft.rows:
                rejects.write(row, draft.problem)


def _time_of_refund(draft: Draft) -> datetime:
    assert draft.refund is not None, "only refunds are sorted here"
    return draft.refund.refunded_at


def _chunks_of_orders(
    table: Table, reader: OrderReader, report: ImportReport
) -> Iterator[list[Draft]]:
    """Gather the rows of one number into orders, and orders into chunks.

    Rows of an order need not be neighbours: it stays open until five hundred younger
    orders have begun, so memory stays bounded however long the file is.
    """
    open_orders: dict[str, list[Row]] = {}
    bad: list[Draft] = []
    num_letters = 0
    for row in table.rows():
        report.rows += 1
        num_letters += sum(map(len, row.cells))
        if row.problem:
            bad.append(Draft([row], problem=row.problem))
            # A file of which nothing can be read is not kept whole either.
            if len(bad) >= STAYS_OPEN:
                yield bad
                bad = []
            continue
        number = row.values["order_id"]
        if rows := open_orders.get(number):
            rows.append(row)
            continue
        open_orders[number] = [row]
        num_closed = len(open_orders) - STAYS_OPEN
        if num_closed >= CHUNK_ORDERS or num_closed > 0 and num_letters > MOST_LETTERS:
            closed = list(islice(open_orders, num_closed))
            yield bad + [reader.read(open_orders.pop(name)) for name in closed]
            bad, num_letters = [], 0
    yield bad + [reader.read(rows) for rows in open_orders.values()]


@retry_on_conflict
@transaction.atomic
def _import_chunk(
    drafts: list[Draft], *, options: ImportOptions, at: datetime
) -> ChunkResult:
    """Find the members and stores of a chunk of orders and record them."""
    result = ChunkResult()
    ready = [draft for draft in drafts if not draft.problem and not draft.refund]
    stores = _find_stores(ready, create=options.create_stores)
    owners = _find_owners(ready, options=options, at=at, result=result)
    told: list[Draft] = []
    facts: list[OrderFact] = []
    for draft in ready:
        member_id = owners.get((draft.code, draft.phone))
        if draft.problem or member_id is None:
            draft.problem = draft.problem or _no_member(draft)
            continue
        assert draft.fact is not None, "a draft without a problem has a fact"
        store_id = stores.get(draft.store)
        facts.append(draft.fact._replace(member_id=member_id, store_id=store_id))
        told.append(draft)
    for draft, answer in zip(told, record(facts, at=at), strict=True):
        if answer.outcome == REFUSED:
            draft.problem = answer.reason
            continue
        result.member_ids.add(answer.fact.member_id)
        if answer.outcome == NEW:
            result.new += 1
            result.points += answer.points
        else:
            result.known += 1
    return result


@retry_on_conflict
@transaction.atomic
def _import_refunds(
    drafts: list[Draft], *, options: ImportOptions, at: datetime
) -> ChunkResult:
    """Find the members of a chunk of refunds and record them."""
    result = ChunkResult()
    owners = _find_owners(drafts, options=options, at=at, result=result)
    told: list[Draft] = []
    facts: list[RefundFact] = []
    for draft in drafts:
        member_id = owners.get((draft.code, draft.phone))
        if draft.problem or member_id is None or draft.refund is None:
            draft.problem = draft.problem or _no_member(draft)
            continue
        facts.append(draft.refund._replace(member_id=member_id))
        told.append(draft)
    for draft, answer in zip(told, record_refunds(facts, at=at), strict=True):
        if answer.outcome == REFUSED:
            draft.problem = answer.reason
            continue
        result.member_ids.add(answer.fact.member_id)
        if answer.outcome == NEW:
            result.refunds += 1
            result.unmatched += answer.unmatched
        else:
            result.refunds_known += 1
    return result


def _find_stores(drafts: list[Draft], *, create: bool) -> dict[str, int]:
    """Return store ids by code; an unknown store is made or refuses its orders."""
    codes = {draft.store for draft in drafts if draft.store}
    if not codes:
        return {}
    if create:
        Store.objects.bulk_create(
            [Store(code=code[:40], name=code) for code in sorted(codes)],
            ignore_conflicts=True,
        )
    stores = dict(Store.objects.filter(code__in=codes).values_list("code", "pk"))
    for draft in drafts:
        if draft.store and draft.store not in stores:
            draft.problem = _(
                "There is no store “%(store)s”. Add it in the console or use "
                "--create-stores."
            ) % {"store": draft.store[:40]}
    return stores


def _find_owners(
    drafts: list[Draft], *, options: ImportOptions, at: datetime, result: ChunkResult
) -> dict[tuple[str, str], int]:
    """Return member ids by (code, phone); a code speaks louder than a phone."""
    pairs = {(draft.code, draft.phone) for draft in drafts if not draft.problem}
    found = _look_up(pairs)
    missing = sorted(pairs - found.keys())
    if not missing or not options.create_members:
        return found
    facts = [MemberFact(code=code or None, phone=phone or None) for code, phone in missing]
    saved = save_members(facts, source=options.source, at=at)
    reasons = {}
    for pair, one in zip(missing, saved, strict=True):
        if one.member_id is None:
            reasons[pair] = one.reason
            continue
        found[pair] = one.member_id
        result.created_members += one.outcome == NEW
    for draft in drafts:
        if reason := reasons.get((draft.code, draft.phone)):
            draft.problem = draft.problem or reason
    return found


def _look_up(pairs: set[tuple[str, str]]) -> dict[tuple[str, str], int]:
    codes, phones = find_member_ids(
        codes={code for code, _phone in pairs if code},
        phones={phone for code, phone in pairs if phone and not code},
    )
    found = {}
    for code, phone in pairs:
        member_id = codes.get(code) if code else phones.get(phone)
        if member_id is not None:
            found[code, phone] = member_id
    return found


def _no_member(draft: Draft) -> str:
    return _(
        "There is no member %(member)s. Import members first or use --create-members."
    ) % {"member": (draft.code or draft.phone)[:40]}
