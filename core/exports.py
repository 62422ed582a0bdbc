"""Tables that leave the console: CSV as Excel reads it, or a workbook; never a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone

from core.tabular import safe_cell

# The byte order mark is what makes Excel read a file as UTF-8.
BOM = "\ufeff"
CSV, XLSX = "csv", "xlsx"
WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
Rows = Iterable[Sequence[Any]]


class _Line:
    """What csv.writer writes to: hands each line on instead of keeping it."""

    def write(self, text: str) -> str:
        return text


def table_response(
    name: str, columns: Sequence[str], rows: Rows, *, kind: str = CSV
) -> HttpResponseBase:
    """Answer with a table as a file; text that a spreadsheet would run is made harmless."""
    response: HttpResponseBase
    if kind == XLSX:
        response = HttpResponse(_workbook(columns, rows), content_type=WORKBOOK)
    else:
        response = StreamingHttpResponse(
            _lines(columns, rows), content_type="text/csv; charset=utf-8"
        )
    response["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
    response["Cache-Control"] = "no-store"
    return response


def _lines(columns: Sequence[str], rows: Rows) -> Iterator[str]:
    writer = csv.writer(_Line())
    yield BOM
    yield writer.writerow([safe_cell(column) for column in columns])
    for row in rows:
        yield writer.writerow([_csv_cell(value) for value in row])


def _csv_cell(value: Any) -> Any:
    """Write numbers as numbers and times in ISO; a minus before digits is no formula."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return timezone.localtime(value).isoformat(" ", "seconds")
    if isinstance(value, date):
        return value.isoformat()
    return value if isinstance(value, int | Decimal) else safe_cell(str(value))


def _workbook(columns: Sequence[str], rows: Rows) -> bytes:
    # Slow to load, and of no use to those who take CSV.
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.freeze_panes = "B2"
    sheet.append([safe_cell(column) for column in columns])
    for row in rows:
        sheet.append([_sheet_cell(value) for value in row])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _sheet_cell(value: Any) -> Any:
    if isinstance(value, datetime):
        # A workbook knows no time zones.
        return timezone.localtime(value).replace(tzinfo=None)
    if value is None or isinstance(value, int | Decimal | date):
        return value
    return safe_cell(str(value))
