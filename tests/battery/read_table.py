"""Import a table as ``manage.py`` does, and say what that cost this process.

GUARDS_OFF=tables takes away the bounds on what a table may unpack to.
"""

import json
import os
import sys
import time
from pathlib import Path

import django
from django.core.management import call_command
from django.core.management.base import CommandError


def take_bounds_away() -> None:
    from core import csv_cells, xlsx_archive

    csv_cells.LONGEST_LINE = sys.maxsize
    xlsx_archive.MOST_TAGS = xlsx_archive.MOST_BYTES = sys.maxsize
    xlsx_archive.MOST_TEXT_BYTES = xlsx_archive.MOST_PACKED = sys.maxsize


def read(table: str) -> str:
    """Return what the command refused, or nothing."""
    try:
        call_command("import_orders", table, json=True, stdout=sys.stderr)
    except CommandError as refusal:
        return str(refusal)
    return ""


if __name__ == "__main__":
    django.setup()
    from core import xlsx_archive  # noqa: F401 - what every workbook needs is no cost

    if os.environ.get("GUARDS_OFF") == "tables":
        take_bounds_away()
    started = time.process_time()
    refusal = read(sys.argv[1])
    status = Path("/proc/self/status").read_text()
    cost = {
        "refusal": refusal,
        "seconds": time.process_time() - started,
        # Of this program alone; what the system keeps for a parent counts its starter too.
        "mebibytes": int(status.partition("VmHWM:")[2].split()[0]) / 1024,
    }
    sys.stdout.write(json.dumps(cost) + "\n")
