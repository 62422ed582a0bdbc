"""A workbook's archive, opened so that a small file cannot become a mountain.

A ZIP of some kilobytes may unpack to gigabytes, and what the library reads before the
first row it keeps in memory as objects, many times the size of the text. So each part is
judged when it is opened, whatever its name, and the long list of texts is read leanly.
Only ``core.xlsx_cells`` imports this: the library is slow to load.
"""

from __future__ import annotations

import os
import zipfile
from typing import IO, Any, BinaryIO
from xml.etree.ElementTree import iterparse

from django.utils.translation import gettext as _
from openpyxl import Workbook
from openpyxl.reader.excel import ExcelReader
from openpyxl.xml.constants import SHARED_STRINGS, SHEET_MAIN_NS

from core.errors import InvalidInput

# Titles, styles, relations: of ordinary workbooks some kilobytes, of old ones hundreds.
MOST_BYTES = 1024 * 1024
MOST_TAGS = 20_000
# The texts of all cells, each once: a million short ones, and 90 MB when they are read.
MOST_TEXT_BYTES = 32 * 1024 * 1024
# Rows are read one by one, so a sheet may have any size; its packing gives a bomb away.
# Tables of equal rows pack about thirty to one, a bomb a thousand to one.
MOST_PACKED = 100
# What an archive says about its parts is read whole before any of them.
MOST_DIRECTORY_BYTES = 1024 * 1024

_TEXT = f"{{{SHEET_MAIN_NS}}}t"
_RUN = f"{{{SHEET_MAIN_NS}}}r"
_ITEM = f"{{{SHEET_MAIN_NS}}}si"
_HEAD_BYTES = 4096
_END, _END_64 = b"PK\x05\x06", b"PK\x06\x07"


def read_workbook(file: BinaryIO, name: str) -> Workbook:
    """Open a workbook for reading rows; ``name`` is the file's, for refusals."""
    _refuse_long_directory(file, name)
    reader = _Reader(file, name)
    reader.read()
    return reader.wb


class _Archive(zipfile.ZipFile):
    """Refuses parts that would unpack to more than they are good for."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        super().__init__(file)
        self.title = name
        self.size = os.fstat(file.fileno()).st_size
        self.most_bytes: int | None = MOST_BYTES

    def open(self, name: Any, mode: Any = "r", *args: Any, **kwargs: Any) -> IO[bytes]:
        part = name if isinstance(name, zipfile.ZipInfo) else self.getinfo(name)
        packed = min(part.compress_size, self.size)
        is_bomb = part.file_size > max(MOST_BYTES, packed * MOST_PACKED)
        is_large = self.most_bytes is not None and part.file_size > self.most_bytes
        if is_bomb or is_large or self._has_own_words(part):
            raise _too_much(self.title)
        return super().open(name, mode, *args, **kwargs)

    def _has_own_words(self, part: zipfile.ZipInfo) -> bool:
        """Tell whether a part begins by naming words that stand for longer ones."""
        with super().open(part) as file:
            return b"<!DOCTYPE" in file.read(_HEAD_BYTES)

    def read(self, name: Any, pwd: bytes | None = None) -> bytes:
        content = super().read(name, pwd)
        if content.count(b"<") > MOST_TAGS:
            raise _too_much(self.title)
        return content


class _Reader(ExcelReader):
    """Reads what is needed for rows of values, and the texts without their dress."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        super().__init__(file, read_only=True, data_only=True, keep_links=False)
        self._bounded = self.archive = _Archive(file, name)

    def read_strings(self) -> None:
        part = self.package.find(SHARED_STRINGS)  # type: ignore[no-untyped-call]
        if part is None:
            return
        self._bounded.most_bytes = MOST_TEXT_BYTES
        with self.archive.open(part.PartName[1:]) as source:
            self.shared_strings = _read_texts(source)
        self._bounded.most_bytes = MOST_BYTES

    def read_worksheets(self) -> None:
        # From here on only sheets are opened, row by row.
        self._bounded.most_bytes = None
        super().read_worksheets()


def _read_texts(source: IO[bytes]) -> list[str]:
    texts = []
    events = iterparse(source, ("start", "end"))
    _event, root = next(events)
    for event, node in events:
        if event == "end" and node.tag == _ITEM:
            # How a text is pronounced stands beside its runs, and is none of it.
            runs = [node, *(part for part in node if part.tag == _RUN)]
            pieces = [part.text or "" for run in runs for part in run if part.tag == _TEXT]
            # How Excel writes an underscore that would look like the start of a code.
            texts.append("".join(pieces).replace("x005F_", ""))
            # Else every item stays, emptied, below the root.
            root.clear()
    return texts


def _refuse_long_directory(file: BinaryIO, name: str) -> None:
    """Refuse an archive of a hundred thousand parts, or one that hides how many it has."""
    size = file.seek(0, os.SEEK_END)
    # The end of an archive may be followed by a comment of 64 kB.
    file.seek(max(0, size - 66_000))
    tail = file.read()
    file.seek(0)
    at = tail.rfind(_END)
    length = int.from_bytes(tail[at + 12 : at + 16], "little")
    if at >= 0 and (length > MOST_DIRECTORY_BYTES or _END_64 in tail[max(0, at - 20) : at]):
        raise _too_much(name)


def _too_much(name: str) -> InvalidInput:
    return InvalidInput(
        _(
            "%(file)s unpacks to more than a table needs. Save the sheet as “CSV UTF-8” "
            "and send that."
        )
        % {"file": name}
    )
