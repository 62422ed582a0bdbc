"""Show the ways into the demo, and make sure that the simulator knows its people."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from flows.demo.phones import learn_prices, register_people
from flows.demo.seed import has_demo
from flows.management.demo_logins import login_lines, prepare_logins


class Command(BaseCommand):
    help = (
        "Show the demo's logins, and register its members with the Zalo simulator. "
        "Says nothing where the database holds no demo."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        if not has_demo():
            return
        register_people()
        learn_prices(at=timezone.now())
        for line in login_lines(prepare_logins()):
            self.stdout.write(line)
