"""Prove the ledger from the command line."""

import json
import re
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.money import group_digits
from points.audit import Audit, verify_ledger


class Command(BaseCommand):
    help = (
        "Add up the whole ledger and compare it with its seals; exit 0 when every proof "
        "holds, 1 otherwise."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument(
            "--head",
            default="",
            help="the head of a seal that was kept outside; spaces in it do not matter",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        audit = verify_ledger(known_head=_read_head(options["head"]))
        if options["json"]:
            self.stdout.write(json.dumps(audit.as_json()))
        else:
            self._write(audit)
        if not audit.ok:
            sys.exit(1)

    def _write(self, audit: Audit) -> None:
        for name, total in audit.totals.items():
            self.stdout.write(f"{name:>20} {group_digits(total):>20}")
        self.stdout.write(f"{'sealed':>20} {group_digits(audit.sealed):>20}")
        if audit.head:
            self.stdout.write(f"{'head':>20} {audit.head}")
        for difference in audit.differences:
            self.stdout.write(self.style.ERROR(json.dumps(difference)))
        if audit.ok:
            self.stdout.write(self.style.SUCCESS("Every proof holds."))


def _read_head(text: str) -> str:
    head = "".join(text.split()).lower()
    if head and not re.fullmatch("[0-9a-f]{64}", head):
        raise CommandError("A head is 64 letters a to f and digits.")
    return head
