"""Points for occasions nobody tells us: joining, a birthday, a year of membership.

The programme day looks for members whose day is today and gives each what the rules grant,
once: the occasion is in the ledger's key. A night that never ran is caught up for a week.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from django.db import transaction

from core.batch import CHUNK, chunks
from core.clock import local_date
from core.retry import retry_on_conflict
from members.merged import merged_ids
from members.occasions import anniversaries_lately, birthdays_lately, joined_lately
from points.earning.basket import Basket
from points.earning.rulebook import RuleBook, rules_in_force
from points.models import EarnRule, Transfer
from points.services.earning import earn_points, occasion_key

SIGN_UP = EarnRule.Trigger.SIGN_UP.value
BIRTHDAY = EarnRule.Trigger.BIRTHDAY.value
ANNIVERSARY = EarnRule.Trigger.ANNIVERSARY.value


@dataclass(frozen=True, slots=True)
class Celebrated:
    """What occasions came to: how many members were given something, how many points."""

    members: int = 0
    points: int = 0


def celebrate(*, at: datetime) -> Celebrated:
    """Give the points of joining, birthdays and anniversaries that are due. Repeatable.

    Asks nothing of members while no rule is published for an occasion.
    """
    total = Celebrated()
    for trigger in (SIGN_UP, BIRTHDAY, ANNIVERSARY):
        book = rules_in_force(only={trigger})
        if not book.definitions:
            continue
        for chunk in chunks(_occasions(trigger, at), CHUNK):
            given = _give(chunk, book)
            total = Celebrated(
                total.members + len(given), total.points + sum(given.values())
            )
    return total


@retry_on_conflict
@transaction.atomic
def _give(baskets: Sequence[Basket], book: RuleBook) -> dict[int, int]:
    """Give what is not given yet; whose occasion is in the ledger is passed over.

    So is who was given it under another name, before being merged.
    """
    others = merged_ids([basket.member_id for basket in baskets])
    names = [
        (name, basket.id)
        for basket in baskets
        for pk in (basket.member_id, *others.get(basket.member_id, ()))
        if (name := replace(basket, id=pk, member_id=pk))
    ]
    keys = {
        occasion_key(name, definition.code): basket_id
        for name, basket_id in names
        for definition in book.definitions
    }
    stored = Transfer.objects.filter(key__in=keys).values_list("key", flat=True)
    done = {keys[key] for key in stored}
    fresh = [basket for basket in baskets if basket.id not in done]
    return earn_points(fresh, book=book)


def _occasions(trigger: str, at: datetime) -> Iterator[Basket]:
    """Find the members whose occasion fell on one of the last days."""
    if trigger == SIGN_UP:
        for pk, joined_at in joined_lately(at=at):
            yield _basket(trigger, pk, local_date(joined_at), joined_at)
        return
    find = birthdays_lately if trigger == BIRTHDAY else anniversaries_lately
    for pk, day in find(at=at):
        yield _basket(trigger, pk, day, at)


def _basket(trigger: str, member_id: int, day: date, at: datetime) -> Basket:
    return Basket(
        id=member_id,
        member_id=member_id,
        happened_at=at,
        day=day,
        total=Decimal(0),
        trigger=trigger,
    )
