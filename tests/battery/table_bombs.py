"""Files that somebody may send as a table of orders, and that must not fill the memory."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.tables import (
    BOOK,
    MAIN,
    SHEET,
    STRINGS,
    STYLES,
    TYPES,
    Part,
    laughing,
    ordinary_parts,
    repeated,
    sheet,
    workbook,
)

HEADER = ("order_id", "phone", "placed_at", "total")
GIBIBYTE = 2**30

Maker = Callable[[Path], Path]


def good(folder: Path) -> Path:
    path = folder / "good.csv"
    path.write_text(",".join(HEADER) + "\nA1,0912345678,2026-03-02,10000\n")
    return path


def endless_line(size: int) -> Maker:
    """Make a CSV whose second line is this long; a disk keeps none of its zeros."""

    def make(folder: Path) -> Path:
        path = good(folder).rename(folder / f"line-{size}.csv")
        with path.open("r+b") as file:
            file.truncate(size)
        return path

    return make


def endless_header(folder: Path) -> Path:
    path = folder / "header.csv"
    with path.open("wb") as file:
        file.write(b"\xff\xfe" + "order_id".encode("utf-16-le"))
        file.truncate(GIBIBYTE)
    return path


def packed_line(folder: Path) -> Path:
    """Make a gibibyte of one line in a megabyte; an archive may have many members."""
    path = folder / "line.csv.gz"
    member = gzip.compress(b"x" * 2**24, mtime=0)
    start = gzip.compress(good(folder).read_bytes(), mtime=0)
    path.write_bytes(start + member * 64)
    return path


def long_rows(folder: Path) -> Path:
    """Make 9,000 rows that are as long as a row may be, in less than a megabyte."""
    path = folder / "rows.csv.gz"
    filler = "x" * 16_300
    with gzip.open(path, "wt") as file:
        file.write(",".join((*HEADER, "note")) + "\n")
        for number in range(9_000):
            file.write(f"A{number},0912345678,2026-03-02,10000,{filler}\n")
    return path


def open_quote(folder: Path) -> Path:
    """Make forty mebibytes of one cell, in lines that are long but end."""
    path = folder / "quote.csv"
    line = b"x" * 16_000 + b"\n"
    with path.open("wb") as file:
        file.write(good(folder).read_bytes() + b'A2,"')
        for _number in range(2_500):
            file.write(line)
    return path


def book(changed: Mapping[str, Part], **options: object) -> Maker:
    def make(folder: Path) -> Path:
        parts = dict(changed)
        if STRINGS in parts:
            kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
            named = (
                f'<Override PartName="/{STRINGS}" ContentType="{kind}.sharedStrings+xml"/>'
            )
            types = ordinary_parts()[TYPES]
            parts[TYPES] = types.replace(b"</Types>", f"{named}</Types>".encode())
        path = folder / "orders.xlsx"
        return workbook(path, parts, header=HEADER, **options)  # type: ignore[arg-type]

    return make


def part_that_goes_on(
    name: str, start: str, piece: str, end: str
) -> Callable[[int], Maker]:
    return lambda mebibytes: book({name: repeated(start, piece, end, mebibytes=mebibytes)})


shared_texts = part_that_goes_on(
    STRINGS, f'<sst xmlns="{MAIN}">', "<si><t>a</t></si>", "</sst>"
)
cell = part_that_goes_on(
    SHEET,
    f'<worksheet xmlns="{MAIN}"><sheetData><row r="1"><c t="inlineStr"><is><t>',
    "a",
    "</t></is></c></row></sheetData></worksheet>",
)
styles = part_that_goes_on(
    STYLES,
    f'<styleSheet xmlns="{MAIN}"><cellXfs>',
    '<xf numFmtId="0"/>',
    "</cellXfs></styleSheet>",
)

BOMBS: dict[str, Maker] = {
    "CSV, a line of 1 GiB": endless_line(GIBIBYTE),
    "CSV, a header of 1 GiB": endless_header,
    "CSV in gzip, a line of 1 GiB": packed_line,
    "CSV, a cell of 40 MiB in lines": open_quote,
    "CSV in gzip, 140 MiB of long rows": long_rows,
    "XLSX, 128 MiB of texts": shared_texts(128),
    "XLSX, a cell of 256 MiB": cell(256),
    "XLSX, 16 MiB of styles": styles(16),
    "XLSX, a row of a billion": book(
        {SHEET: sheet('<row r="999999999"><c><v>1</v></c></row>', header=HEADER)}
    ),
    "XLSX, a billion laughs": book(
        {SHEET: laughing(sheet('<row r="2"><c><v>&a9;</v></c></row>', header=HEADER))}
    ),
    "XLSX, a laughing book": book({BOOK: laughing(b"<workbook>&a9;</workbook>")}),
    "XLSX, 60,000 parts": book({}, more=(f"part-{number}" for number in range(60_000))),
    "XLSX, parts that lead out": book({}, more=["../../escaped.txt", "/tmp/escaped.txt"]),
    "XLSX, cut short": book({SHEET: sheet(header=HEADER)[:-40]}),
}
# Of these the good rows are read, and what is wrong with the others is said for each.
HARMLESS = (
    "CSV, a cell of 40 MiB in lines",
    "CSV in gzip, 140 MiB of long rows",
    "XLSX, a row of a billion",
    "XLSX, parts that lead out",
)
