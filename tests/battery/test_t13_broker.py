"""T13: the broker is killed, comes back empty, is flushed; messages know nothing of it.

A web site, a worker and a beat with a broker that dies by kill -9: while messages are
queued and nobody hears of them, and again in the middle of sending them. It keeps nothing
over its death. Planning must not fail for want of a broker nor may a till see a fault,
nothing may be lost or sent twice, and the backlog must be empty soon after it is back.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from django.conf import settings

from loyalty_site.launch import ports
from loyalty_site.launch.broker import Broker, choose_broker
from tests.battery.figures import report
from tests.battery.running import Database, call, environment, new_database, run, web_site
from tests.battery.tiers import size
from zalo_simulator.server import Simulator

pytestmark = pytest.mark.battery

ROUNDS, MESSAGES = size(2, 6, 30), size(300, 20_000)
# From the broker's return to an empty backlog.
BACKLOG_SECONDS = 120.0
LEFT = "SELECT count(*) FROM messaging_message WHERE state IN ('pending', 'sending')"
ORDER = {"member_id": "M0", "placed_at": "2026-03-02T12:00:00+07:00", "total": "185000"}


class Own:
    """A broker of our own that can be killed and started again, empty."""

    def __init__(self, folder: Path) -> None:
        self.broker: Broker = choose_broker(data_dir=folder)
        if not self.broker.is_own:
            pytest.skip("this machine has no broker of ours to kill")
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self.broker.command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 15
        while not self.broker.is_ready():
            assert time.monotonic() < deadline, "the broker did not start"
            time.sleep(0.1)

    def kill(self) -> None:
        """Kill it, with all that it had written down."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        for file in self._folder.iterdir():
            if file.is_dir():
                shutil.rmtree(file)

    def flush(self) -> None:
        """Let it forget everything while others use it."""
        with socket.create_connection((ports.LOOPBACK, self.broker.port)) as link:
            link.sendall(f"AUTH {self.broker.password}\r\nFLUSHALL\r\n".encode())
            answer = b""
            while answer.count(b"\r\n") < 2:
                answer += link.recv(256)
        assert answer == b"+OK\r\n+OK\r\n"


class Site:
    """A web site whose worker and beat need a broker, and the gateway that it sends by."""

    def __init__(self, database: Database, gateway: Simulator, own: Own) -> None:
        self.database, self.gateway, self.own = database, gateway, own
        self.told = {
            "CELERY_BROKER_URL": own.broker.url,
            "SMS_URL": gateway.base_url,
            "SMS_API_KEY": "key",
            "SMS_SECRET_KEY": "secret",
            "SMS_BRANDNAME": "SONG",
        }
        self.till_key = run(database, "-m", "tests.battery.prepare_till", "1")

    @contextmanager
    def process(self, *arguments: str) -> Iterator[None]:
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "loyalty_site", *arguments],
            cwd=settings.BASE_DIR,
            env=environment(self.database, **self.told),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield
        finally:
            process.kill()
            process.wait()

    def fill(self, first: int, number: int) -> None:
        fill = ("-m", "tests.battery.fill_inboxes", str(first), str(number))
        run(self.database, *fill, **self.told)

    def sell(self, port: int, number: int) -> int:
        """Tell the site of an order as a till does; return the answer's status."""
        headers = {
            "Authorization": f"Api-Key {self.till_key}",
            "Idempotency-Key": f"k{number}",
        }
        order = {**ORDER, "order_id": f"HD-{number}"}
        return call(port, "POST", "/api/v1/orders/", order, headers)[0]

    @property
    def left(self) -> int:
        return int(self.database.ask(LEFT)[0][0])

    def wait_until_left(self, number: int) -> float:
        """Wait until no more than so many messages are left; return the seconds."""
        began = time.monotonic()
        while self.left > number:
            waited = time.monotonic() - began
            assert waited < BACKLOG_SECONDS, "the backlog was not worked off in time"
            time.sleep(0.1)
        return time.monotonic() - began


@pytest.fixture
def site(empty_database: Database, tmp_path: Path) -> Iterator[Site]:
    own = Own(tmp_path / "broker")
    with (
        new_database(tmp_path, like=empty_database) as database,
        Simulator(port=0, ignore_night=True, delivery_seconds=0.0) as gateway,
    ):
        yield Site(database, gateway, own)
        own.kill()


def test_a_broker_that_dies_loses_and_doubles_nothing(site: Site) -> None:
    share = MESSAGES // ROUNDS
    slowest, flushed = 0.0, 0
    answers = []
    with ExitStack() as stack:
        site.own.start()
        port = stack.enter_context(web_site(site.database, **site.told))
        stack.enter_context(site.process("worker", "-c2", "--without-gossip"))
        stack.enter_context(site.process("beat", "--pidfile="))
        for number in range(ROUNDS):
            site.own.kill()
            # Nobody hears of these: the planner must end well all the same.
            site.fill(number * share, share)
            answers.append(site.sell(port, number))
            site.own.start()
            site.wait_until_left(share // 2)
            if number % 2:
                site.own.flush()
                flushed += 1
            else:
                site.own.kill()
                site.own.start()
            slowest = max(slowest, site.wait_until_left(0))
    rows = site.database.ask("SELECT state FROM messaging_message")
    sent = Counter(message.tracking_id for message in site.gateway.sent())
    states = Counter(state for (state,) in rows)
    doubled = sum(1 for times in sent.values() if times > 1)
    report(
        "T13",
        operations=share * ROUNDS,
        broker_kills=2 * ROUNDS - flushed,
        flushed=flushed,
        states=dict(states),
        by_sms=len(sent),
        doubled=doubled,
        orders_refused=sum(1 for status in answers if status != 201),
        slowest_backlog=round(slowest, 1),
        violations=doubled + share * ROUNDS - states["sent"],
    )
    assert dict(states) == {"sent": share * ROUNDS}
    assert len(sent) == share // 2 * ROUNDS
    assert doubled == 0
    assert answers == [201] * ROUNDS


def test_without_the_regular_look_what_nobody_heard_of_stays(site: Site) -> None:
    with site.process("worker", "-c1", "--without-gossip"):
        site.fill(0, 50)
        site.own.start()
        time.sleep(10)

        left = site.left
    report("T13 control: nobody looks", operations=50, control_violations=left)
    assert left == 50
