"""The register of phones without advertising (5656), taken in from lists."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from core.batch import Column, chunks, insert_new
from core.phones import InvalidPhone, normalise_phone
from messaging.models import DoNotAdvertise

COLUMNS = (
    Column("phone", "text"),
    Column("source", "text"),
    Column("added_at", "timestamptz"),
)
# What separates the cells of a line; the first one that is a phone counts.
CELLS = re.compile(r"[,;\t]")
LONGEST_LINE = 1000


@dataclass(slots=True)
class Imported:
    """What a list came to."""

    new: int = 0
    known: int = 0
    unread: int = 0


@transaction.atomic
def import_numbers(*, lines: Iterable[str], source: str, at: datetime) -> Imported:
    """Add the phones of a list, one on each line; safe to repeat with the same list."""
    told = Imported()
    for some in chunks(lines):
        phones = {
            phone for line in some if line.strip() if (phone := _phone_in(line, told))
        }
        rows = [(phone, source, at) for phone in sorted(phones)]
        table = DoNotAdvertise._meta.db_table
        new = len(insert_new(table, COLUMNS, rows, conflict="phone", returning="id"))
        told.new += new
        told.known += len(rows) - new
    return told


def _phone_in(line: str, told: Imported) -> str:
    for cell in CELLS.split(line[:LONGEST_LINE]):
        try:
            return normalise_phone(cell.strip().strip("\"'\ufeff"))
        except InvalidPhone:
            continue
    told.unread += 1
    return ""
