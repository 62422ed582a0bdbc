"""Import a file of members from the command line."""

from datetime import datetime
from pathlib import Path
from typing import Any

from core.tabular import parse_renames
from flows.import_members import ImportOptions, ImportReport, import_members
from flows.management.importing import ImportCommand


class Command(ImportCommand):
    help = (
        "Import members from CSV, CSV in gzip or XLSX. Columns: member_id or phone; "
        "optionally name, email, birth_date, gender, province, joined_at, zalo_user_id, "
        "follows_oa, consent, tags, tier, points, points_expire_on. Members are found by "
        "member_id, else by phone; empty cells change nothing. Rows that cannot be taken "
        "go to a reject file with the reason; importing a file again changes nothing."
    )
    source_help = "the system that told us; it stands beside each consent and tag"
    map_help = "use a column of another name, e.g. --map Mobile=phone"

    def import_file(
        self, path: Path, *, options: dict[str, Any], at: datetime
    ) -> ImportReport:
        wanted = ImportOptions(
            source=options["source"],
            renames=parse_renames(options["map"]),
            dry_run=options["dry_run"],
            quiet=options["json"],
            reject_file=options["reject_file"],
        )
        return import_members(path, options=wanted, at=at)
