"""Order histories from files, through the same ``record`` as a till, in chunks.

One row is a line, rows of one ``order_id`` that follow each other are one order. A row
that cannot be understood takes its whole order with it into the reject file, because half
an order would be wrong; everything else goes on. Each chunk is a transaction of its own,
and orders have natural keys, so a file that was cut off is simply imported again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _

from activities.models import Order, Store
from activities.services import OrderFact, OrderLineFact
from core.errors import InvalidInput
from core.models import Programme
from core.phones import normalise_phone
from core.pipeline import collector_at_rest, map_chunks
from core.retry import retry_on_conflict
from core.tabular import (
    Progress,
    RejectFile,
    Row,
    Table,
    open_table,
    parse_amount,
    parse_moment,
    parse_quantity,
    reject_path,
)
from flows.record import NEW, REFUSED, record
from members.services import MemberFact, find_member_ids, save_members

# 2,000 orders a transaction: larger ones gain nothing, and a lock is held for 0.2 s.
CHUNK_ORDERS = 2000

REQUIRED = ("order_id", "placed_at")
EITHER = ("member_id", "phone")
LINE_FIELDS = ("sku", "product", "category", "quantity", "unit_price", "discount")
OPTIONAL = ("total", "status", "channel", "store", "currency", *LINE_FIELDS)
# Only these make a line worth keeping; a quantity alone says nothing about a product.
NAMING_FIELDS = frozenset(("sku", "product", "category", "unit_price"))

STATUSES = {
    **dict.fromkeys(
        ("", "completed", "complete", "paid", "done", "delivered", "hoàn thành"),
        Order.Status.COMPLETED.value,
    ),
    **dict.fromkeys(
        ("cancelled", "canceled", "void", "đã hủy", "đã huỷ", "hủy", "huỷ"),
        Order.Status.CANCELLED.value,
    ),
}


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
    member_ids: set[int] = field(default_factory=set)


@dataclass(slots=True)
class ImportReport:
    """What came of a file: ``rows`` read, ``orders`` understood, ``points`` given now."""

    rows: int = 0
    orders: int = 0
    new: int = 0
    known: int = 0
    rejected: int = 0
    points: int = 0
    created_members: int = 0
    member_ids: set[int] = field(default_factory=set)
    notices: list[str] = field(default_factory=list)
    reject_file: str = ""

    def add(self, result: ChunkResult) -> None:
        self.orders += result.new + result.known
        self.new += result.new
        self.known += result.known
        self.points += result.points
        self.created_members += result.created_members
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
            "reject_file": self.reject_file,
            "notices": self.notices,
        }


@dataclass(slots=True)
class Draft:
    """One order as its rows tell it, before anyone knows whose it is."""

    rows: list[Row]
    code: str = ""
    phone: str = ""
    store: str = ""
    fact: OrderFact | None = None
    problem: str = ""


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
        chunks = _chunks_of_orders(table, reader, report)
        for drafts, result in map_chunks(work, chunks):
            report.add(result)
            for draft in drafts:
                if draft.problem:
                    report.rejected += len(draft.rows)
                    for row in draft.rows:
                        rejects.write(row, draft.problem)
            progress.update(report.rows, table.part_read())
        if rejects.count:
            report.reject_file = str(rejects_path)
    return report


def _chunks_of_orders(
    table: Table, reader: OrderReader, report: ImportReport
) -> Iterator[list[Draft]]:
    """Gather neighbouring rows of one number into orders, and orders into chunks."""
    drafts: list[Draft] = []
    group: list[Row] = []
    number = None
    for row in table.rows():
        report.rows += 1
        if row.problem:
            drafts.append(Draft([row], problem=row.problem))
            continue
        order_id = row.values["order_id"]
        if order_id != number and group:
            drafts.append(reader.read(group))
            group = []
            if len(drafts) >= CHUNK_ORDERS:
                yield drafts
                drafts = []
        number = order_id
        group.append(row)
    if group:
        drafts.append(reader.read(group))
    if drafts:
        yield drafts


class OrderReader:
    """Turns the rows of one order into a draft; knows the programme's zone and currency."""

    def __init__(self, programme: Programme, source: str, fields: Collection[str]) -> None:
        self.zone: ZoneInfo = programme.zone
        self.currency = str(programme.currency)
        self.source = source
        self.has_lines = not NAMING_FIELDS.isdisjoint(fields)

    def read(self, rows: list[Row]) -> Draft:
        draft = Draft(rows)
        try:
            self._fill(draft)
        except InvalidInput as error:
            draft.problem = str(error.message)
        return draft

    def _fill(self, draft: Draft) -> None:
        values = draft.rows[0].values
        get = values.get
        draft.code = get("member_id", "")
        draft.store = get("store", "")
        if phone := get("phone", ""):
            draft.phone = normalise_phone(phone)
        if not draft.code and not draft.phone:
            raise InvalidInput(_("The row names no member: give member_id or phone."))
        if len(draft.rows) > 1:
            self._check_agreement(draft.rows)
        total, lines = self._amounts(draft.rows)
        draft.fact = OrderFact(
            source=self.source,
            external_id=values["order_id"],
            member_id=0,
            placed_at=parse_moment(values["placed_at"], self.zone),
            total=total,
            currency=self._currency(get("currency", "")),
            status=self._status(get("status", "")),
            channel=get("channel", "").lower() or Order.Channel.STORE.value,
            lines=lines,
        )

    def _check_agreement(self, rows: list[Row]) -> None:
        """Rows of one order must tell one member, one time and one shop."""
        first = rows[0].values
        for row in rows[1:]:
            for name in ("member_id", "phone", "placed_at", "store", "status", "channel"):
                if row.values.get(name) != first.get(name):
                    raise InvalidInput(
                        _("The rows of order %(order)s differ in %(column)s.")
                        % {"order": first["order_id"], "column": name}
                    )

    def _amounts(self, rows: list[Row]) -> tuple[Decimal, tuple[OrderLineFact, ...]]:
        """Return the order's total and its lines.

        A row's total is what the row costs, and the order costs their sum; only when the
        rows carry prices of their own that differ from it may one total, repeated on
        every row, stand for the whole order (after a discount on the order, say).
        """
        if not self.has_lines and len(rows) == 1:
            return self._total(rows[0]), ()
        totals = [self._total(row) for row in rows]
        if not any(row.values.get(name) for row in rows for name in NAMING_FIELDS):
            return sum(totals, Decimal(0)), ()
        lines = tuple(
            self._line(row, total) for row, total in zip(rows, totals, strict=True)
        )
        priced = all(line.unit_price is not None for line in lines)
        by_line = [line.total for line in lines]
        if priced and totals != by_line and len(set(totals)) == 1:
            return totals[0], lines
        if priced and totals != by_line and len(rows) > 1:
            raise InvalidInput(
                _("The totals of order %(order)s fit neither its lines nor each other.")
                % {"order": rows[0].values["order_id"]}
            )
        return sum(totals, Decimal(0)), lines

    def _total(self, row: Row) -> Decimal:
        values = row.values
        if text := values.get("total", ""):
            total = parse_amount(text, "total", currency=self.currency)
        elif values.get("unit_price"):
            total = self._price_of_line(row)
        else:
            raise InvalidInput(_("The row has no total."))
        if total < 0:
            raise InvalidInput(
                _("The total is below zero. Returns are not orders; leave them out.")
            )
        return total

    def _price_of_line(self, row: Row) -> Decimal:
        values = row.values
        price = parse_amount(values["unit_price"], "unit_price", currency=self.currency)
        return self._quantity(values) * price - self._discount(values)

    def _line(self, row: Row, total: Decimal) -> OrderLineFact:
        values = row.values
        price = values.get("unit_price", "")
        return OrderLineFact(
            sku=values.get("sku", "")[:60],
            product=values.get("product", "")[:160],
            category=values.get("category", "")[:80],
            quantity=self._quantity(values),
            unit_price=(
                parse_amount(price, "unit_price", currency=self.currency) if price else None
            ),
            discount=self._discount(values),
            total=self._price_of_line(row) if price else total,
        )

    def _quantity(self, values: Mapping[str, str]) -> Decimal:
        text = values.get("quantity", "")
        return parse_quantity(text, "quantity") if text else Decimal(1)

    def _discount(self, values: Mapping[str, str]) -> Decimal:
        text = values.get("discount", "")
        if not text:
            return Decimal(0)
        return parse_amount(text, "discount", currency=self.currency)

    def _currency(self, text: str) -> str:
        if text and text.upper() != self.currency:
            raise InvalidInput(
                _("The order is in %(found)s; the programme counts in %(wanted)s.")
                % {"found": text[:10], "wanted": self.currency}
            )
        return self.currency

    def _status(self, text: str) -> str:
        try:
            return STATUSES[text.casefold()]
        except KeyError:
            raise InvalidInput(
                _("“%(text)s” is no status. Write completed or cancelled.")
                % {"text": text[:40]}
            ) from None


@retry_on_conflict
@transaction.atomic
def _import_chunk(
    drafts: list[Draft], *, options: ImportOptions, at: datetime
) -> ChunkResult:
    """Find the members and stores of a chunk of orders and record them."""
    result = ChunkResult()
    ready = [draft for draft in drafts if not draft.problem]
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
