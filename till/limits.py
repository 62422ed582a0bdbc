"""How much one person at a till does in a while: more than that is no serving."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from core.limits import Limit, look, take
from core.retry import retry_on_conflict
from till.access import Desk
from till.errors import ServedTooOften, TooMany

HOUR = timedelta(hours=1)
# One customer every twelve seconds.
LOOK_UPS = Limit("till-look-ups", most=300, span=HOUR)
# Codes that are none: typing errors, or guesses.
MISSES = Limit("till-misses", most=30, span=HOUR)
NEW_MEMBERS = Limit("till-new-members", most=40, span=HOUR)
# A cashier who puts strangers' purchases on one card is stopped here.
ORDERS_OF_ONE_MEMBER = Limit("till-one-member", most=5, span=timedelta(days=1))


def count_look_up(desk: Desk, *, at: datetime) -> None:
    """Count one look-up, or raise TooMany."""
    _take(LOOK_UPS, desk, _("You have looked up very many numbers."), at)


def refuse_guesses(desk: Desk, *, at: datetime) -> None:
    """Raise TooMany while so many codes were wrong that none is looked at."""
    misses = look([(MISSES, _who(desk))], at=at)
    if not misses.is_allowed:
        raise TooMany(_("Too many codes were wrong."), retry_after=misses.retry_after)


def count_miss(desk: Desk, *, at: datetime) -> None:
    """Count a code that is none, or raise TooMany."""
    _take(MISSES, desk, _("Too many codes were wrong."), at)


def count_new_member(desk: Desk, *, at: datetime) -> None:
    """Count one registration, or raise TooMany."""
    _take(NEW_MEMBERS, desk, _("You have registered very many members."), at)


def count_order(desk: Desk, member_id: int, *, at: datetime) -> None:
    """Count one order of a member by this person, or raise ServedTooOften.

    Call it in the transaction of the order: what is refused was never counted.
    """
    subject = f"{_who(desk)} {member_id}"
    if not take(ORDERS_OF_ONE_MEMBER, subject, at=at).is_allowed:
        raise ServedTooOften


@retry_on_conflict
@transaction.atomic
def _take(limit: Limit, desk: Desk, sentence: str, at: datetime) -> None:
    taken = take(limit, _who(desk), at=at)
    if not taken.is_allowed:
        raise TooMany(sentence, retry_after=taken.retry_after)


def _who(desk: Desk) -> str:
    return str(desk.user.pk)
