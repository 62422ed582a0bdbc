"""A client of the bank test: earns, spends, adjusts, takes back and expires at random.

Run as a program it starts one client, a process of its own, for each number that it reads;
-1 is the observer, who reads everything in one statement again and again, and -2 is the
saboteur, who ends other people's connections to PostgreSQL. What each does next follows
from the seed alone, so a client that was killed goes on where it stood.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import django

from tests.battery.harness import History, Operation, read_history, read_operations
from tests.battery.unguarded import take_guards_away

# Noon in Ho Chi Minh City; what was bought long ago has expired by now.
NOW = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=45)

OBSERVER, SABOTEUR = -1, -2
SABOTAGE_EVERY = 1.1
MOST_SENDINGS = 50
# Whoever starts us may be killed as well; nobody stays behind.
LIFETIME = 300

WEIGHTS = {"earn": 34, "spend": 32, "adjust": 10, "reverse": 14, "expire": 4, "again": 6}

SNAPSHOT = """
    SELECT
        (SELECT COALESCE(SUM(balance), 0) FROM points_account WHERE kind = 'member'),
        (SELECT COALESCE(SUM(t.amount), 0) FROM points_transfer t
            JOIN points_account a ON a.id = t.to_account_id WHERE a.kind <> 'member')
        - (SELECT COALESCE(SUM(t.amount), 0) FROM points_transfer t
            JOIN points_account a ON a.id = t.from_account_id WHERE a.kind <> 'member'),
        (SELECT COALESCE(SUM(remaining), 0) FROM points_lot),
        (SELECT COUNT(*) FROM points_account WHERE balance < 0)
"""
END_A_CONNECTION = """
    SELECT pg_terminate_backend(pid) FROM (
        SELECT pid FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'client'
        ORDER BY random() LIMIT 1
    ) AS one
"""


@dataclass(frozen=True)
class Plan:
    """What a run is: its seed, how long it is, and for whom."""

    seed: int
    operations: int
    members: list[int]


class Refused(Exception):
    """The business said no; ``args[0]`` is its code."""


class Client:
    """One process that asks, writes down what it was answered, and asks again."""

    def __init__(self, number: int, folder: Path, plan: Plan) -> None:
        path = folder / f"{number}.history"
        self.number = number
        self.plan = plan
        self.operations = read_operations(read_history(path))
        self.history = History(path)

    def play(self) -> None:
        if self.operations and self.operations[-1].is_open:
            self._resend(self.operations[-1])
        while len(self.operations) < self.plan.operations:
            operation = self._choose_somehow(len(self.operations))
            self.operations.append(operation)
            self.history.add(
                "invoke", key=operation.key, verb=operation.verb, facts=operation.facts
            )
            self._send(operation)

    def _resend(self, operation: Operation) -> None:
        self.history.add("resend", key=operation.key)
        operation.sendings += 1
        self._send(operation)

    def _send(self, operation: Operation) -> None:
        from django.db import InterfaceError, OperationalError, close_old_connections

        # As web servers and workers do before everything they are asked.
        close_old_connections()
        try:
            operation.answer = ask(operation.verb, operation.key, operation.facts)
            operation.outcome = "ok"
        except Refused as refusal:
            operation.answer, operation.outcome = refusal.args[0], "fail"
        except (OperationalError, InterfaceError) as fault:
            self.history.add("unknown", key=operation.key, answer=repr(fault)[:300])
            if operation.sendings < MOST_SENDINGS:
                self._resend(operation)
                return
            operation.answer, operation.outcome = repr(fault), "error"
        except Exception as fault:
            operation.answer, operation.outcome = repr(fault)[:300], "error"
        self.history.add(operation.outcome, key=operation.key, answer=operation.answer)

    def _choose_somehow(self, turn: int) -> Operation:
        """Choose, also when the connection ends while looking for something to undo."""
        from django.db import InterfaceError, OperationalError, close_old_connections

        while True:
            close_old_connections()
            try:
                return self._choose(turn)
            except (OperationalError, InterfaceError):
                time.sleep(0.05)

    def _choose(self, turn: int) -> Operation:
        key = f"t1:{self.number}:{turn}"
        chance = random.Random(f"{self.plan.seed}:{key}")
        verb = chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        member = chance.choice(self.plan.members)
        facts: dict[str, Any] = {"member": member}
        if verb == "earn":
            facts["points"] = chance.randint(1, 50)
            facts["long_ago"] = chance.random() < 0.3
        elif verb == "spend":
            # Often more than there is.
            facts["amount"] = chance.randint(1, 120)
        elif verb == "adjust":
            facts["amount"] = chance.choice([-1, 1]) * chance.randint(1, 40)
        elif verb == "reverse":
            # One of the newest, of whichever client: two may want the same.
            targets = recent_transfers()
            if not targets:
                return Operation(key, "spend", {"member": member, "amount": 1})
            facts = {"transfer": chance.choice(targets)}
        elif verb == "again":
            done = [
                o for o in self.operations if o.outcome == "ok" and o.verb in REPEATABLE
            ]
            if not done:
                return Operation(key, "spend", {"member": member, "amount": 1})
            first = chance.choice(done)
            facts = {"key": first.key, "verb": first.verb, "facts": first.facts}
        else:
            facts = {}
        return Operation(key, verb, facts)


REPEATABLE = ("earn", "spend", "adjust", "reverse")


def recent_transfers() -> list[int]:
    from points.models import Transfer

    earned_or_spent = Transfer.objects.filter(kind__in=["earn", "spend"])
    return list(earned_or_spent.order_by("-pk").values_list("pk", flat=True)[:30])


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


def _reverse(key: str, *, transfer: int) -> Any:
    from points.models import Transfer
    from points.services import reverse_transfer

    original = Transfer.objects.get(pk=transfer)
    return reverse_transfer(transfer=original, key=key, at=NOW).pk


def _expire(key: str) -> Any:
    from points.services import expire_points

    return expire_points(at=NOW).points


def observe(folder: Path) -> None:
    """Read all sums in one statement, over and over."""
    from core.batch import fetch_all

    history = History(folder / "snapshots.history")
    while True:
        members, programme, lots, negative = map(int, fetch_all(SNAPSHOT)[0])
        history.add(
            "snapshot", members=members, programme=programme, lots=lots, negative=negative
        )
        time.sleep(0.04)


def sabotage(folder: Path) -> None:
    """End the connection of a client now and then, wherever it is in its work."""
    from core.batch import fetch_all

    history = History(folder / "sabotage.history")
    while True:
        time.sleep(SABOTAGE_EVERY)
        if fetch_all(END_A_CONNECTION):
            history.add("ended")


def become(number: int, folder: Path, plan: Plan) -> None:
    from django.db import connection

    if number == OBSERVER:
        observe(folder)
    elif number == SABOTEUR:
        sabotage(folder)
    else:
        if connection.vendor == "postgresql":
            connection.settings_dict["OPTIONS"]["application_name"] = "client"
        Client(number, folder, plan).play()
        (folder / f"{number}.done").touch()


def main(folder: Path) -> None:
    django.setup()
    # Loaded before the first fork, so that a client stands within milliseconds.
    for module in ("flows.record", "points.services"):
        import_module(module)
    plan = Plan(**json.loads((folder / "plan.json").read_text()))
    if os.environ.get("GUARDS_OFF"):
        take_guards_away()
    # A killed child leaves no zombie behind.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            signal.alarm(LIFETIME)
            become(int(line), folder, plan)
            os._exit(0)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
