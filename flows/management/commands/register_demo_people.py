"""Tell the Zalo simulator who the demo's members are."""

from typing import Any

from django.core.management.base import BaseCommand

from flows.demo.phones import register_people


class Command(BaseCommand):
    help = "Register the demo's members with the Zalo simulator; without one, do nothing."

    def handle(self, *args: Any, **options: Any) -> None:
        count = register_people()
        if count is not None:
            self.stdout.write(f"The simulator knows {count} phones.")
