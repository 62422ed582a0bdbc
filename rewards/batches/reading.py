"""Reading a list of codes: one column, perhaps until when each can be used."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile, ZipFile
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from core.clock import programme_zone, start_of_day
from core.errors import InvalidInput
from core.money import group_digits
from core.parsing import parse_date
from core.tabular import Row, Table, normalise_header, open_table
from core.xlsx_cells import is_workbook
from rewards.codes import MIN_CODE, is_code, normalise_code
from rewards.models import UploadedCode
from rewards.models.vouchers import MAX_WRITTEN

Problem = UploadedCode.Problem
MAX_ROWS = 500_000
MAX_UNPACKED = 200 * 1024 * 1024
CODE, UNTIL = "code", "valid_until"
ALIASES = {
    **dict.fromkeys(
        (
            "codes",
            "voucher",
            "voucher_code",
            "vouchercode",
            "coupon",
            "coupon_code",
            "e_voucher",
            "serial",
            "mã",
            "ma",
            "mã_code",
            "mã_voucher",
            "ma_voucher",
            "mã_ưu_đãi",
            "mã_giảm_giá",
        ),
        CODE,
    ),
    **dict.fromkeys(
        (
            "valid_to",
            "expires",
            "expires_on",
            "expiry",
            "expiry_date",
            "expiration_date",
            "hạn",
            "hạn_dùng",
            "hạn_sử_dụng",
            "hsd",
            "ngày_hết_hạn",
        ),
        UNTIL,
    ),
}
# 1,23457E+15: what was a long number is lost.
_is_rounded = re.compile(r"[0-9][.,][0-9]+E\+?[0-9]+", re.IGNORECASE).fullmatch


class ReadCode(NamedTuple):
    """One row of a list: its code, as it was written, and what is wrong with it."""

    number: int
    code: str
    written_as: str
    valid_until: datetime | None
    problem: str = Problem.NONE.value


def read_codes(path: Path, *, at: datetime) -> Iterator[ReadCode]:
    """Yield every row of a list. Raises InvalidInput for what is no list of codes."""
    _check_packing(path)
    zone = programme_zone()
    seen: set[str] = set()
    for count, row in enumerate(_rows(path)):
        if count >= MAX_ROWS:
            raise InvalidInput(
                _("The file has more than %(most)s rows. Cut it into several files.")
                % {"most": group_digits(MAX_ROWS)}
            )
        read = _read(row, zone, at)
        if not read.problem and read.code in seen:
            read = read._replace(problem=Problem.DOUBLED.value)
        seen.add(read.code)
        yield read


def _check_packing(path: Path) -> None:
    """Refuse what would unfold to more than anybody's list. Raises InvalidInput."""
    with path.open("rb") as file:
        head = file.read(4)
    if head.startswith(b"\x1f\x8b"):
        raise InvalidInput(_("Unpack %(file)s before you upload it.") % {"file": path.name})
    if not is_workbook(head):
        return
    try:
        with ZipFile(path) as book:
            size = sum(part.file_size for part in book.infolist())
    except BadZipFile:
        # Whoever reads it says what is wrong with it.
        return
    if size > MAX_UNPACKED:
        raise InvalidInput(
            _("%(file)s is too large. Save the column with the codes as CSV.")
            % {"file": path.name}
        )


def _rows(path: Path) -> Iterator[Row]:
    """Yield the rows; a list without names above its columns begins with a code."""
    table = open_table(path, required=())
    named = {ALIASES.get(name, name) for name in map(normalise_header, table.columns)}
    if CODE in named:
        table = _again(table, {})
        with table:
            yield from table.rows()
        return
    first = _first_code(table)
    table = _again(table, _names(table.columns))
    with table:
        yield first
        yield from table.rows()


def _again(table: Table, renames: dict[str, str]) -> Table:
    table.__exit__(None, None, None)
    return open_table(
        table.path, required={CODE}, optional={UNTIL}, aliases=ALIASES, renames=renames
    )


def _names(columns: list[str]) -> dict[str, str]:
    return dict(zip(columns, (CODE, UNTIL), strict=False))


def _first_code(table: Table) -> Row:
    """Return the first row of a list without names. InvalidInput for other tables."""
    columns = table.columns
    # A word without a digit is the name of a column, not a code.
    if len(columns) > 2 or not re.search("[0-9]", columns[0]):
        table.__exit__(None, None, None)
        raise InvalidInput(
            _(
                "The first row must name the columns. Call the one with the codes “code”, "
                "and the one with the last day, if there is one, “valid_until”."
            )
        )
    values = {name: columns[i] for i, name in enumerate((CODE, UNTIL)[: len(columns)])}
    return Row(1, values, columns)


def _read(row: Row, zone: ZoneInfo, at: datetime) -> ReadCode:
    written = row.values.get(CODE, row.cells[0] if row.cells else "")
    code = normalise_code(written)
    problem = Problem.UNREADABLE if row.problem else _problem_of(written, code)
    until = None
    if not problem and (text := row.values.get(UNTIL, "")):
        until = _end_of(text, zone)
        if until is None:
            problem = Problem.DATE
        elif until <= at:
            problem = Problem.OVER
    kept = "" if written == code and not problem else _storable(written)[:MAX_WRITTEN]
    return ReadCode(
        row.number, "" if problem else code, kept, until, Problem(problem).value
    )


def _problem_of(written: str, code: str) -> Problem:
    if _is_rounded(written):
        return Problem.ROUNDED
    if is_code(code):
        return Problem.LONG if len(written) > MAX_WRITTEN else Problem.NONE
    if not (code.isascii() and code.isalnum()) and code:
        return Problem.LETTERS
    return Problem.SHORT if len(code) < MIN_CODE else Problem.LONG


def _storable(text: str) -> str:
    """Leave out what no database keeps: bytes that were no text, and NUL."""
    return text.encode("utf-8", "replace").decode().replace("\0", "")


# A list names the same few days over and over.
@lru_cache(maxsize=4096)
def _end_of(text: str, zone: ZoneInfo) -> datetime | None:
    """Return the first instant after a day: a code can be used through its last day."""
    try:
        day = parse_date(text)
    except InvalidInput:
        return None
    return start_of_day(day + timedelta(days=1), zone)
