"""One programme day from the command line."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.clock import parse_at
from core.errors import DomainError
from flows.day import DayReport, run_day


class Command(BaseCommand):
    help = (
        "Do what every programme day ends with: expire points, run the automatic "
        "campaigns, prove the ledger. Doing it twice changes nothing. Exit 1 when a step "
        "failed; the others were done all the same."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--at", help="for this moment: 2026-12-31 (its midday) or 2026-12-31T09:30"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            report = run_day(at=parse_at(options["at"]))
        except DomainError as error:
            raise CommandError(str(error.message)) from error
        if options["json"]:
            self.stdout.write(json.dumps(report.as_json()))
        else:
            self._write(report)
        if not report.ok:
            sys.exit(1)

    def _write(self, report: DayReport) -> None:
        self.stdout.write(report.day)
        for step in report.steps:
            said = json.dumps(step.result, ensure_ascii=False) if step.ok else step.error
            style = self.style.SUCCESS if step.ok else self.style.ERROR
            self.stdout.write(style(f"{step.name:>16}  {step.seconds:7.2f} s  {said}"))
