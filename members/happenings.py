"""What happens to members themselves, for those who wait for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from core.happenings import Happened, HappeningKind, announce

JOINED = "joined"


def member_happenings() -> Iterator[HappeningKind]:
    yield HappeningKind(JOINED, _("joins the programme"), _("Member"))


def announce_joined(joined: Iterable[tuple[int, datetime]]) -> None:
    """Tell who joined and when; a member joins once."""
    announce([Happened(JOINED, pk, str(pk), at) for pk, at in joined])
