"""Die before and after every single statement of a verb, then ask again.

Run as a program with the names of verbs: prints for each how many statements it sends, how
often it was killed, and every kill after which the ledger was neither untouched nor done,
or after which asking again did not finish it once.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import django
from django.db import connection, connections


class Killer:
    """Counts statements, the commit too, and kills its process at one of them."""

    def __init__(self, number: int, *, after: bool) -> None:
        self.number, self.after = number, after
        self.count = 0

    def __call__(self, run: Callable[[], Any]) -> Any:
        self.count += 1
        is_now = self.count == self.number
        if is_now and not self.after:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = run()
        if is_now and self.after:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    def arm(self) -> None:
        connection.ensure_connection()
        connection.execute_wrappers.append(
            lambda execute, *facts: self(lambda: execute(*facts))
        )
        commit = connection._commit
        connection._commit = lambda: self(commit)


def is_killed(verb: str, scene: Any, number: int, *, after: bool) -> bool:
    """Let a child ask and die at a statement; False when it was done before that."""
    from tests.battery.scenes import ask

    connections.close_all()
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        Killer(number, after=after).arm()
        ask(verb, scene)
        os._exit(0)
    _pid, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def crash(verb: str, *, sides: tuple[bool, ...]) -> dict[str, Any]:
    from points.models import Wallet
    from tests.battery.scenes import ask, make_scene, picture_of

    wallet = Wallet.objects.get()
    model = make_scene(f"{verb}-model", wallet)
    untouched = picture_of(model)
    answer = ask(verb, model)
    done = picture_of(model)
    kills, number, wrong = 0, 1, []
    outcomes = {"never": 0, "once": 0}
    is_over = False
    while not is_over:
        for after in sides:
            scene = make_scene(f"{verb}-{number}-{after:d}", wallet)
            is_over = not is_killed(verb, scene, number, after=after)
            if is_over:
                break
            kills += 1
            found = picture_of(scene)
            outcomes["once" if found == done else "never"] += 1
            # What holds back all others' time (a lease, a lock) would show here.
            again = [ask(verb, scene), ask(verb, scene)]
            if found not in (untouched, done) and verb not in IN_STEPS:
                wrong.append([number, after, "half done"])
            if again != [answer, answer] or picture_of(scene) != done:
                wrong.append([number, after, "not done once"])
        number += 1
    return {"statements": number - 2, "kills": kills, **outcomes, "wrong": wrong}


# Two facts, told one after the other: the first may stand without the second.
IN_STEPS = ("buy and refund",)


def main(verbs: list[str], *, sides: tuple[bool, ...]) -> dict[str, Any]:
    from points.audit import verify_ledger
    from tests.battery.scenes import prepare

    prepare()
    told = {verb: crash(verb, sides=sides) for verb in verbs}
    return {"verbs": told, "differences": verify_ledger().differences}


if __name__ == "__main__":
    django.setup()
    both = (False, True) if os.environ.get("BOTH_SIDES") else (False,)
    sys.stdout.write(json.dumps(main(json.loads(sys.argv[1]), sides=both)))
