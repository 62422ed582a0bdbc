"""Tables that people send: CSV, CSV in gzip, XLSX; read lazily, refused clearly.

    with open_table(path, required={"order_id"}, optional={"total"}) as table:
        for row in table.rows():
            if row.problem:
                rejects.write(row, row.problem)
            else:
                use(row.number, row.values["order_id"], row.values.get("total", ""))

What is wrong with the file raises InvalidInput before the first row. What is wrong with
one row is that row's ``problem``; the rows after it go on.
"""

from __future__ import annotations

import csv
import io
import os
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Protocol

from django.utils.translation import gettext as _

from core.csv_cells import TextCells, no_table
from core.errors import InvalidInput
from core.parsing import (
    parse_amount,
    parse_date,
    parse_flag,
    parse_moment,
    parse_quantity,
    parse_whole,
)
from core.progress import Progress
from core.xlsx_cells import SheetCells, is_workbook

__all__ = [
    "Progress",
    "RejectFile",
    "Row",
    "Table",
    "open_table",
    "parse_amount",
    "parse_date",
    "parse_flag",
    "parse_moment",
    "parse_quantity",
    "parse_renames",
    "parse_whole",
]

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
REJECT_COLUMNS = ("rejected_row", "reason")


class Row(NamedTuple):
    """One row: its number as a spreadsheet counts (the header is 1) and its cells."""

    number: int
    values: dict[str, str]
    cells: Sequence[str]
    problem: str = ""


class Cells(Protocol):
    """Where rows of text come from."""

    def __iter__(self) -> Iterator[tuple[list[str], str]]: ...

    def part_read(self) -> float | None: ...

    def close(self) -> None: ...


def open_table(
    path: Path,
    *,
    required: Collection[str],
    optional: Collection[str] = (),
    either: Collection[str] = (),
    aliases: Mapping[str, str] | None = None,
    renames: Mapping[str, str] | None = None,
) -> Table:
    """Open a file and match its header, or raise InvalidInput.

    ``either`` names columns of which at least one must be there. ``aliases`` are other
    names that headers may use; ``renames`` is what the person said with ``--map``.
    """
    cells = _open_cells(path)
    try:
        return Table(
            path,
            cells,
            required=required,
            optional=optional,
            either=either,
            aliases=aliases or {},
            renames=renames or {},
        )
    except BaseException:
        cells.close()
        raise


def parse_renames(pairs: Iterable[str]) -> dict[str, str]:
    """Read ``--map column=field`` options."""
    renames = {}
    for pair in pairs:
        column, equals, field = pair.partition("=")
        if not (equals and column.strip() and field.strip()):
            raise InvalidInput(
                _("“%(pair)s” is no mapping. Write --map column=field.") % {"pair": pair}
            )
        renames[column.strip()] = field.strip()
    return renames


class Table:
    """An open file whose header was understood."""

    def __init__(
        self,
        path: Path,
        cells: Cells,
        *,
        required: Collection[str],
        optional: Collection[str],
        either: Collection[str],
        aliases: Mapping[str, str],
        renames: Mapping[str, str],
    ) -> None:
        self.path = path
        self._cells = cells
        self._iterator = iter(cells)
        self.columns = self._read_header()
        known = {*required, *optional, *either}
        names = _field_names(self.columns, known, aliases, renames)
        self.positions = _positions(names, known)
        self.unknown = [
            column
            for column, name in zip(self.columns, names, strict=True)
            if name not in known and column and column not in REJECT_COLUMNS
        ]
        _require(path, self.columns, self.positions, required, either)
        self.is_reject_file = REJECT_COLUMNS[0] in self.columns

    def __enter__(self) -> Table:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._cells.close()

    @property
    def fields(self) -> Collection[str]:
        return self.positions.keys()

    @property
    def notices(self) -> list[str]:
        """Sentences about what is not wrong but should be known."""
        return [
            _("The column “%(column)s” is unknown and ignored. Use --map %(column)s=FIELD.")
            % {"column": column}
            for column in self.unknown
        ]

    def part_read(self) -> float | None:
        """Return which part of the file is read, 0 to 1, or None when nobody knows."""
        return self._cells.part_read()

    def rows(self) -> Iterator[Row]:
        """Yield the rows once, passing over empty ones."""
        names = tuple(self.positions)
        spots = tuple(self.positions.values())
        # itemgetter with one index gives no tuple.
        pick = itemgetter(*spots) if len(spots) > 1 else lambda c: (c[spots[0]],)
        width = len(self.columns)
        number = 1
        for raw, problem in self._iterator:
            number += 1
            cells = [cell.strip() for cell in raw]
            if problem:
                yield Row(number, {}, cells, problem)
            elif len(cells) == width:
                if self.is_reject_file:
                    cells = [_unescape(cell) for cell in cells]
                if any(cells):
                    yield Row(number, dict(zip(names, pick(cells), strict=True)), cells)
            elif any(cells[width:]) or (any(cells) and len(cells) < width):
                yield Row(number, {}, cells, _wrong_width(len(cells), width))
            elif any(cells):
                values = dict(zip(names, pick(cells), strict=True))
                yield Row(number, values, cells[:width])

    def _read_header(self) -> list[str]:
        cells, problem = next(self._iterator, ([], ""))
        columns = [cell.strip().lstrip("\ufeff") for cell in cells]
        while columns and not columns[-1]:
            columns.pop()
        if not columns:
            raise InvalidInput(
                _("%(file)s is empty. Its first row must name the columns.")
                % {"file": self.path.name}
            )
        if problem:
            raise no_table(self.path)
        return columns


