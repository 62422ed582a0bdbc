"""`manage.py zalo_simulator`: the simulated Zalo platform, for demos."""

from argparse import Namespace
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from zalo_simulator.__main__ import add_arguments, serve


class Command(BaseCommand):
    help = "Run a local server that behaves like the documented Zalo platform."
    # It imitates another company: neither models nor the database concern it.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        serve(Namespace(**options))
