"""The rows of an Excel workbook's first sheet, as text."""

import warnings
from collections.abc import Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from core.errors import InvalidInput
from core.money import group_digits

# As many as Excel has.
MOST_ROWS = 1_048_576


def is_workbook(head: bytes) -> bool:
    """Tell a ZIP container (which XLSX is) by its first bytes."""
    return head.startswith(b"PK\x03\x04")


class SheetCells:
    """Rows read one by one; the workbook is never whole in memory."""

    def __init__(self, path: Path) -> None:
        # Slow to load, and of no use to those who send CSV.
        from core.xlsx_archive import read_workbook

        self.path = path
        self._file = path.open("rb")
        try:
            with warnings.catch_warnings():
                # Styles and extensions that openpyxl does not know; we want values only.
                warnings.simplefilter("ignore")
                self._book = read_workbook(self._file, path.name)
            sheet = self._book.worksheets[0]
        except InvalidInput:
            self._file.close()
            raise
        except Exception as error:
            # What a broken part makes the library raise, nobody can list.
            self._file.close()
            raise InvalidInput(
                _("%(file)s is no Excel workbook with a sheet. Save it again as .xlsx.")
                % {"file": path.name}
            ) from error
        self._num_rows = sheet.max_row
        # Some programs write a wrong size into the sheet; without it all rows are read.
        sheet.reset_dimensions()
        self._sheet = sheet
        self._num_read = 0

    def __iter__(self) -> Iterator[tuple[list[str], str]]:
        width = 0
        for values in self._values():
            self._num_read += 1
            cells = [cell_text(value) for value in values]
            width = width or len(cells)
            # Empty cells at the end of a row are not written into the file.
            cells += [""] * (width - len(cells))
            yield cells, ""

    def _values(self) -> Iterator[tuple[Any, ...]]:
        try:
            # A row may claim any number, and all before it would be made up.
            yield from self._sheet.iter_rows(max_row=MOST_ROWS, values_only=True)
        except Exception as error:
            raise InvalidInput(
                _("%(file)s is damaged after row %(row)s. Save it again as .xlsx.")
                % {"file": self.path.name, "row": group_digits(self._num_read)}
            ) from error

    def part_read(self) -> float | None:
        return self._num_read / self._num_rows if self._num_rows else None

    def close(self) -> None:
        self._book.close()
        self._file.close()


def cell_text(value: Any) -> str:
    """Write a cell as a CSV export would: whole numbers without .0, dates in ISO."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, datetime):
        is_day = value.time() == time.min
        return value.date().isoformat() if is_day else value.isoformat(" ", "seconds")
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value)
