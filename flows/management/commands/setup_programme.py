"""Make a working programme in an empty database."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.translation import gettext as _

from core.errors import DomainError
from core.parsing import parse_amount
from flows.setup import DEFAULT_PRESET, PRESETS, setup_programme


class Command(BaseCommand):
    help = (
        "Set up a programme: wallet, earn rule, message templates, the come-back "
        "campaigns (running), schedules and staff roles. Safe to repeat: what exists "
        "stays as it is."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "preset",
            nargs="?",
            default=DEFAULT_PRESET,
            help=f"what kind of business: {', '.join(PRESETS)}",
        )
        parser.add_argument("--name", default="", help="the programme's name")
        parser.add_argument("--currency", default="", help="VND (default), USD, EUR, GBP")
        parser.add_argument(
            "--amount-per-point",
            help="money for one point (default 10000 in VND, 1 elsewhere)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        text = options["amount_per_point"]
        currency = options["currency"].upper()
        try:
            report = setup_programme(
                at=timezone.now(),
                preset=options["preset"],
                name=options["name"].strip(),
                currency=currency,
                amount_per_point=parse_amount(
                    str(text), "--amount-per-point", currency=currency or "VND"
                )
                if text is not None
                else None,
            )
        except DomainError as error:
            raise CommandError(str(error.message)) from error
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        for sentence in report.made:
            self.stdout.write(f"+ {sentence}")
        for sentence in report.kept:
            self.stdout.write(f"= {sentence}")
        if not report.made:
            self.stdout.write(_("Everything was there already; nothing was changed."))
