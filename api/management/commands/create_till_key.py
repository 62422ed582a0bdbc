"""Make a key for a till or a web shop and show it once."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from activities.models import Store
from api.services import create_till_key


class Command(BaseCommand):
    help = "Make a key for a till or a web shop. Its text is shown once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="What staff call this till.")
        parser.add_argument(
            "--source",
            default="pos",
            help="Order numbers are unique within one source (default: pos).",
        )
        parser.add_argument("--store", help="The code of the till's store.")

    def handle(self, *args: Any, **options: Any) -> None:
        _till_key, text = create_till_key(
            name=options["name"],
            source=options["source"],
            store=self._store(options["store"]),
        )
        self.stdout.write(text)

    def _store(self, code: str | None) -> Store | None:
        if not code:
            return None
        store = Store.objects.filter(code=code).first()
        if store is None:
            raise CommandError(f"There is no store with the code “{code}”.")
        return store
