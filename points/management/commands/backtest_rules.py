"""Run the drafts of earn rules over past orders from the command line."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _

from core.clock import add_months, local_date
from core.errors import DomainError, InvalidInput
from core.progress import Progress
from points.backtests import ask_back_test, cancel_back_test, claim_back_test, run_claimed
from points.backtests.findings import finding_of
from points.models import BackTest, EarnRule


class Command(BaseCommand):
    help = (
        "Say what the drafts of earn rules would have given for the orders of a period, "
        "beside the rules in force. Nothing reaches the ledger; the result stands in the "
        "console, too. Without a period: the last three months."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--from", dest="first_day", help="first day: 2026-01-31")
        parser.add_argument("--to", dest="last_day", help="last day; today without it")
        parser.add_argument("--rule", help="only the draft of the rule with this code")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            test = self._claim(options)
        except DomainError as error:
            raise CommandError(str(error.message)) from error
        with Progress(_("Orders"), quiet=options["json"]) as progress:
            test = self._run(test, progress)
        if test.state != BackTest.State.DONE:
            raise CommandError(test.error or str(test.get_state_display()))
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(test)))
            return
        for sentence in finding_of(test):
            self.stdout.write(sentence)

    def _claim(self, options: dict[str, Any]) -> BackTest:
        now = timezone.now()
        last_day = _day(options["last_day"]) or local_date(now)
        first_day = _day(options["first_day"]) or add_months(last_day, -3)
        rule = _rule(options["rule"])
        # In one transaction, or a worker could take it between the two.
        with transaction.atomic():
            asked = ask_back_test(
                first_day=first_day, last_day=last_day, at=now, rule=rule, by=_("command")
            )
            claimed = claim_back_test(asked.pk)
        if claimed is None:
            raise InvalidInput(_("The same back-test is under way already."))
        return claimed

    def _run(self, test: BackTest, progress: Progress) -> BackTest:
        def tell(now: BackTest) -> None:
            if now.num_orders and now.is_listed:
                progress.update(now.num_done, now.num_done / now.num_orders)

        try:
            return run_claimed(test, told=tell)
        except KeyboardInterrupt:
            cancel_back_test(test)
            sys.exit(130)


def _day(text: str | None) -> date | None:
    if not text:
        return None
    try:
        day = parse_date(text)
    except ValueError:
        day = None
    if day is None:
        raise InvalidInput(_("“%(text)s” is no day. Write 2026-12-31.") % {"text": text})
    return day


def _rule(code: str | None) -> EarnRule | None:
    if not code:
        return None
    rule = EarnRule.objects.filter(code=code).first()
    if rule is None:
        raise InvalidInput(_("There is no rule “%(code)s”.") % {"code": code})
    return rule


def _as_json(test: BackTest) -> dict[str, Any]:
    assert test.started_at is not None
    assert test.finished_at is not None
    seconds = (test.finished_at - test.started_at).total_seconds()
    return {
        "back_test": test.pk,
        "from": test.first_day.isoformat(),
        "to": test.last_day.isoformat(),
        "seconds": round(seconds, 3),
        **test.result,
    }
