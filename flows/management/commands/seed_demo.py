"""Fill an empty database with a demo."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.clock import parse_at
from core.errors import DomainError
from core.money import group_digits
from flows.demo.phones import register_people
from flows.demo.seed import MEMBERS, DemoReport, seed_demo
from flows.management.demo_logins import login_lines, prepare_logins


class Command(BaseCommand):
    help = (
        "Fill an empty database with a made-up coffee brand: shops, members, a year of "
        "orders up to today. Repeating it changes nothing and shows the logins again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--members", type=int, default=MEMBERS)
        parser.add_argument("--at", help="the demo's today (default: now)")
        parser.add_argument("--quiet", action="store_true", help="no progress bar")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 1 <= options["members"] <= 90_000:
            raise CommandError("--members must be a number from 1 to 90000.")
        try:
            report = seed_demo(
                at=parse_at(options["at"]),
                members=options["members"],
                quiet=options["quiet"],
            )
        except DomainError as error:
            raise CommandError(str(error.message)) from error
        logins = prepare_logins()
        num_phones = register_people()
        self._write(report, logins, num_phones)

    def _write(
        self, report: DemoReport, logins: dict[str, Any], num_phones: int | None
    ) -> None:
        verb = "The demo is ready" if report.is_new else "The demo was there already"
        self.stdout.write(
            f"{verb}: {group_digits(report.members)} members, "
            f"{group_digits(report.orders)} orders, {group_digits(report.points)} points "
            f"earned, {report.redemptions} rewards taken."
        )
        if num_phones:
            self.stdout.write(f"The simulator knows {group_digits(num_phones)} phones.")
        for line in login_lines(logins):
            self.stdout.write(line)
