"""Webhooks: many relays at once send each event once, and their deaths lose none."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.battery.figures import report
from tests.battery.forking import Process
from tests.battery.running import Database, new_database, run, started
from tests.webhooks.receiving import Receiver, receiver, slowly
from webhooks.relay import EACH

pytestmark = pytest.mark.battery

RELAYS = 4
KILLS = 4
EVENTS = 400
KILL_EVERY = 0.6
LIMIT_SECONDS = 180.0
PROGRAM = ("-m", "tests.battery.webhook_relays")


class Relay(NamedTuple):
    """A process that begins to send when its gate is there."""

    process: Process
    gate: Path

    def go(self) -> None:
        self.gate.touch()


@contextmanager
def relays(
    number: int, database: Database, folder: Path, *, lease: float, **more: str
) -> Iterator[list[Relay]]:
    """Start relays; each has the site loaded and waits at its gate."""
    with ExitStack() as stack:
        made = []
        for one in range(number):
            gate = folder / f"gate{one}"
            command = (*PROGRAM, "relay", str(lease), str(gate))
            process = stack.enter_context(started(database, *command, **more))
            made.append(Relay(process, gate))
        deadline = time.monotonic() + LIMIT_SECONDS
        while not all(relay.process.out.read_text() for relay in made):
            assert time.monotonic() < deadline, "a relay did not start in time"
            time.sleep(0.01)
        yield made


def prepare(database: Database, crm: Receiver) -> None:
    run(database, *PROGRAM, "prepare", crm.address, str(EVENTS))


def states(database: Database) -> Counter[str]:
    rows = database.ask("SELECT state FROM webhooks_webhookdelivery")
    return Counter(state for (state,) in rows)


def references(crm: Receiver) -> Counter[str]:
    return Counter(json.loads(one.body)["data"]["reference"] for one in crm.requests)


def send_together(
    database: Database, crm: Receiver, folder: Path, **more: str
) -> Counter[str]:
    """Let relays work at the same moment; return how often each event came."""
    prepare(database, crm)
    with relays(RELAYS, database, folder, lease=60, **more) as together:
        for relay in together:
            relay.go()
        for relay in together:
            relay.process.finish(LIMIT_SECONDS)
    return references(crm)


def test_relays_at_once_send_each_event_once(
    empty_database: Database, tmp_path: Path
) -> None:
    with (
        receiver(answer=slowly(0.01)) as crm,
        new_database(tmp_path, like=empty_database) as database,
    ):
        came = send_together(database, crm, tmp_path)
        ended = states(database)

    doubled = sum(times - 1 for times in came.values())
    report("webhooks at once", operations=EVENTS, relays=RELAYS, violations=doubled)
    assert came == Counter(str(number) for number in range(EVENTS))
    assert ended == {"delivered": EVENTS}


def test_without_the_claim_events_come_twice(
    empty_database: Database, tmp_path: Path
) -> None:
    with (
        receiver(answer=slowly(0.01)) as crm,
        new_database(tmp_path, like=empty_database) as database,
    ):
        came = send_together(database, crm, tmp_path, CLAIMS_OFF="1")

    doubled = sum(times - 1 for times in came.values())
    report("webhooks at once control", operations=EVENTS, control_violations=doubled)
    assert doubled > 0


def test_killed_relays_lose_nothing(empty_database: Database, tmp_path: Path) -> None:
    with (
        receiver(answer=slowly(0.2)) as crm,
        new_database(tmp_path, like=empty_database) as database,
    ):
        prepare(database, crm)
        with relays(KILLS + 2, database, tmp_path, lease=3) as waiting:
            working = [waiting.pop(), waiting.pop()]
            for relay in working:
                relay.go()
            while waiting:
                time.sleep(KILL_EVERY)
                killed = working.pop(0).process
                assert killed.is_running(), "it was done before it could be killed"
                killed.kill()
                working.append(waiting.pop())
                working[-1].go()
            for relay in working:
                relay.process.finish(LIMIT_SECONDS)
        ended = states(database)
        ids = database.ask("SELECT message_id FROM webhooks_webhookdelivery")

    came = references(crm)
    doubled = sum(times - 1 for times in came.values())
    lost = EVENTS - len(came)
    report(
        "webhooks kill", operations=EVENTS, kills=KILLS, doubled=doubled, violations=lost
    )
    assert ended == {"delivered": EVENTS}
    assert lost == 0
    # A repeat carries the same id, and only what was under way is repeated.
    assert set(crm.ids) == {message_id for (message_id,) in ids}
    assert doubled <= KILLS * EACH
