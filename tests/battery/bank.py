"""A client of the bank test: asks for every verb of the ledger at random.

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
from importlib import import_module
from pathlib import Path

import django

from tests.battery import bank_verbs
from tests.battery.harness import History, Operation, read_history, read_operations
from tests.battery.unguarded import take_away

OBSERVER, SABOTEUR = -1, -2
SABOTAGE_EVERY = 1.1
MOST_SENDINGS = 50
# Whoever starts us may be killed as well; nobody stays behind.
LIFETIME = 300

SNAPSHOT = """
    SELECT
        (SELECT COALESCE(SUM(balance), 0) FROM points_account WHERE kind = 'member'),
        (SELECT COALESCE(SUM(t.amount), 0) FROM points_transfer t
            JOIN points_account a ON a.id = t.to_account_id WHERE a.kind <> 'member')
        - (SELECT COALESCE(SUM(t.amount), 0) FROM points_transfer t
            JOIN points_account a ON a.id = t.from_account_id WHERE a.kind <> 'member'),
        (SELECT COALESCE(SUM(remaining), 0) FROM points_lot),
        (SELECT COUNT(*) FROM points_account WHERE balance < 0),
        (SELECT COALESCE(SUM(t.amount), 0) FROM points_transfer t
            JOIN points_account a ON a.id = t.to_account_id WHERE a.kind = 'held')
        - (SELECT COALESCE(SUM(t.amount), 0) FROM points_transfer t
            JOIN points_account a ON a.id = t.from_account_id WHERE a.kind = 'held'),
        (SELECT COALESCE(SUM(remaining), 0) FROM points_hold)
        + (SELECT COALESCE(SUM(amount), 0) FROM points_reservation WHERE state = 'open')
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
            operation.answer = bank_verbs.ask(
                operation.verb, operation.key, operation.facts
            )
            operation.outcome = "ok"
        except bank_verbs.Refused as refusal:
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
        done = [
            o
            for o in self.operations
            if o.outcome == "ok" and o.verb in bank_verbs.REPEATABLE
        ]
        return bank_verbs.choose(key, chance, self.plan.members, done)


def observe(folder: Path) -> None:
    """Read all sums in one statement, over and over."""
    from core.batch import fetch_all

    history = History(folder / "snapshots.history")
    while True:
        names = ("members", "programme", "lots", "negative", "held", "open")
        history.add(
            "snapshot", **dict(zip(names, map(int, fetch_all(SNAPSHOT)[0]), strict=True))
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
    for module in ("flows.record", "points.services", "tests.points.helpers"):
        import_module(module)
    plan = Plan(**json.loads((folder / "plan.json").read_text()))
    take_away(os.environ.get("GUARDS_OFF", ""))
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
