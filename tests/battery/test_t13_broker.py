"""T13: the broker is killed, comes back empty, is flushed; messages know nothing of it.

A worker and a beat of the site itself, with a broker that dies by kill -9 while messages
are queued and nobody hears of them. Planning must not fail for want of a broker, nothing
may be lost or sent twice, and the backlog must be empty soon after the broker is back.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from django.conf import settings

from loyalty_site.launch.broker import Broker, choose_broker
from tests.battery.figures import report
from tests.battery.running import Database, environment, new_database, run
from zalo_simulator.server import Simulator

pytestmark = pytest.mark.battery

ROUNDS = 6 if os.environ.get("BATTERY") == "full" else 2
MESSAGES = 20_000 if os.environ.get("BATTERY") == "full" else 300
# From the broker's return to an empty backlog.
BACKLOG_SECONDS = 120.0
LEFT = "SELECT count(*) FROM messaging_message WHERE state IN ('pending', 'sending')"


class Own:
    """A broker of our own that can be killed and started again, empty."""

    def __init__(self, folder: Path) -> None:
        self.broker: Broker = choose_broker(data_dir=folder)
        if not self.broker.is_own:
            pytest.skip("this machine has no broker of ours to kill")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self.broker.command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 15
        while not self.broker.is_ready():
            assert time.monotonic() < deadline, "the broker did not start"
            time.sleep(0.1)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def start(
    database: Database, gateway: Simulator, broker: str, *arguments: str
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "loyalty_site", *arguments],
        cwd=settings.BASE_DIR,
        env=environment(database, **told(gateway, broker)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def told(gateway: Simulator, broker: str) -> dict[str, str]:
    return {
        "CELERY_BROKER_URL": broker,
        "SMS_URL": gateway.base_url,
        "SMS_API_KEY": "key",
        "SMS_SECRET_KEY": "secret",
        "SMS_BRANDNAME": "SONG",
    }


def wait_until_empty(database: Database, limit: float) -> float:
    began = time.monotonic()
    while database.ask(LEFT)[0][0]:
        assert time.monotonic() - began < limit, "the backlog was not worked off in time"
        time.sleep(0.5)
    return time.monotonic() - began


def test_a_broker_that_dies_loses_and_doubles_nothing(
    empty_database: Database, tmp_path: Path
) -> None:
    own = Own(tmp_path / "broker")
    share = MESSAGES // ROUNDS
    slowest = 0.0
    with (
        new_database(tmp_path, like=empty_database) as database,
        Simulator(port=0, ignore_night=True, delivery_seconds=0.0) as gateway,
    ):
        url = own.broker.url
        own.start()
        processes = [
            start(database, gateway, url, "worker", "-c2", "--without-gossip"),
            start(database, gateway, url, "beat", "--pidfile="),
        ]
        try:
            for number in range(ROUNDS):
                own.kill()
                fill = ("-m", "tests.battery.fill_inboxes", str(number * share), str(share))
                # Nobody hears of these: the planner must end well all the same.
                run(database, *fill, **told(gateway, url))
                own.start()
                slowest = max(slowest, wait_until_empty(database, BACKLOG_SECONDS))
        finally:
            for process in processes:
                process.kill()
                process.wait()
            own.kill()
        rows = database.ask("SELECT state FROM messaging_message")
        sent = Counter(message.tracking_id for message in gateway.sent())
    states = Counter(state for (state,) in rows)
    doubled = sum(1 for times in sent.values() if times > 1)
    report(
        "T13",
        operations=share * ROUNDS,
        broker_kills=ROUNDS,
        states=dict(states),
        by_sms=len(sent),
        doubled=doubled,
        slowest_backlog=round(slowest, 1),
        violations=doubled + share * ROUNDS - states["sent"],
    )
    assert dict(states) == {"sent": share * ROUNDS}
    assert len(sent) == share * ROUNDS // 2
    assert doubled == 0
