"""manage.py start: the whole site in one terminal. `make run` calls it."""

import os
import sys
from typing import Any

from django.core.management.base import BaseCommand

from loyalty_site.launch.errors import CannotStart
from loyalty_site.launch.site import run_site


class Command(BaseCommand):
    help = (
        "Start web, worker and beat together (and a broker and a simulated Zalo platform "
        "where none is configured), and stop them together on Ctrl-C."
    )
    # The processes that it starts check themselves, with the settings that they get.
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            sys.exit(run_site(os.environ))
        except CannotStart as error:
            self.stderr.write(str(error))
            sys.exit(1)
