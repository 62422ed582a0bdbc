"""Import a file of members from the command line."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from core.errors import DomainError
from core.money import group_digits
from core.tabular import parse_renames
from flows.import_members import ImportOptions, ImportReport, import_members


class Command(BaseCommand):
    help = (
        "Import members from CSV, CSV in gzip or XLSX. Columns: member_id or phone; "
        "optionally name, email, birth_date, gender, province, joined_at, zalo_user_id, "
        "follows_oa, consent, tags, tier, points, points_expire_on. Members are found by "
        "member_id, else by phone; empty cells change nothing. Rows that cannot be taken "
        "go to a reject file with the reason; importing a file again changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--map",
            action="append",
            default=[],
            metavar="COLUMN=FIELD",
            help="use a column of another name, e.g. --map Mobile=phone",
        )
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="do everything, say what came of it, and keep nothing",
        )
        parser.add_argument("--reject-file", type=Path, help="where bad rows go")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            report = import_members(
                options["file"],
                options=ImportOptions(
                    renames=parse_renames(options["map"]),
                    dry_run=options["dry_run"],
                    quiet=options["json"],
                    reject_file=options["reject_file"],
                ),
                at=timezone.now(),
            )
        except DomainError as error:
            raise CommandError(str(error.message)) from error
        if options["json"]:
            self.stdout.write(json.dumps(report.as_json()))
        else:
            self._write(report, dry_run=options["dry_run"])

    def _write(self, report: ImportReport, *, dry_run: bool) -> None:
        for notice in report.notices:
            self.stderr.write(self.style.WARNING(notice))
        numbers = {
            "rows": report.rows,
            "members": len(report.member_ids),
            "new": report.new,
            "updated": report.updated,
            "known": report.known,
            "rejected rows": report.rejected,
            "points": report.points,
        }
        for name, number in numbers.items():
            self.stdout.write(f"{name:>14} {group_digits(number):>14}")
        if report.reject_file:
            self.stdout.write(f"Rejected rows, with reasons: {report.reject_file}")
        if dry_run:
            self.stdout.write("Dry run: nothing was kept.")
