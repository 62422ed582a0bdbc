"""Seal what is final of the ledger, from the command line."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from core.money import group_digits
from points.sealing import seal_ledger


class Command(BaseCommand):
    help = (
        "Seal the transfers that are ten minutes old and not sealed yet, and print the "
        "newest head: keep it outside this database. Doing it twice changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        done = seal_ledger(at=timezone.now())
        if options["json"]:
            self.stdout.write(json.dumps(asdict(done)))
            return
        self.stdout.write(
            f"{group_digits(done.transfers)} transfers under {done.seals} new seals."
        )
        if done.head:
            self.stdout.write(f"Head: {done.head}")
