"""What a client of the bank asks for: every verb of the ledger, chosen by chance."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from tests.battery.harness import Operation

# Noon in Ho Chi Minh City; what was bought long ago has expired by now.
NOW = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=45)

WEIGHTS = {
    "earn": 24,
    "spend": 20,
    "adjust": 6,
    "gift": 9,
    "reserve": 10,
    "capture": 6,
    "release": 4,
    "hold": 6,
    "mature": 3,
    "reverse": 6,
    "part": 10,
    "expire": 3,
    "again": 6,
}
# Verbs that take back what somebody did lately, of whichever client: two may want the same.
UNDOING = {
    "reverse": ("earn", "spend"),
    "part": ("earn", "spend", "adjust", "gift", "capture"),
}
# Everything that leaves a trace by which the second telling is recognised.
REPEATABLE = ("earn", "spend", "adjust", "gift", "reserve", "hold", "reverse")
LATELY = 30


class Refused(Exception):
    """The business said no; ``args[0]`` is its code."""


def choose(
    key: str, chance: Random, members: Sequence[int], done: Sequence[Operation]
) -> Operation:
    """Choose the next operation; what follows from the seed is always the same."""
    verb = chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
    member = chance.choice(members)
    instead = Operation(key, "spend", {"member": member, "amount": 1})
    if verb in UNDOING:
        targets = recent_transfers(UNDOING[verb])
        if not targets:
            return instead
        facts: dict[str, Any] = {"transfer": chance.choice(targets)}
        if verb == "part":
            facts |= {"amount": chance.randint(1, 20), "clamp": chance.random() < 0.5}
        return Operation(key, verb, facts)
    if verb in ("capture", "release"):
        reserved = recent_reservations()
        if not reserved:
            return instead
        facts = {"reservation": chance.choice(reserved)}
        if verb == "capture":
            facts["amount"] = chance.randint(1, 12)
        return Operation(key, verb, facts)
    if verb == "again":
        if not done:
            return instead
        first = chance.choice(done)
        facts = {"key": first.key, "verb": first.verb, "facts": first.facts}
        return Operation(key, verb, facts)
    return Operation(key, verb, _facts_of(verb, member, chance, members))


def _facts_of(
    verb: str, member: int, chance: Random, members: Sequence[int]
) -> dict[str, Any]:
    """Choose the facts of a verb that needs nothing but members and numbers."""
    if verb in ("mature", "expire"):
        return {}
    if verb == "earn":
        points, is_old = chance.randint(1, 50), chance.random() < 0.3
        return {"member": member, "points": points, "long_ago": is_old}
    if verb == "adjust":
        amount = chance.choice([-1, 1]) * chance.randint(1, 40)
        return {"member": member, "amount": amount}
    if verb == "gift":
        others = [pk for pk in members if pk != member]
        facts = {"member": member, "receiver": chance.choice(others)}
        return {**facts, "amount": chance.randint(1, 60)}
    if verb == "hold":
        return {
            "member": member,
            "amount": chance.randint(1, 30),
            "days": chance.choice([0, 9]),
        }
    # Often more than there is.
    most = 120 if verb == "spend" else 40
    return {"member": member, "amount": chance.randint(1, most)}


def recent_transfers(kinds: Sequence[str]) -> list[int]:
    from points.models import Transfer

    found = Transfer.objects.filter(kind__in=kinds).order_by("-pk")
    return list(found.values_list("pk", flat=True)[:LATELY])


def recent_reservations() -> list[int]:
    from points.models import Reservation

    found = Reservation.objects.order_by("-pk").values_list("pk", flat=True)
    return list(found[:LATELY])


def ask(verb: str, key: str, facts: dict[str, Any]) -> Any:
    """Call the product's own verb and return what a client keeps of the answer."""
    from core.errors import DomainError

    if verb == "again":
        return ask(facts["verb"], facts["key"], facts["facts"])
    try:
        return globals()[f"_{verb}"](key, **facts)
    except DomainError as refusal:
        raise Refused(refusal.code) from refusal


def _earn(key: str, *, member: int, points: int, long_ago: bool) -> Any:
    from activities.services import OrderFact
    from flows.record import REFUSED, record

    total = Decimal(points * 10_000)
    placed_at = LONG_AGO if long_ago else NOW
    answer = record([OrderFact("till", key, member, placed_at, total)], at=NOW)[0]
    if answer.outcome == REFUSED:
        raise Refused(answer.code)
    return [answer.order_id, answer.points]


def _spend(key: str, *, member: int, amount: int) -> Any:
    from members.models import Member
    from points.services import spend_points

    owner = Member(pk=member)
    return spend_points(member=owner, amount=amount, key=key, at=NOW).pk


def _adjust(key: str, *, member: int, amount: int) -> Any:
    from members.models import Member
    from points.services import adjust_points

    owner, why = Member(pk=member), {"note": "Goodwill", "actor": "staff"}
    return adjust_points(member=owner, amount=amount, key=key, at=NOW, **why).pk


def _gift(key: str, *, member: int, receiver: int, amount: int) -> Any:
    from members.models import Member
    from points.services import default_wallet, gift_points

    people = Member.objects.in_bulk([member, receiver])
    return gift_points(
        giver=people[member],
        receiver=people[receiver],
        amount=amount,
        key=key,
        at=NOW,
        wallet=default_wallet(),
    ).pk


def _reserve(key: str, *, member: int, amount: int) -> Any:
    from members.models import Member
    from points.services import reserve_points

    owner = Member(pk=member)
    return reserve_points(
        member=owner, amount=amount, source="t1", reference=key, at=NOW
    ).pk


def _capture(key: str, *, reservation: int, amount: int) -> Any:
    from points.models import Reservation
    from points.services import capture_points

    found = Reservation.objects.select_related("transfer").get(pk=reservation)
    return capture_points(reservation=found, amount=amount, at=NOW).captured


def _release(key: str, *, reservation: int) -> Any:
    from points.models import Reservation
    from points.services import release_points

    found = Reservation.objects.select_related("transfer").get(pk=reservation)
    return release_points(reservation=found, at=NOW).state


def _hold(key: str, *, member: int, amount: int, days: int) -> Any:
    from django.db import transaction

    from core.retry import retry_on_conflict
    from members.models import Member
    from points.services import default_wallet
    from tests.points.helpers import hold

    keep = retry_on_conflict(transaction.atomic(hold))
    usable_from = (NOW + timedelta(days=days)).date()
    return keep(
        Member(pk=member), amount, key, NOW, wallet=default_wallet(), matures_on=usable_from
    ).pk


def _mature(key: str) -> Any:
    from points.services import mature_points

    return mature_points(at=NOW).points


def _reverse(key: str, *, transfer: int) -> Any:
    from points.models import Transfer
    from points.services import reverse_transfer

    original = Transfer.objects.get(pk=transfer)
    return reverse_transfer(transfer=original, key=key, at=NOW).pk


def _part(key: str, *, transfer: int, amount: int, clamp: bool) -> Any:
    from points.services import TakeBack, take_back

    return take_back([TakeBack(transfer, amount, key, clamp)], at=NOW)[0].amount


def _expire(key: str) -> Any:
    from points.services import expire_points

    return expire_points(at=NOW).points
