"""`manage.py dispatch_messages`: send what is due."""

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from core.clock import parse_at
from core.errors import InvalidInput
from messaging.reasons import reason_label
from messaging.services import Dispatched, dispatch_messages

STOPPED = {
    "not_connected": gettext_lazy("No Official Account is connected."),
    "account_stopped": gettext_lazy("The Official Account is stopped; connect it again."),
    "grant_lost": gettext_lazy(
        "Zalo's permission is lost; connect the Official Account again."
    ),
    "not_configured": gettext_lazy("A channel is not set up; see Channels."),
    "channel_stopped": gettext_lazy("A channel is stopped; see Channels."),
    "no_token": gettext_lazy(
        "Zalo could not be reached for a token; the next run tries again."
    ),
}


class Command(BaseCommand):
    help = "Send the messages that are due, and say what became of them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--at", help="the moment: 2026-12-31 or 2026-12-31T09:30")
        parser.add_argument("--limit", type=int, help="take at most so many messages")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            at = parse_at(options["at"])
        except InvalidInput as error:
            raise CommandError(str(error)) from None
        limit = options["limit"]
        if limit is not None and limit < 1:
            raise CommandError(_("--limit must be 1 or more."))
        shows = not options["json"] and sys.stderr.isatty()
        result = dispatch_messages(
            at=at, limit=limit, on_progress=self._show if shows else None
        )
        if shows:
            self.stderr.write("")
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(result)))
            return
        self._report(result)

    def _show(self, total: int) -> None:
        self.stderr.write(f"\r{total}", ending="")
        self.stderr.flush()

    def _report(self, result: Dispatched) -> None:
        waiting = result.states["pending"]
        self.stdout.write(
            ngettext(
                "Done! Sent %(sent)s message; %(waiting)s wait.",
                "Done! Sent %(sent)s messages; %(waiting)s wait.",
                result.sent,
            )
            % {"sent": result.sent, "waiting": waiting}
        )
        for reason, count in result.reasons.most_common():
            self.stdout.write(f"  {count}: {reason_label(reason)}")
        if result.stopped:
            self.stdout.write(self.style.WARNING(str(STOPPED[result.stopped])))


def _as_json(result: Dispatched) -> dict[str, Any]:
    return {
        "total": result.total,
        "sent": result.sent,
        "states": dict(result.states),
        "reasons": dict(result.reasons),
        "stopped": result.stopped,
    }
