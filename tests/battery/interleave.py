"""Let a rival act exactly before a given statement of a verb, for every statement.

Run as a program on PostgreSQL with pairs of verbs: for each pair the first one stops before
its i-th statement (the commit is one, too) until the rival, on a connection of its own,
has finished or waits for a lock; then both go on. Whatever comes out has to be what one of
the two orders gives when nobody meets. Prints how often rivals met, how often one had to
wait, and every outcome that neither order explains. GUARDS_OFF names what is taken away.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

import django
import psycopg
from django.db import connection

from tests.battery.unguarded import take_away

WAIT_SECONDS = 20.0
NUMBERS = itertools.count()
IS_WAITING = "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s"


def scenes() -> Any:
    """Return the scenes that are played: the ledger's, or those that SCENES names."""
    return import_module(os.environ.get("SCENES", "tests.battery.scenes"))


class Rival(threading.Thread):
    """Asks for a verb on a connection of its own."""

    def __init__(self, verb: str, scene: Any) -> None:
        super().__init__(daemon=True)
        self.verb, self.scene = verb, scene
        self.pid = 0
        self.answer: Any = None

    def run(self) -> None:
        ask = scenes().ask
        connection.ensure_connection()
        self.pid = connection.connection.info.backend_pid
        try:
            self.answer = ask(self.verb, self.scene)
        except Exception as fault:
            self.answer = f"fault {type(fault).__name__}"
        connection.close()

    def start_and_wait(self, server: psycopg.Connection) -> bool:
        """Go as far as one can: to the end, or to a lock that another holds."""
        self.start()
        deadline = time.monotonic() + WAIT_SECONDS
        while self.is_alive() and time.monotonic() < deadline:
            if self.pid:
                row = server.execute(IS_WAITING, [self.pid]).fetchone()
                if row and row[0]:
                    return True
            time.sleep(0.002)
        return False


class RunBefore:
    """Runs something once, exactly before a statement of this connection."""

    def __init__(self, number: int, do: Callable[[], None]) -> None:
        self.number, self.do = number, do
        self.count = 0

    def __call__(self, run: Callable[[], Any]) -> Any:
        self.count += 1
        if self.count == self.number:
            self.do()
        return run()

    def __enter__(self) -> RunBefore:
        self.commit = connection._commit
        connection._commit = lambda: self(self.commit)
        connection.execute_wrappers.append(
            lambda execute, *facts: self(lambda: execute(*facts))
        )
        return self

    def __exit__(self, *error: object) -> None:
        connection._commit = self.commit
        connection.execute_wrappers.pop()

    @property
    def was_there(self) -> bool:
        return self.count >= self.number


def meet(first: str, second: str, server: psycopg.Connection) -> dict[str, Any]:
    """Let the rival come before every statement of the first verb in turn."""
    from points.models import Wallet

    wallet, played = Wallet.objects.get(), scenes()
    ask, picture_of = played.ask, played.picture_of
    at_till = not played.MERGES & {first, second}

    def new_scene() -> Any:
        return played.make_scene(f"s{next(NUMBERS)}", wallet, at_till=at_till)

    def in_order(one: str, other: str) -> dict[str, Any]:
        scene = new_scene()
        answers = {one: ask(one, scene)}
        answers[other] = ask(other, scene)
        return {"answers": answers, **picture_of(scene)}

    explained = [in_order(first, second), in_order(second, first)]
    tally: dict[str, Any] = {"met": 0, "waited": 0, "unexplained": []}
    number = 0
    while True:
        number += 1
        scene = new_scene()
        rival = Rival(second, scene)
        waited: list[bool] = []
        rival_goes = RunBefore(
            number,
            lambda rival=rival, waited=waited: waited.append(rival.start_and_wait(server)),
        )
        with rival_goes:
            try:
                answer = ask(first, scene)
            except Exception as fault:
                answer = f"fault {type(fault).__name__}"
        if not rival_goes.was_there:
            return tally
        rival.join(WAIT_SECONDS)
        tally["met"] += 1
        tally["waited"] += sum(waited)
        answers = {first: answer, second: rival.answer}
        outcome = {"answers": answers, **picture_of(scene)}
        if outcome not in explained:
            tally["unexplained"].append([number, answers, outcome["balances"]])


def main(pairs: list[list[str]]) -> dict[str, Any]:
    from points.audit import verify_ledger

    scenes().prepare()
    take_away(os.environ.get("GUARDS_OFF", ""))
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server:
        told = {f"{one} / {other}": meet(one, other, server) for one, other in pairs}
    return {"pairs": told, "differences": verify_ledger().differences}


if __name__ == "__main__":
    django.setup()
    sys.stdout.write(json.dumps(main(json.loads(sys.argv[1]))))
