"""T12: relays that are killed at any moment, against a provider that fails.

Four relays, real processes, share one outbox of every channel; every half second one of
them dies by kill -9 while the providers time out, answer 500, hang up and dawdle. Nothing
may be lost, and an offer may never be sent twice: what is in doubt is called unknown and
left alone.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from messaging.relay import UNDER_WAY
from tests.battery.figures import report
from tests.battery.running import Database, environment, new_database, run
from tests.battery.smtp_sink import SmtpSink
from zalo_simulator.server import Simulator

pytestmark = pytest.mark.battery

SEED = 20260302
RELAYS = 4
KILL_EVERY = 0.5
OFFERS = 20_000 if os.environ.get("BATTERY") == "full" else 2_000
CODES = 100
LATE = 50
LIMIT_SECONDS = 900.0 if os.environ.get("BATTERY") == "full" else 240.0
LINK = re.compile(r"/m/[\w-]+/")
CODE = re.compile(r"\b\d{6}\b")
OPEN = "SELECT count(*) FROM messaging_message WHERE state IN ('pending', 'sending')"


class Relays:
    """Four processes, of which one at a time can be killed and replaced."""

    def __init__(self, nursery: subprocess.Popen[str]) -> None:
        self._nursery = nursery
        # Relays that ended without being killed: an error of ours.
        self.num_fallen = 0
        self.pids = [self._start() for _ in range(RELAYS)]

    def _start(self) -> int:
        assert self._nursery.stdin
        assert self._nursery.stdout
        self._nursery.stdin.write("start\n")
        self._nursery.stdin.flush()
        return int(self._nursery.stdout.readline())

    def kill_one(self, chance: random.Random) -> None:
        index = chance.randrange(RELAYS)
        self._kill(self.pids[index])
        self.pids[index] = self._start()

    def stop(self) -> None:
        for pid in self.pids:
            self._kill(pid)

    def _kill(self, pid: int) -> None:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            self.num_fallen += 1


@contextmanager
def relays(
    database: Database, zalo: Simulator, mail: SmtpSink, **more: str
) -> Iterator[Relays]:
    nursery = subprocess.Popen(
        [sys.executable, "-m", "tests.battery.relays"],
        cwd=settings.BASE_DIR,
        env=environment(database, **zalo_settings(zalo, mail), **more),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    running = Relays(nursery)
    try:
        yield running
    finally:
        running.stop()
        nursery.kill()
        nursery.communicate()


def zalo_settings(zalo: Simulator, mail: SmtpSink | None = None) -> dict[str, str]:
    mail_server = {"EMAIL_URL": f"smtp://127.0.0.1:{mail.port}"} if mail else {}
    return {
        **mail_server,
        "SMS_URL": zalo.base_url,
        "SMS_API_KEY": "key",
        "SMS_SECRET_KEY": "secret",
        "SMS_BRANDNAME": "SONG",
        "ZALO_APP_ID": zalo.options.app_id,
        "ZALO_APP_SECRET": zalo.options.app_secret,
        "ZALO_OA_ID": zalo.options.oa_id,
        "ZALO_REFRESH_TOKEN": zalo.options.first_refresh_token,
        "ZALO_OAUTH_URL": zalo.base_url,
        "ZALO_OPENAPI_URL": zalo.base_url,
        "ZALO_BUSINESS_URL": zalo.base_url,
    }


@pytest.fixture
def zalo() -> Iterator[Simulator]:
    with Simulator(port=0, ignore_night=True) as simulator:
        yield simulator


@pytest.fixture
def mail() -> Iterator[SmtpSink]:
    with SmtpSink(seed=SEED) as sink:
        yield sink


def prepare(folder: Database, zalo: Simulator, offers: int, codes: int, late: int) -> None:
    counts = [str(number) for number in (offers, codes, late)]
    run(folder, "-m", "tests.battery.prepare_outbox", *counts, **zalo_settings(zalo))


def accepted(zalo: Simulator, mail: SmtpSink) -> Counter[str]:
    """Count what providers accepted, by what names a message: its link or its code."""
    texts = [" ".join(map(str, sent.template_data.values())) for sent in zalo.sent()]
    return Counter(named(text) for text in [*texts, *mail.letters])


def named(text: str) -> str:
    """Return the link's token in a text, else its one-time code."""
    found = LINK.search(text) or CODE.search(text)
    assert found, "a text that names no message"
    return found[0]


def wait_until_done(database: Database, act: Any, limit: float = LIMIT_SECONDS) -> None:
    deadline = time.monotonic() + limit
    while database.ask(OPEN)[0][0]:
        assert time.monotonic() < deadline, "the outbox was not emptied in time"
        act()