class RejectFile:
    """Rows that were not taken, as a CSV that can be corrected and sent again."""

    def __init__(self, path: Path, columns: Sequence[str], *, source: Path) -> None:
        if path.resolve() == source.resolve():
            raise InvalidInput(
                _("The reject file would overwrite %(file)s. Choose another --reject-file.")
                % {"file": source.name}
            )
        self.path = path
        self.columns = [c for c in columns if c not in REJECT_COLUMNS]
        self._kept = [i for i, c in enumerate(columns) if c not in REJECT_COLUMNS]
        self.count = 0
        self._file: io.TextIOWrapper | None = None

    def write(self, row: Row, reason: str) -> None:
        """Keep a row and why it was refused; the file is made with the first one."""
        if self._file is None:
            self._open()
        self.count += 1
        cells = [row.cells[i] if i < len(row.cells) else "" for i in self._kept]
        self._writer.writerow([safe_cell(c) for c in (*cells, str(row.number), reason)])

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> RejectFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _open(self) -> None:
        try:
            # The byte order mark is what makes Excel read it as UTF-8.
            self._file = self.path.open(
                "w", encoding="utf-8-sig", errors="replace", newline=""
            )
        except OSError as error:
            raise InvalidInput(
                _("%(file)s cannot be written. Choose another --reject-file.")
                % {"file": self.path}
            ) from error
        self._writer = csv.writer(self._file)
        self._writer.writerow([*map(safe_cell, self.columns), *REJECT_COLUMNS])


def reject_path(source: Path) -> Path:
    """Return where rejects of a file go: orders.csv.gz → orders.rejected.csv beside it.

    A folder that may only be read gets nothing: then they go to where we stand.
    """
    stem = re.sub(r"(\.csv)?(\.gz)?$|\.(txt|tsv|xlsx)$", "", source.name, flags=re.I)
    folder = source.parent if os.access(source.parent, os.W_OK) else Path.cwd()
    return folder / f"{stem}.rejected.csv"


def safe_cell(text: str) -> str:
    """Keep a spreadsheet from running a cell as a formula."""
    text = text.replace("\0", "")
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def _unescape(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" and cell[1:].startswith(FORMULA_STARTS) else cell


# --- Headers -----------------------------------------------------------------------------


def normalise_header(text: str) -> str:
    """Bring a header to the form in which fields are named: “Order ID” → order_id."""
    text = unicodedata.normalize("NFC", text).strip().casefold()
    return re.sub(r"[\s\-]+", "_", text)


def _field_names(
    columns: Sequence[str],
    known: Collection[str],
    aliases: Mapping[str, str],
    renames: Mapping[str, str],
) -> list[str]:
    """Name the field of each column; what nobody knows keeps its own name."""
    wanted = {normalise_header(column): field for column, field in renames.items()}
    for field in wanted.values():
        if field not in known:
            raise InvalidInput(
                _("There is no field “%(field)s”. The fields are: %(fields)s.")
                % {"field": field, "fields": ", ".join(sorted(known))}
            )
    headers = [normalise_header(column) for column in columns]
    for column in renames:
        if normalise_header(column) not in headers:
            raise InvalidInput(
                _("The file has no column “%(column)s”. Its columns are: %(columns)s.")
                % {"column": column, "columns": ", ".join(columns)[:300]}
            )
    mapped = {*wanted.values()}
    names = []
    for header in headers:
        name = wanted.get(header) or aliases.get(header, header)
        # --map phone2=phone takes the place of a column that is itself called phone.
        names.append("" if name in mapped and header not in wanted else name)
    return names


def _positions(names: Sequence[str], known: Collection[str]) -> dict[str, int]:
    positions: dict[str, int] = {}
    for position, name in enumerate(names):
        if name in positions:
            raise InvalidInput(
                _("Two columns are called “%(name)s”. Rename or remove one of them.")
                % {"name": name}
            )
        if name in known:
            positions[name] = position
    return positions


def _require(
    path: Path,
    columns: Sequence[str],
    positions: Mapping[str, int],
    required: Collection[str],
    either: Collection[str],
) -> None:
    missing = [name for name in sorted(required) if name not in positions]
    if either and not any(name in positions for name in either):
        missing.append(_(" or ").join(sorted(either)))
    if missing:
        raise InvalidInput(
            _(
                "%(file)s lacks the column %(missing)s. It has: %(columns)s. "
                "Name it with --map column=field."
            )
            % {
                "file": path.name,
                "missing": ", ".join(missing),
                "columns": ", ".join(c[:40] for c in columns)[:300],
            }
        )


def _wrong_width(found: int, width: int) -> str:
    return _("The row has %(found)s cells; the header has %(width)s.") % {
        "found": found,
        "width": width,
    }


# --- Files -------------------------------------------------------------------------------


def _open_cells(path: Path) -> Cells:
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except FileNotFoundError:
        raise InvalidInput(_("There is no file %(path)s.") % {"path": path}) from None
    except OSError as error:
        raise InvalidInput(
            _("%(path)s cannot be read: %(error)s.")
            % {"path": path, "error": error.strerror}
        ) from error
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        raise InvalidInput(
            _("%(file)s is an old Excel file. Save it as .xlsx or as “CSV UTF-8”.")
            % {"file": path.name}
        )
    return SheetCells(path) if is_workbook(head) else TextCells(path)
