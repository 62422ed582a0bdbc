"""manage.py prepare_site: tables, static files, and a demo in an empty database."""

import os
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from loyalty_site.launch.errors import CannotStart
from loyalty_site.launch.prepare import prepare_site, require_broker


class Command(BaseCommand):
    help = "Migrate, collect the static files, and fill an empty database with a demo."

    # A database that does not answer gets one sentence, not a check's stack of calls.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--no-demo",
            action="store_true",
            default=os.environ.get("DEMO", "yes").lower() in ("no", "0", "off", "false"),
            help="leave an empty database empty (DEMO=no does the same)",
        )

        parser.add_argument(
            "--require-broker",
            action="store_true",
            help="stop with one sentence when the broker does not answer",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["require_broker"]:
                require_broker()
            prepare_site(with_demo=not options["no_demo"], say=self._say)
        except CannotStart as error:
            self.stderr.write(str(error))
            sys.exit(1)

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
