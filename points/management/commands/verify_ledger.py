"""Prove the ledger from the command line."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from core.money import group_digits
from points.audit import Audit, verify_ledger


class Command(BaseCommand):
    help = "Add up the whole ledger; exit 0 when every proof holds, 1 otherwise."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        audit = verify_ledger()
        if options["json"]:
            self.stdout.write(json.dumps(audit.as_json()))
        else:
            self._write(audit)
        if not audit.ok:
            sys.exit(1)

    def _write(self, audit: Audit) -> None:
        for name, total in audit.totals.items():
            self.stdout.write(f"{name:>20} {group_digits(total):>20}")
        for difference in audit.differences:
            self.stdout.write(self.style.ERROR(json.dumps(difference)))
        if audit.ok:
            self.stdout.write(self.style.SUCCESS("Every proof holds."))
