"""What the commands that import a file have in common."""

import json
from argparse import ArgumentParser
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from core.errors import DomainError
from core.money import group_digits


class Report(Protocol):
    """What an import tells: its numbers, its warnings, where rejected rows went."""

    notices: list[str]
    reject_file: str

    def as_json(self) -> dict[str, Any]: ...


class ImportCommand(BaseCommand):
    """Parses the options that every import has, calls one verb and reports."""

    source_help = "where the file comes from"
    map_help = "use a column of another name"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--source", default="file", help=self.source_help)
        parser.add_argument(
            "--map",
            action="append",
            default=[],
            metavar="COLUMN=FIELD",
            help=self.map_help,
        )
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="do everything, say what came of it, and keep nothing",
        )
        parser.add_argument("--reject-file", type=Path, help="where bad rows go")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def import_file(self, path: Path, *, options: dict[str, Any], at: datetime) -> Report:
        """Call the verb of this import with what the person asked for."""
        raise NotImplementedError

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            report = self.import_file(options["file"], options=options, at=timezone.now())
        except DomainError as error:
            raise CommandError(str(error.message)) from error
        if options["json"]:
            self.stdout.write(json.dumps(report.as_json()))
            return
        for notice in report.notices:
            self.stderr.write(self.style.WARNING(notice))
        for name, number in report.as_json().items():
            if isinstance(number, int):
                label = name.replace("_", " ")
                self.stdout.write(f"{label:>16} {group_digits(number):>14}")
        if report.reject_file:
            self.stdout.write(f"Rejected rows, with reasons: {report.reject_file}")
        if options["dry_run"]:
            self.stdout.write("Dry run: nothing was kept.")