def test_kills_and_faults_lose_nothing_and_double_no_offer(
    empty_database: Database, tmp_path: Path, zalo: Simulator, mail: SmtpSink
) -> None:
    chance = random.Random(SEED)
    kills = 0
    zalo.faults.add("timeout", percent=2, seconds=5, seed=SEED)
    zalo.faults.add("http_500", percent=1.5, accept=True, seed=SEED + 1)
    zalo.faults.add("http_500", percent=1.5, seed=SEED + 2)
    zalo.faults.add("slow", percent=1, seconds=0.4, seed=SEED + 3)
    zalo.faults.add("error", code=-100, percent=1, channel="phone", seed=SEED + 4)
    mail.hangs_up, mail.says_later = 2.0, 2.0

    def kill() -> None:
        nonlocal kills
        time.sleep(KILL_EVERY)
        running.kill_one(chance)
        kills += 1

    with new_database(tmp_path, like=empty_database) as database:
        prepare(database, zalo, OFFERS, CODES, LATE)
        started = time.monotonic()
        with relays(database, zalo, mail) as running:
            wait_until_done(database, kill)
        seconds = time.monotonic() - started
        rows = database.ask(
            "SELECT m.key, m.state, m.id, m.channel FROM messaging_message m"
        )
        names = dict(database.ask("SELECT id, payload FROM messaging_message"))

    got = accepted(zalo, mail)
    faults = {fault["kind"]: fault["hits"] for fault in zalo.faults.listed()}
    in_doubt = mail.num_hung_up + sum(
        f["hits"] for f in zalo.faults.listed() if f["kind"] in ("timeout", "http_500")
    )
    states = Counter(state for _key, state, _id, _channel in rows)
    by_channel = Counter(channel for *_more, channel in rows)
    doubled_offers = sum(1 for name, times in got.items() if "/" in name and times > 1)
    doubled_codes = sum(1 for name, times in got.items() if "/" not in name and times > 1)
    not_received = [
        key
        for key, state, message_id, channel in rows
        if state == "sent"
        and channel != "inbox"
        and not _was_received(key, names[message_id], got)
    ]
    late = [row for row in rows if row[0] in _late_keys() and row[1] != "expired"]
    num_offers = sum(times for name, times in got.items() if "/" in name)

    report(
        "T12",
        operations=len(rows),
        kills=kills,
        faults=faults,
        mail_faults=mail.num_hung_up,
        channels=dict(by_channel),
        states=dict(states),
        lost=len(not_received),
        doubled_offers=doubled_offers,
        doubled_codes=doubled_codes,
        sent_too_late=len(late),
        violations=len(not_received) + doubled_offers + len(late),
        seconds=round(seconds, 1),
        seed=SEED,
    )
    assert running.num_fallen == 0
    assert len(rows) == OFFERS + CODES + LATE
    assert not_received == []
    assert doubled_offers == 0
    assert late == []
    assert states["expired"] == LATE
    assert num_offers <= OFFERS
    assert doubled_codes <= kills * UNDER_WAY + in_doubt
    # Only what a kill or a fault put in doubt is unknown.
    assert states["unknown"] <= kills * UNDER_WAY + in_doubt
    assert set(states) <= {"sent", "unknown", "expired", "failed"}
    assert states["sent"] >= (OFFERS + CODES) * 0.6


def test_without_leases_the_same_offers_go_out_twice(
    empty_database: Database, tmp_path: Path, zalo: Simulator, mail: SmtpSink
) -> None:
    with new_database(tmp_path, like=empty_database) as database:
        prepare(database, zalo, 300, 0, 0)
        with relays(database, zalo, mail, LEASES_OFF="1"):
            wait_until_done(database, lambda: time.sleep(0.2), limit=60.0)

    doubled = sum(1 for times in accepted(zalo, mail).values() if times > 1)
    report("T12 control: leases off", operations=300, control_violations=doubled, seed=SEED)
    assert doubled > 0


def _late_keys() -> set[str]:
    return {f"offer-{OFFERS + number}" for number in range(LATE)}


def _was_received(key: str, payload: Any, got: Counter[str]) -> bool:
    """Find a sent message at the provider: an offer by its link, a code by its digits."""
    kind, _dash, number = key.partition("-")
    if kind == "code":
        return got[str(100_000 + int(number))] > 0
    text = payload if isinstance(payload, dict) else json.loads(payload)
    return got[named(" ".join(map(str, text.values())))] > 0
