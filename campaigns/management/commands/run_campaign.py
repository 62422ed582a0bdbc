"""One pass of a campaign from the command line."""

import csv
import json
from argparse import ArgumentParser
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from campaigns.models import Campaign, CampaignRun
from campaigns.services import export_audience, find_campaign, log_export, run_campaign
from core.clock import parse_at
from core.errors import DomainError
from core.money import group_digits


class Command(BaseCommand):
    help = "Run one pass of a campaign; what it does in a day is the same, done at once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("code", help="recent-45, come-back, leftovers, or your own")
        parser.add_argument(
            "--at", help="for this moment: 2026-12-31 (its midday) or 2026-12-31T09:30"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="count what would happen, change nothing"
        )
        parser.add_argument(
            "--export",
            type=Path,
            metavar="FILE",
            help="write the list to a CSV file instead of sending; a campaign by hand "
            "that is running ends with that",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            at = parse_at(options["at"])
            campaign = find_campaign(code=options["code"])
            if options["export"]:
                counts = _export(campaign, at, options["export"], options["dry_run"])
            else:
                counts = _run(campaign, at, options["dry_run"])
        except DomainError as error:
            raise CommandError(str(error.message)) from error
        head = {"campaign": campaign.code, "at": at.isoformat()}
        self._write({**head, "dry_run": options["dry_run"], **counts}, options["json"])

    def _write(self, report: dict[str, Any], as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(report))
            return
        for name, value in report.items():
            shown = group_digits(value) if type(value) is int else value
            if isinstance(value, dict):
                shown = ", ".join(f"{k} {group_digits(n)}" for k, n in value.items()) or "–"
            self.stdout.write(f"{name:>16}  {shown}")


def _run(campaign: Campaign, at: datetime, dry_run: bool) -> dict[str, Any]:
    run = run_campaign(
        campaign=campaign,
        at=at,
        trigger=CampaignRun.Trigger.COMMAND.value,
        dry_run=dry_run,
    )
    return dict(run.counts)


def _export(campaign: Campaign, at: datetime, path: Path, dry_run: bool) -> dict[str, Any]:
    num_rows = -1  # The header is no member.
    try:
        # The byte order mark is what makes Excel read it as UTF-8.
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)
            for row in export_audience(campaign=campaign, at=at):
                writer.writerow(row)
                num_rows += 1
    except OSError as error:
        raise CommandError(
            _("%(file)s cannot be written. Choose another file.") % {"file": path}
        ) from error
    if dry_run:
        return {"exported": num_rows, "file": str(path)}
    run = log_export(
        campaign=campaign,
        at=at,
        trigger=CampaignRun.Trigger.COMMAND.value,
        num_rows=num_rows,
    )
    return {**run.counts, "file": str(path)}
