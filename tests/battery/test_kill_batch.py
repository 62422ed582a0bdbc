"""A batch of vouchers whose workers are killed again and again has exactly its codes.

Real worker processes are killed by kill -9 in the middle of their chunks, and the next one
goes on: making codes, taking a list in, withdrawing the rest.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.battery.figures import report
from tests.battery.running import Database, run, started

pytestmark = pytest.mark.battery

SEED = 20260312
CODES, KILLS = 40_000, 6
LIMIT_SECONDS = 240.0
WORKER = ("-m", "tests.battery.work_on_batch")

SET_UP = """
from rewards.models import VoucherType
VoucherType.objects.create(code="pool", name="Pool", codes="pool", uses_per_code=2)
"""
ASK = """
from django.utils import timezone
from rewards.batches import Wish, ask_batch
from rewards.models import VoucherType
wish = Wish(VoucherType.objects.get(), {0}, "Battery")
print("NUMBER", ask_batch(wish, at=timezone.now()).pk)
"""
UPLOAD = """
from pathlib import Path
from django.utils import timezone
from rewards.batches import take_in, upload_codes
from rewards.models import VoucherType
draft = upload_codes(Path("{0}"), voucher_type=VoucherType.objects.get(), name="",
                     at=timezone.now())
print("NUMBER", take_in(draft, at=timezone.now()).pk)
"""
WITHDRAW = """
from django.utils import timezone
from rewards.batches import withdraw_rest
from rewards.models import VoucherBatch
batch = VoucherBatch.objects.get(pk={0})
print("NUMBER", withdraw_rest(batch, because="battery", at=timezone.now()).pk)
"""


@pytest.fixture
def database(scratch: Callable[[], Database]) -> Database:
    database = scratch()
    run(database, "manage.py", "shell", "-c", SET_UP)
    return database


def ask(database: Database, script: str) -> int:
    return int(run(database, "manage.py", "shell", "-c", script).split("NUMBER")[1])


def column(database: Database, batch: int, name: str) -> Any:
    return database.ask(f"SELECT {name} FROM rewards_voucherbatch WHERE id = {batch}")[0][0]


def kill_after(database: Database, batch: int, position: str, done: int) -> int:
    """Start a worker, and kill it when it is past a position; returns where it is then."""
    deadline = time.monotonic() + LIMIT_SECONDS
    with started(database, *WORKER, str(batch)) as worker:
        while worker.is_running() and column(database, batch, position) <= done:
            assert time.monotonic() < deadline, "the worker stands still"
            time.sleep(0.005)
    return int(column(database, batch, position))


def killed_often(database: Database, batch: int, position: str) -> list[int]:
    """Kill workers at one batch again and again, then let one finish it."""
    chance, stood = random.Random(SEED), [0]
    for _ in range(KILLS):
        further = stood[-1] + chance.randrange(CODES // (2 * KILLS))
        stood.append(kill_after(database, batch, position, further))
    run(database, *WORKER, str(batch))
    # Killed when all was done, or before anything was, it would prove nothing.
    in_the_middle = {place for place in stood if 0 < place < CODES}
    assert len(in_the_middle) >= KILLS // 2, stood
    return stood[1:]


def codes(database: Database, batch: int) -> tuple[int, int]:
    """Return how many codes a batch has, and how many different ones."""
    return database.ask(
        "SELECT COUNT(*), COUNT(DISTINCT code) FROM rewards_voucher "
        f"WHERE batch_id = {batch}"
    )[0]


def test_exactly_as_many_codes_as_asked_for(database: Database) -> None:
    batch = ask(database, ASK.format(CODES))
    stood = killed_often(database, batch, "made")

    made, different = codes(database, batch)
    withdrawn = ask(database, WITHDRAW.format(batch))
    killed_often(database, withdrawn, "num_withdrawn")
    left = database.ask("SELECT COUNT(*) FROM rewards_voucher WHERE state <> 'cancelled'")

    report(
        "Vouchers in bulk under kill -9",
        seed=SEED,
        codes=CODES,
        kills=2 * KILLS,
        codes_at_each_kill=" ".join(map(str, stood)),
        doubled=made - different,
        violations=abs(made - CODES) + abs(different - CODES) + left[0][0],
    )
    assert (made, different) == (CODES, CODES)
    assert database.count("rewards_voucher") == CODES
    assert left == [(0,)]
    rows = "SELECT state, made, num_withdrawn FROM rewards_voucherbatch"
    assert database.ask(rows) == [("withdrawn", CODES, CODES)]


def test_every_row_of_a_list_once(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "codes.csv"
    path.write_text("code\n" + "".join(f"GRAB{n:08}\n" for n in range(CODES)))
    batch = ask(database, UPLOAD.format(path))

    stood = killed_often(database, batch, "made")

    report(
        "Uploaded list under kill -9",
        seed=SEED,
        codes=CODES,
        kills=KILLS,
        codes_at_each_kill=" ".join(map(str, stood)),
        violations=sum(abs(count - CODES) for count in codes(database, batch)),
    )
    assert codes(database, batch) == (CODES, CODES)
    assert database.count("rewards_uploadedcode") == 0
    assert column(database, batch, "state") == "done"
