"""Import a file of orders from the command line."""

from argparse import ArgumentParser
from datetime import datetime
from pathlib import Path
from typing import Any

from core.tabular import parse_renames
from flows.import_orders import ImportOptions, ImportReport, import_orders
from flows.management.importing import ImportCommand


class Command(ImportCommand):
    help = (
        "Import orders from CSV, CSV in gzip or XLSX. Columns: order_id, member_id or "
        "phone, placed_at, total; optionally status, channel, store, sku, product, "
        "category, brand, quantity, unit_price, discount, currency, payment_method, "
        "promo_code, and how the total came about. An order whose rows are all below zero "
        "is a refund; refund_of names its sale. Rows that cannot be taken go to a reject "
        "file with the reason; importing a file again changes nothing."
    )
    source_help = "the system that numbered the orders; numbers are unique within it"
    map_help = "use a column of another name, e.g. --map InvoiceNo=order_id"

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
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

    def import_file(
        self, path: Path, *, options: dict[str, Any], at: datetime
    ) -> ImportReport:
        wanted = ImportOptions(
            source=options["source"],
            renames=parse_renames(options["map"]),
            create_members=options["create_members"],
            create_stores=options["create_stores"],
            dry_run=options["dry_run"],
            quiet=options["json"],
            reject_file=options["reject_file"],
        )
        return import_orders(path, options=wanted, at=at)
