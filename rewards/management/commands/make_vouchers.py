"""Make voucher codes in bulk from the command line."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core.admin_tools import when
from core.errors import DomainError, InvalidInput
from core.money import group_digits
from core.progress import Progress
from rewards.batches import Wish, ask_batch, claim_batch, run_claimed, stop_batch
from rewards.models import VoucherBatch, VoucherType
from rewards.tasks import nudge_batches


class Command(BaseCommand):
    help = (
        "Make many codes of a type of voucher. A worker does it; with --wait this very "
        "process does, and returns when all are there. Codes of a pool wait in it, others "
        "belong to whoever shows them. No second person is asked."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("type", help="the code of the type of voucher")
        parser.add_argument("--count", type=int, required=True, help="how many")
        parser.add_argument("--name", default="", help="what the batch is called")
        parser.add_argument(
            "--key", help="any text; with the same one again nothing more is made"
        )
        parser.add_argument("--wait", action="store_true", help="make them here and now")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            batch = self._ask(options)
        except DomainError as error:
            raise CommandError(str(error.message)) from error
        if options["wait"] and batch.is_open:
            batch = self._make(batch, quiet=options["json"])
        if batch.state == VoucherBatch.State.FAILED:
            raise CommandError(batch.error)
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(batch)))
            return
        self.stdout.write(_said(batch))

    def _ask(self, options: dict[str, Any]) -> VoucherBatch:
        now = timezone.now()
        voucher_type = VoucherType.objects.filter(code=options["type"]).first()
        if voucher_type is None:
            raise InvalidInput(
                _("There is no type of voucher “%(code)s”.") % {"code": options["type"]}
            )
        name = options["name"] or f"{voucher_type.name}, {when(now)}"
        wish = Wish(voucher_type, options["count"], name[:80])
        # In one transaction, or a worker could take it between the two.
        with transaction.atomic():
            asked = ask_batch(wish, at=now, key=options["key"])
            assert isinstance(asked, VoucherBatch), "nobody is asked"
            if not options["wait"]:
                nudge_batches()
            elif asked.is_open:
                return self._claim(asked)
        return asked

    def _claim(self, batch: VoucherBatch) -> VoucherBatch:
        claimed = claim_batch(batch.pk)
        if claimed is None:
            raise InvalidInput(_("The same batch is under way already."))
        return claimed

    def _make(self, batch: VoucherBatch, *, quiet: bool) -> VoucherBatch:
        with Progress(_("Codes"), quiet=quiet) as progress:
            try:
                return run_claimed(
                    batch,
                    told=lambda now: progress.update(now.made, now.made / now.size),
                )
            except KeyboardInterrupt:
                stop_batch(batch)
                sys.exit(130)


def _said(batch: VoucherBatch) -> str:
    told = {
        "made": group_digits(batch.made),
        "size": group_digits(batch.size),
        "name": batch.name,
        "state": batch.get_state_display(),
    }
    return _("%(name)s: %(made)s of %(size)s codes, %(state)s.") % told


def _as_json(batch: VoucherBatch) -> dict[str, Any]:
    seconds = None
    if batch.started_at and batch.finished_at:
        seconds = round((batch.finished_at - batch.started_at).total_seconds(), 3)
    return {
        "batch": batch.pk,
        "type": batch.voucher_type.code,
        "size": batch.size,
        "made": batch.made,
        "state": batch.state,
        "seconds": seconds,
    }
