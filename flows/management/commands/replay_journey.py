"""Replay the days of a history with a come-back journey among them."""

import json
from argparse import ArgumentParser
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.errors import DomainError
from flows.demo.replay import replay_journey


class Command(BaseCommand):
    help = (
        "For a scratch database that holds a history up to a day: start the come-back "
        "journey in the evening of that day, let its window pass day by day with the "
        "purchases of the file, and make up purchases of some who were reached."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--start", type=date.fromisoformat, required=True)
        parser.add_argument("--come-back-percent", type=float, default=0.0)
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 0 <= options["come_back_percent"] <= 100:
            raise CommandError("--come-back-percent is a number from 0 to 100.")
        try:
            replay = replay_journey(
                options["file"],
                start=options["start"],
                percent=options["come_back_percent"],
                seed=options["seed"],
            )
        except (DomainError, OSError) as error:
            raise CommandError(str(error)) from error
        found = replay.as_json()
        if options["json"]:
            self.stdout.write(json.dumps(found))
            return
        for name, value in found.items():
            self.stdout.write(f"{name:>16}  {value}")
