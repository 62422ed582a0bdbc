"""Forget answered requests whose thirty days are over."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from api.idempotency import delete_old_requests
from core.clock import parse_at


class Command(BaseCommand):
    help = "Forget answered API requests that are older than 30 days."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--at", help="A time or date; now if left out.")

    def handle(self, *args: Any, **options: Any) -> None:
        count = delete_old_requests(at=parse_at(options["at"]))
        self.stdout.write(f"Done! Deleted {count} old answers.")
