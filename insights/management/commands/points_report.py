"""The books of the wallets from the command line."""

import json
import sys
from argparse import ArgumentParser
from datetime import date, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.clock import local_date, parse_at
from core.errors import DomainError, InvalidInput
from core.money import group_digits
from core.parsing import parse_date
from points.accounting import COLUMNS, Books, PointsReport, report_points
from points.days import prove_days, rebuild_days
from points.models import Wallet


class Command(BaseCommand):
    help = (
        "Print what members held, what moved and what they hold, day by day; exit 0 when "
        "it all adds up, 1 otherwise."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--from", dest="first", help="first day; else of this month")
        parser.add_argument("--to", dest="last", help="last day; else today")
        parser.add_argument("--wallet", help="the code of one wallet; else all of them")
        parser.add_argument("--at", help="as if it were this moment")
        parser.add_argument(
            "--prove", action="store_true", help="add every closed day up once more"
        )
        parser.add_argument(
            "--rebuild",
            action="store_true",
            help="forget the closed days and add them up anew from the ledger",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            at = parse_at(options["at"])
            rebuilt = rebuild_days(at=at) if options["rebuild"] else None
            reports = _reports(options, at)
        except DomainError as error:
            raise CommandError(str(error.message)) from error
        unproved = prove_days() if options["prove"] else []
        answer = {
            "ok": not unproved and all(report.ok for report in reports),
            "rebuilt_days": rebuilt,
            "unproved": unproved,
            "wallets": [report.as_json() for report in reports],
        }
        if options["json"]:
            self.stdout.write(json.dumps(answer))
        else:
            self._write(reports, unproved)
        if not answer["ok"]:
            sys.exit(1)

    def _write(self, reports: list[PointsReport], unproved: list[dict[str, Any]]) -> None:
        for report in reports:
            self.stdout.write(f"{report.wallet.name} ({report.wallet.code})")
            for books in (*report.days, report.total):
                if books.moves or books is report.total:
                    self.stdout.write(_line(books))
            for text in report.differences:
                self.stdout.write(self.style.ERROR(text))
        for difference in unproved:
            self.stdout.write(self.style.ERROR(json.dumps(difference)))


def _reports(options: dict[str, Any], at: datetime) -> list[PointsReport]:
    today = local_date(at)
    first = _day(options["first"]) or today.replace(day=1)
    last = _day(options["last"]) or today
    wallets = list(Wallet.objects.order_by("pk"))
    if code := options["wallet"]:
        wallets = [wallet for wallet in wallets if wallet.code == code]
        if not wallets:
            raise InvalidInput(f"There is no wallet “{code}”.")
    return [report_points(wallet=w, first=first, last=last, at=at) for w in wallets]


def _day(text: str | None) -> date | None:
    return parse_date(text) if text else None


def _line(books: Books) -> str:
    moved = " ".join(
        f"{name} {group_digits(books.sums[name])}" for name in COLUMNS if books.sums[name]
    )
    when = f"{books.first:%d/%m/%Y}"
    if books.first != books.last:
        when += f" – {books.last:%d/%m/%Y}"
    opening, closing = group_digits(books.opening), group_digits(books.closing)
    return f"  {when:<23}  {opening:>15} → {closing:>15}  {moved}"
