"""The rows of a CSV file, plain or in gzip: any usual delimiter, damage kept to its row."""

import csv
import gzip
import io
import re
import zlib
from collections import deque
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from django.utils.translation import gettext as _

from core.errors import InvalidInput
from core.money import group_digits

HEAD_BYTES = 64 * 1024
DELIMITERS = ",;\t|"
# A quotation mark that is never closed would swallow the rest of the file as one cell.
LONGEST_RECORD_LINES = 50
# What is longer is cut: some thousand rows are in memory at once, and of a packed file
# every row may be endless. Three pages of text fit.
LONGEST_LINE = 16 * 1024
# A line that is still not over then is the file's fault, not the row's.
MOST_PIECES = 256
DAMAGED = (EOFError, gzip.BadGzipFile, zlib.error)


class TextCells:
    """Rows read one by one, each with what is wrong with it (mostly nothing)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = path.stat().st_size
        with path.open("rb") as raw:
            self._is_gzip = raw.read(2) == b"\x1f\x8b"
        head = self._read_head()
        self._encoding = _encoding(head, path)
        self._delimiter = _delimiter(head.decode(self._encoding, "replace"))
        self._raw: BinaryIO = path.open("rb")
        self._text = io.TextIOWrapper(
            self._unpacked(self._raw),
            encoding=self._encoding,
            # Bytes that are no UTF-8 spoil their row, not the file.
            errors="surrogateescape",
            newline="",
        )

    def part_read(self) -> float | None:
        return self._raw.tell() / self.size if self.size else None

    def close(self) -> None:
        self._text.close()
        self._raw.close()

    def __iter__(self) -> Iterator[tuple[list[str], str]]:
        lines = _RecordLines(self._lines())
        reader = self._reader(lines)
        width = 0
        while True:
            problem = ""
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error:
                cells, problem = [], _("The row cannot be read. Check its quotation marks.")
            width = width or len(cells)
            if len(lines.record) > 1 and (problem or len(cells) != width):
                # A stray quotation mark has swallowed whole lines: give them back.
                problem = _("The row cannot be read. Check its quotation marks.")
                lines.give_back()
            if problem:
                cells = [lines.record[0].rstrip("\r\n")]
                reader = self._reader(lines)
            yield cells, problem or lines.damage
            lines.next_record()

    def _reader(self, lines: Iterator[str]) -> Iterator[list[str]]:
        return csv.reader(
            lines, delimiter=self._delimiter, strict=True, skipinitialspace=True
        )

    def _lines(self) -> Iterator[str]:
        try:
            first = self._text.readline(LONGEST_LINE)
            # Excel's own hint about the delimiter, read already.
            if not first.casefold().startswith("sep="):
                yield first
            for line in iter(partial(self._text.readline, LONGEST_LINE), ""):
                if len(line) >= LONGEST_LINE:
                    self._skip_line(line)
                yield line
        except DAMAGED as error:
            raise InvalidInput(
                _("%(file)s ends too early: the archive is damaged. Send it again.")
                % {"file": self.path.name}
            ) from error
        except UnicodeDecodeError as error:
            raise no_table(self.path) from error

    def _skip_line(self, piece: str) -> None:
        """Read to the end of a line of which a piece was read, and forget the rest."""
        for _number in range(MOST_PIECES):
            if piece.endswith("\n") or not piece:
                return
            piece = self._text.readline(LONGEST_LINE)
        raise InvalidInput(
            _(
                "%(file)s has a line of more than %(most)s letters, so it is no table. "
                "Export it again as “CSV UTF-8”."
            )
            % {
                "file": self.path.name,
                "most": group_digits(LONGEST_LINE * MOST_PIECES),
            }
        )

    def _read_head(self) -> bytes:
        with self.path.open("rb") as raw:
            try:
                return self._unpacked(raw).read(HEAD_BYTES)
            except DAMAGED:
                raise no_table(self.path) from None

    def _unpacked(self, raw: BinaryIO) -> BinaryIO:
        if not self._is_gzip:
            return raw
        return cast(BinaryIO, io.BufferedReader(gzip.GzipFile(fileobj=raw), HEAD_BYTES))


class _RecordLines:
    """Hand lines to the CSV reader and remember those of the record under way."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._given_back: deque[str] = deque()
        self.record: list[str] = []
        self.damage = ""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self.record and self._is_long():
            raise StopIteration
        line = self._given_back.popleft() if self._given_back else next(self._lines)
        self.record.append(line)
        if len(line) >= LONGEST_LINE:
            self.damage = _("The row is longer than %(most)s letters.") % {
                "most": group_digits(LONGEST_LINE)
            }
        elif "\0" in line:
            self.damage = _("The row contains binary characters.")
        elif not line.isascii() and not _is_text(line):
            self.damage = _("The row is not in UTF-8. Save the file as “CSV UTF-8”.")
        return line

    def _is_long(self) -> bool:
        return (
            len(self.record) >= LONGEST_RECORD_LINES
            or sum(map(len, self.record)) >= LONGEST_LINE
        )

    def give_back(self) -> None:
        """Keep only the record's first line; read the others again."""
        self._given_back.extendleft(reversed(self.record[1:]))
        del self.record[1:]

    def next_record(self) -> None:
        self.record = []
        self.damage = ""


def no_table(path: Path) -> InvalidInput:
    return InvalidInput(
        _("%(file)s is no CSV or XLSX file. Export it again as “CSV UTF-8”.")
        % {"file": path.name}
    )


def _is_text(line: str) -> bool:
    """Tell whether every byte was UTF-8 (others were kept as lone surrogates)."""
    try:
        line.encode()
    except UnicodeEncodeError:
        return False
    return True


def _encoding(head: bytes, path: Path) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    first = re.split(rb"[\r\n]", head, maxsplit=1)[0]
    if b"\0" in first or len(first) == HEAD_BYTES or not _decodes(first):
        raise no_table(path)
    # The last line of the head may be cut in the middle of a letter.
    lines = [line for line in head.split(b"\n")[:-1] if not line.isascii()]
    num_wrong = sum(not _decodes(line) for line in lines)
    if num_wrong > 2 and num_wrong * 2 > len(lines):
        raise InvalidInput(
            _("%(file)s is not in UTF-8. Save it as “CSV UTF-8” and send it again.")
            % {"file": path.name}
        )
    return "utf-8-sig"


def _decodes(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _delimiter(head: str) -> str:
    """Choose what separates the names in the first line; Vietnamese Excel writes ``;``."""
    first = head.splitlines()[0] if head else ""
    if first.casefold().startswith("sep=") and len(first) > 4:
        return first[4]
    unquoted = re.sub(r'"[^"]*"', "", first)
    return max(DELIMITERS, key=unquoted.count)
