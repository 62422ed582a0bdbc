"""T5: one request sent many times at once has one effect and one answer.

Real clients against real web workers on a database of their own. Each storm has its
control: with the guards taken away the same storm must do harm, or it proves nothing.
"""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

from tests.battery.figures import report
from tests.battery.running import Database, call, new_database, run, web_site

pytestmark = pytest.mark.battery

SEED = 20260302
CLIENTS = 200
# The whole battery sends 1,000 keys 20 times each.
KEYS, SENDINGS = (1000, 20) if os.environ.get("BATTERY") == "full" else (100, 10)
CALLERS = 32
ORDERS = "/api/v1/orders/"


@dataclass(frozen=True)
class Sent:
    """One answer that a client got."""

    key: str
    status: int
    body: bytes
    is_replay: bool


@dataclass(frozen=True)
class Shop:
    """A database with a programme, and the key of its till."""

    database: Database
    till_key: str

    def effects(self) -> dict[str, int]:
        return {
            "orders": self.database.count("activities_order"),
            "transfers": self.database.count("points_transfer"),
            "answers": self.database.count("api_apirequest"),
        }


@pytest.fixture(scope="module")
def model(
    empty_database: Database, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    """The shop that every storm starts from."""
    with new_database(tmp_path_factory.mktemp("shop"), like=empty_database) as database:
        yield Shop(database, run(database, "-m", "tests.battery.prepare_till", "5"))


@pytest.fixture
def shop(model: Shop, tmp_path: Path) -> Iterator[Shop]:
    with new_database(tmp_path, like=model.database) as database:
        yield Shop(database, model.till_key)


def order(number: int) -> dict[str, Any]:
    """Return an order of 18 points; its time is told, as every sending must be the same."""
    return {
        "order_id": f"HD-{number}",
        "member_id": f"M{number % 5}",
        "placed_at": "2026-03-02T12:00:00+07:00",
        "total": "185000",
    }


def send(port: int, shop: Shop, key: str, body: dict[str, Any]) -> Sent:
    """Send an order as a careful till does: told to wait, it waits and sends it again."""
    headers = {"Authorization": f"Api-Key {shop.till_key}", "Idempotency-Key": key}
    while True:
        status, answered, text = call(port, "POST", ORDERS, body, headers)
        if "Retry-After" not in answered:
            return Sent(key, status, text, answered.get("Idempotency-Replayed") == "true")
        time.sleep(float(answered["Retry-After"]))


def storm(
    port: int, shop: Shop, work: Sequence[tuple[str, int]], callers: int
) -> list[Sent]:
    """Let many callers work off (key, order number) at once; every answer is kept."""
    waiting = iter(work)
    lock, start = threading.Lock(), threading.Barrier(callers)
    answers: list[Sent] = []
    faults: list[BaseException] = []

    def caller() -> None:
        start.wait()
        while True:
            with lock:
                job = next(waiting, None)
            if job is None:
                return
            try:
                sent = send(port, shop, job[0], order(job[1]))
            except (OSError, HTTPException) as fault:
                faults.append(fault)
                return
            with lock:
                answers.append(sent)

    threads = [threading.Thread(target=caller) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    return answers


def test_one_key_sent_by_all_at_once_has_one_effect(shop: Shop) -> None:
    with web_site(shop.database) as port:
        answers = storm(port, shop, [("the-key", 1)] * CLIENTS, CLIENTS)

    assert Counter(sent.status for sent in answers) == {201: CLIENTS}
    assert len({sent.body for sent in answers}) == 1
    assert json.loads(answers[0].body)["points"] == 18
    assert sum(sent.is_replay for sent in answers) == CLIENTS - 1
    assert shop.effects() == {"orders": 1, "transfers": 1, "answers": 1}
    report("T5 one key", clients=CLIENTS, effects=1, replays=CLIENTS - 1, faults=0)


def test_control_without_the_key_check_answers_differ(shop: Shop) -> None:
    """The order's own number still saves the points, but not the answers."""
    with web_site(shop.database, GUARDS_OFF="key") as port:
        answers = storm(port, shop, [("the-key", 1)] * CLIENTS, CLIENTS)

    assert len({sent.body for sent in answers}) > 1
    assert sum(sent.is_replay for sent in answers) == 0
    assert shop.effects()["answers"] == CLIENTS
    assert shop.effects()["orders"] == 1
    report("T5 control: key check off", clients=CLIENTS, answers=CLIENTS, orders=1)


def test_control_without_any_guard_gives_points_again_and_again(shop: Shop) -> None:
    with web_site(shop.database, GUARDS_OFF="key,number") as port:
        storm(port, shop, [("the-key", 1)] * CLIENTS, CLIENTS)

    effects = shop.effects()
    assert effects["orders"] > 1
    assert effects["transfers"] > 1
    report("T5 control: both guards off", clients=CLIENTS, effects=effects["transfers"])


def test_many_keys_sent_again_in_any_order_have_one_effect_each(shop: Shop) -> None:
    work = [(f"key-{n}", n) for n in range(KEYS)] * SENDINGS
    random.Random(SEED).shuffle(work)

    with web_site(shop.database) as port:
        began = time.perf_counter()
        answers = storm(port, shop, work, CALLERS)
        seconds = time.perf_counter() - began

    by_key: dict[str, list[Sent]] = defaultdict(list)
    for sent in answers:
        by_key[sent.key].append(sent)
    assert {sent.status for sent in answers} == {201}
    assert all(len({sent.body for sent in sents}) == 1 for sents in by_key.values())
    assert all(
        sum(sent.is_replay for sent in sents) == SENDINGS - 1 for sents in by_key.values()
    )
    assert shop.effects() == {"orders": KEYS, "transfers": KEYS, "answers": KEYS}
    report(
        "T5 many keys",
        seed=SEED,
        keys=KEYS,
        requests=len(answers),
        effects=KEYS,
        faults=0,
        requests_per_second=round(len(answers) / seconds),
    )


def test_a_worker_killed_before_it_answers_has_answered(shop: Shop, tmp_path: Path) -> None:
    """T6: the effect is committed, the answer is lost, the repeat gets it."""
    with web_site(shop.database, workers=1, DIE_ONCE=str(tmp_path / "died")) as port:
        with pytest.raises((OSError, HTTPException)):
            send(port, shop, "the-key", order(1))
        assert shop.effects()["orders"] == 1
        again = _send_until_answered(port, shop)

    assert (again.status, again.is_replay) == (201, True)
    assert json.loads(again.body)["points"] == 18
    assert shop.effects() == {"orders": 1, "transfers": 1, "answers": 1}
    report("T6 killed before the answer", kills=1, effects=1, replays=1)


def _send_until_answered(port: int, shop: Shop) -> Sent:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            return send(port, shop, "the-key", order(1))
        except (OSError, HTTPException):
            time.sleep(0.2)
    raise AssertionError("the site did not come back")
