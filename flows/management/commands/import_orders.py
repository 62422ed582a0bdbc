"""Import a file of orders from the command line."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from core.errors import DomainError
from core.money import group_digits
from core.tabular import parse_renames
from flows.import_orders import ImportOptions, ImportReport, import_orders


class Command(BaseCommand):
    help = (
        "Import orders from CSV, CSV in gzip or XLSX. Columns: order_id, member_id or "
        "phone, placed_at, total; optionally status, channel, store, sku, product, "
        "category, quantity, unit_price, discount, currency. Rows that cannot be taken go "
        "to a reject file with the reason; importing a file again changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--source",
            default="file",
            help="the system that numbered the orders; numbers are unique within it",
        )
        parser.add_argument(
            "--map",
            action="append",
            default=[],
            metavar="COLUMN=FIELD",
            help="use a column of another name, e.g. --map InvoiceNo=order_id",
        )
        parser.add_argument(
            "--create-members",
            action="store_true",
            help="make members that do not exist yet",
        )
        parser.add_argument(
            "--create-stores",
            action="store_true",
            help="make stores that do not exist yet",
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
            report = import_orders(
                options["file"],
                options=ImportOptions(
                    source=options["source"],
                    renames=parse_renames(options["map"]),
                    create_members=options["create_members"],
                    create_stores=options["create_stores"],
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
            "orders": report.orders,
            "members": len(report.member_ids),
            "new": report.new,
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
