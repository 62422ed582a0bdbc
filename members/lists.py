"""Lists of members from a file: read, looked at, taken in.

A file names members by phone, member code, card or e-mail, in columns of these names or in
one column without a name. It is read row by row and never kept; what is kept until it is
taken in are the numbers of the members it names and the rows that name nobody.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from core.batch import Column, chunks, insert_new
from core.errors import DomainError, InvalidInput
from core.money import group_digits
from core.phones import normalise_phone
from core.tabular import Row, normalise_header, open_table
from members.merged import kept_ids
from members.models import Identifier, ListEntry, ListUpload, Member, MemberList

MAX_ROWS = 200_000
# A draft that nobody took in is forgotten, and with it the phones that it could not place.
KEEP_DRAFTS = timedelta(days=7)

PHONE, CODE, EMAIL, ANY = "phone", "member_code", "email", "member"
ALIASES = {
    **dict.fromkeys(
        ("phone_number", "mobile", "sdt", "sđt", "số_điện_thoại", "so_dien_thoai"), PHONE
    ),
    **dict.fromkeys(
        (
            "code",
            "member_id",
            "customer_id",
            "customer_code",
            "card",
            "card_number",
            "mã",
            "mã_thành_viên",
            "mã_khách_hàng",
            "ma_thanh_vien",
            "ma_khach_hang",
            "số_thẻ",
        ),
        CODE,
    ),
    **dict.fromkeys(("e_mail", "mail", "thư_điện_tử"), EMAIL),
}
COLUMNS = (PHONE, CODE, EMAIL, ANY)
ENTRY = (
    Column("list_id", "bigint"),
    Column("member_id", "bigint"),
    Column("added_at", "timestamptz"),
    Column("source", "text"),
)
_parts = re.compile(r"[\n\r,;\t]+").split


class Refused(NamedTuple):
    """A row that names nobody: its number, what stands in it, and why."""

    row: int
    text: str
    reason: str


class ListTaken(DomainError):
    """The file was taken in before."""

    code = "list_taken"
    status = 409


@transaction.atomic
def read_list(
    path: Path,
    *,
    member_list: MemberList,
    mode: str,
    name: str,
    at: datetime,
    by: User | None,
) -> ListUpload:
    """Read a file into a draft that can be looked at. Raises InvalidInput for no list."""
    ListUpload.objects.filter(
        state=ListUpload.State.DRAFT, read_at__lt=at - KEEP_DRAFTS
    ).delete()
    found: dict[int, None] = {}
    refused: list[Refused] = []
    num_doubled = 0
    for rows in chunks(_rows(path)):
        for row, member_id in zip(rows, _members_of(rows), strict=True):
            if member_id is None:
                refused.append(_refusal(row))
            elif member_id in found:
                num_doubled += 1
            else:
                found[member_id] = None
    return ListUpload.objects.create(
        list=member_list,
        name=name[:60],
        mode=mode,
        num_found=len(found),
        num_doubled=num_doubled,
        num_refused=len(refused),
        found=_packed(sorted(found)),
        refused=_packed(refused),
        read_at=at,
        read_by=by,
    )


def pasted(text: str) -> str:
    """Return what somebody typed or pasted as a file of one column."""
    return "\n".join([ANY, *(part for one in _parts(text) if (part := one.strip()))])


@transaction.atomic
def take_in(upload: ListUpload, *, at: datetime) -> int:
    """Put the members of a draft on its list; returns how many are new there.

    Raises ListTaken when that was done before. Who was merged meanwhile is the kept member.
    """
    # Two files for one list at once: one after the other.
    MemberList.objects.select_for_update().get(pk=upload.list_id)
    draft = ListUpload.objects.filter(pk=upload.pk, state=ListUpload.State.DRAFT)
    if not draft.update(state=ListUpload.State.TAKEN, refused=_packed([])):
        raise ListTaken(_("This file was taken in before."))
    ids = found_ids(upload)
    kept = kept_ids(ids)
    member_ids = sorted({kept.get(pk, pk) for pk in ids})
    if upload.mode == ListUpload.Mode.REPLACE:
        _take_off_others(upload.list_id, member_ids)
    added = 0
    for some in chunks(member_ids):
        rows = [(upload.list_id, pk, at, upload.name) for pk in some]
        table = ListEntry._meta.db_table
        added += len(
            insert_new(table, ENTRY, rows, conflict="list_id, member_id", returning="id")
        )
    return added


def new_on_list(upload: ListUpload) -> tuple[int, int]:
    """Return how many a draft would put on its list, and how many it would take off."""
    standing = set(
        ListEntry.objects.filter(list=upload.list_id).values_list("member_id", flat=True)
    )
    named = set(found_ids(upload))
    leaving = standing - named if upload.mode == ListUpload.Mode.REPLACE else ()
    return len(named - standing), len(leaving)


def found_ids(upload: ListUpload) -> list[int]:
    """Return the numbers of the members that a file names."""
    return list(_unpacked(upload.found))


def refused_rows(upload: ListUpload) -> Iterator[Refused]:
    """Yield the rows that name nobody."""
    for row in _unpacked(upload.refused):
        yield Refused(*row)


def _take_off_others(list_id: int, member_ids: Collection[int]) -> None:
    named = set(member_ids)
    entries = ListEntry.objects.filter(list=list_id).values_list("pk", "member_id")
    leaving = [pk for pk, member_id in entries if member_id not in named]
    for some in chunks(leaving):
        ListEntry.objects.filter(pk__in=some).delete()


# --- rows --------------------------------------------------------------------------------


def _rows(path: Path) -> Iterator[Row]:
    """Yield the rows; a list without a name above its column begins with a member."""
    with open_table(path, required=()) as table:
        columns = table.columns
    headers = {ALIASES.get(name, name) for name in map(normalise_header, columns)}
    is_named = not headers.isdisjoint(COLUMNS)
    if not is_named and len(columns) > 1:
        raise InvalidInput(
            _("The first row must name the columns: phone, member_code or email.")
        )
    renames = {} if is_named else {columns[0]: ANY}
    with open_table(
        path, required=(), either=COLUMNS, aliases=ALIASES, renames=renames
    ) as table:
        if not is_named:
            yield Row(1, {ANY: columns[0]}, columns)
        for count, row in enumerate(table.rows(), start=1):
            if count > MAX_ROWS:
                raise InvalidInput(
                    _("The file has more than %(most)s rows. Cut it into several files.")
                    % {"most": group_digits(MAX_ROWS)}
                )
            yield row


def _members_of(rows: Sequence[Row]) -> list[int | None]:
    """Return whom each row names, None for nobody. Four queries for all of them."""
    wanted = [_names_of(row) for row in rows]
    flat = {name for names in wanted for name in names}
    known: dict[tuple[str, str], int] = {}
    codes = [value for kind, value in flat if kind == CODE]
    for code, pk in Member.objects.filter(code__in=codes).values_list("code", "pk"):
        known[CODE, code] = pk
    for kind in (Identifier.Kind.PHONE, Identifier.Kind.EMAIL, Identifier.Kind.CARD):
        values = [value for name, value in flat if name == kind]
        rows_of = Identifier.objects.filter(kind=kind, value__in=values)
        for value, pk in rows_of.values_list("value", "member_id"):
            known[kind.value, value] = pk
    kept = kept_ids(set(known.values()))
    found = [next((known[n] for n in names if n in known), None) for names in wanted]
    return [None if pk is None else kept.get(pk, pk) for pk in found]


def _names_of(row: Row) -> list[tuple[str, str]]:
    """Return what a row may mean, the surest first."""
    if row.problem:
        return []
    names: list[tuple[str, str]] = []
    for column in (CODE, ANY):
        if value := row.values.get(column, ""):
            names += [(CODE, value), (Identifier.Kind.CARD.value, value)]
    for column in (PHONE, ANY):
        if number := _phone(row.values.get(column, "")):
            names.append((Identifier.Kind.PHONE.value, number))
    for column in (EMAIL, ANY):
        if "@" in (value := row.values.get(column, "")):
            both = {value: None, value.lower(): None}
            names += [(Identifier.Kind.EMAIL.value, one) for one in both]
    # What no column holds can be nobody's name, and PostgreSQL knows no NUL.
    return [(kind, value) for kind, value in names if _may_be_a_name(value)]


def _may_be_a_name(value: str) -> bool:
    return len(value) <= 100 and "\0" not in value and value.isprintable()


def _phone(text: str) -> str:
    try:
        return normalise_phone(text) if text else ""
    except InvalidInput:
        return ""


def _refusal(row: Row) -> Refused:
    text = " ".join(cell for cell in row.cells if cell)[:120]
    # Bytes that were no text cannot be written out again.
    text = text.encode("utf-8", "replace").decode()
    return Refused(row.number, text, row.problem or _("No member is known by this."))


def _packed(value: Iterable[Any]) -> bytes:
    return zlib.compress(json.dumps(list(value), ensure_ascii=False).encode())


def _unpacked(data: bytes | memoryview) -> list[Any]:
    found: list[Any] = json.loads(zlib.decompress(bytes(data)))
    return found
