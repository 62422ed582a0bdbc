"""T23 for vouchers: random codes hit nothing, and who guesses is slowed.

Offline: random codes and the neighbours of a good one are looked up among live codes. At
the door of real web workers: many guess at once, and exactly as many misses are answered as
the limit has; one code is shown by fifty members; what was taken back can be used again.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.battery.figures import report
from tests.battery.running import Database, call, run, web_site
from tests.battery.tiers import size

pytestmark = pytest.mark.battery

CODES = size(1_000, 100_000, 1_000_000)
GUESSES = size(20_000, 1_000_000)
CALLERS = size(60, 200)
BASE = "/api/v1/vouchers/"


class Shop:
    """A database with live codes, and the key of its till."""

    def __init__(self, database: Database, codes: int) -> None:
        self.database = database
        told = json.loads(run(database, "-m", "tests.battery.prepare_guesses", str(codes)))
        self.key, self.code = told["key"], told["code"]

    def validate(self, port: int, code: str, **more: Any) -> tuple[int, dict[str, Any]]:
        body = {"codes": [code], "total": "100000", **more}
        headers = {"Authorization": f"Api-Key {self.key}"}
        status, _headers, text = call(port, "POST", f"{BASE}validate/", body, headers)
        return status, json.loads(text)

    def use(self, port: int, number: int, **more: Any) -> int:
        body = {"codes": [self.code], "total": "100000", "reference": f"R{number}", **more}
        headers = {"Authorization": f"Api-Key {self.key}", "Idempotency-Key": f"k{number}"}
        return call(port, "POST", f"{BASE}uses/", body, headers)[0]

    def uses(self) -> int:
        return int(self.database.ask("SELECT sum(uses) FROM rewards_voucher")[0][0])


def at_once(number: int, act: Callable[[int], Any]) -> list[Any]:
    """Let so many callers act at the same moment; return what each got."""
    start, answers = threading.Barrier(number), [None] * number

    def caller(place: int) -> None:
        start.wait()
        answers[place] = act(place)

    threads = [threading.Thread(target=caller, args=(n,)) for n in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_random_codes_and_neighbours_hit_nothing(scratch: Callable[[], Database]) -> None:
    shop = Shop(scratch(), CODES)
    began = time.monotonic()

    command = ("-m", "tests.battery.guess_codes", str(GUESSES), shop.code)
    told = json.loads(run(shop.database, *command))

    report(
        "T23 guessed codes",
        live_codes=CODES,
        guesses=GUESSES,
        hits=told["hits"],
        neighbours=told["neighbours"],
        neighbours_hit=told["neighbours_hit"],
        seconds=round(time.monotonic() - began, 1),
    )
    assert (told["hits"], told["neighbours_hit"]) == (0, 0)
    assert told["good_found"] == 1


def test_many_guesses_at_once_are_answered_as_often_as_the_limit_allows(
    scratch: Callable[[], Database],
) -> None:
    shop = Shop(scratch(), 10)
    with web_site(shop.database) as port:
        answers = at_once(
            CALLERS,
            lambda n: shop.validate(port, f"GUESS{n:05}", member_id="M0")[0],
        )
        right = shop.validate(port, shop.code, member_id="M0")[0]
        strangers = at_once(
            CALLERS,
            lambda n: shop.validate(port, f"GUESS{n:05}", customer_ip="203.0.113.9")[0],
        )
        owner = shop.validate(port, shop.code, member_id="MAI")

    report(
        "T23 slowed",
        callers=CALLERS,
        answered_to_one_member=Counter(answers)[200],
        answered_to_one_address=Counter(strangers)[200],
        faults=sum(status not in (200, 429) for status in (*answers, *strangers)),
    )
    assert Counter(answers) == {200: 10, 429: CALLERS - 10}
    assert right == 429
    assert Counter(strangers) == {200: 30, 429: CALLERS - 30}
    assert owner[0] == 200
    assert owner[1]["vouchers"][0]["is_usable"] is True


def test_one_code_shown_by_many(scratch: Callable[[], Database]) -> None:
    """Nobody but its owner uses it, and the owner once, however many tills ask at once."""
    shop = Shop(scratch(), 10)
    with web_site(shop.database) as port:
        thieves = at_once(CALLERS, lambda n: shop.use(port, n, member_id=f"M{n % 2}"))
        stolen = shop.uses()
        owner = at_once(CALLERS, lambda n: shop.use(port, CALLERS + n, member_id="MAI"))

    report(
        "T23 one code, many tills",
        tills=2 * CALLERS,
        used_by_others=stolen,
        used_by_owner=Counter(owner)[201],
        faults=sum(status not in (201, 409, 429) for status in (*thieves, *owner)),
    )
    assert set(thieves) == {409, 429}
    assert stolen == 0
    assert Counter(owner) == {201: 1, 409: CALLERS - 1}
    assert shop.uses() == 1


def test_used_taken_back_and_used_again(scratch: Callable[[], Database]) -> None:
    shop = Shop(scratch(), 10)
    headers = {"Authorization": f"Api-Key {shop.key}", "Idempotency-Key": "back"}
    with web_site(shop.database) as port:
        first = shop.use(port, 1, member_id="MAI")
        again = shop.use(port, 2, member_id="MAI")
        back = call(port, "POST", f"{BASE}uses/R1/roll-back/", {}, headers)[0]
        after = shop.use(port, 3, member_id="MAI")

    assert (first, again, back, after) == (201, 409, 200, 201)
    assert shop.uses() == 1
