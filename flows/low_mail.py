"""What runs low, mailed to staff once: when it falls to its bound, not every night."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.core.mail import EmailMessage
from django.utils import translation
from django.utils.translation import gettext as _

from core.models import Programme
from rewards.alarms import Low, not_told, note_told, running_low


def mail_low(*, at: datetime) -> int:
    """Mail what runs low since the last mail to LOW_STOCK_EMAIL; return how many things.

    A mail that fails is sent by the next night.
    """
    addresses = list(settings.LOW_STOCK_EMAIL)
    if not addresses:
        return 0
    new = not_told(running_low(at=at))
    if not new:
        return 0
    with translation.override(settings.LANGUAGE_CODE):
        EmailMessage(_subject(), _text(new), to=addresses).send()
    note_told(new, at=at)
    return len(new)


def _subject() -> str:
    name = Programme.current().name
    return _("%(programme)s: codes or stock run low") % {"programme": name}


def _text(found: list[Low]) -> str:
    lines = [f"* {low.sentence}" for low in found]
    lines.append("")
    lines.append(_("Upload or make more codes, or raise the stock, in the console:"))
    lines.append(f"{settings.PUBLIC_URL}/admin/")
    return "\n".join(lines) + "\n"
