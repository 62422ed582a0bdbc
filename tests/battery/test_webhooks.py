"""Webhooks: many relays at once send each event once, and their deaths lose none."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from django.conf import settings

from tests.battery.figures import report
from tests.battery.running import Database, environment, new_database, run
from tests.webhooks.receiving import Receiver, receiver, slowly
from webhooks.relay import EACH

pytestmark = pytest.mark.battery

RELAYS = 4
KILLS = 4
EVENTS = 400
KILL_EVERY = 0.6
LIMIT_SECONDS = 180.0
PROGRAM = "tests.battery.webhook_relays"
# Developers may send to their own machine; here the receiver is one.
MORE = {"DEBUG": "1", "LOG_LEVEL": "ERROR"}
OPEN = "SELECT count(*) FROM webhooks_webhookdelivery WHERE state IN ('pending', 'sending')"


def start(database: Database, *, lease: float, **more: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", PROGRAM, "relay", str(lease)],
        cwd=settings.BASE_DIR,
        env=environment(database, **MORE, **more),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.write("go\n")
    process.stdin.flush()


def prepare(database: Database, crm: Receiver) -> None:
    run(database, "-m", PROGRAM, "prepare", crm.address, str(EVENTS), **MORE)


def states(database: Database) -> Counter[str]:
    rows = database.ask("SELECT state FROM webhooks_webhookdelivery")
    return Counter(state for (state,) in rows)


def references(crm: Receiver) -> Counter[str]:
    return Counter(json.loads(one.body)["data"]["reference"] for one in crm.requests)


def send_together(database: Database, crm: Receiver, **more: str) -> Counter[str]:
    """Let relays work at the same moment; return how often each event came."""
    prepare(database, crm)
    relays = [start(database, lease=60, **more) for _ in range(RELAYS)]
    for process in relays:
        go(process)
    for process in relays:
        process.communicate(timeout=LIMIT_SECONDS)
        assert process.returncode == 0
    return references(crm)


def test_relays_at_once_send_each_event_once(
    empty_database: Database, tmp_path: Path
) -> None:
    with (
        receiver(answer=slowly(0.01)) as crm,
        new_database(tmp_path, like=empty_database) as database,
    ):
        came = send_together(database, crm)
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
        came = send_together(database, crm, CLAIMS_OFF="1")

    doubled = sum(times - 1 for times in came.values())
    report("webhooks at once control", operations=EVENTS, control_violations=doubled)
    assert doubled > 0


def test_killed_relays_lose_nothing(empty_database: Database, tmp_path: Path) -> None:
    with (
        receiver(answer=slowly(0.2)) as crm,
        new_database(tmp_path, like=empty_database) as database,
    ):
        prepare(database, crm)
        waiting = [start(database, lease=3) for _ in range(KILLS + 2)]
        working = [waiting.pop(), waiting.pop()]
        for process in working:
            go(process)
        while waiting:
            time.sleep(KILL_EVERY)
            killed = working.pop(0)
            assert killed.poll() is None, "it was done before it could be killed"
            killed.kill()
            killed.communicate()
            working.append(waiting.pop())
            go(working[-1])
        for process in working:
            process.communicate(timeout=LIMIT_SECONDS)
            assert process.returncode == 0
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
