"""How fast the ledger takes postings: one at a time, and in batches with lots.

The floor of a single posting is a transaction of the same shape in hand-written SQL, driven
by as many connections from Python: key, account under lock, lot, balance. Batches are
counted in postings a second.

    python benchmarks/bench_ledger.py [--seconds 8] [--connections 4] [--batches 40]
"""

import argparse
import json
import multiprocessing
import os
import random
import time
from collections.abc import Callable
from typing import Any

import psycopg
from scratch import scratch_database

MEMBERS = 20_000
BATCH = 1000
SINGLE_TARGET, BATCH_TARGET = 0.5, 20_000

PREPARE = """
INSERT INTO points_wallet (code, name, kind, unit_name, expiry_policy, rounding,
    allows_debt, transfers_allowed, transfer_minimum, transfer_fee_percent,
    transfer_member_days, pays_at_till, pay_points, pay_value, pay_minimum,
    pay_max_percent, reservation_minutes, is_active)
VALUES ('points', 'Points', 'points', 'p', 'never', 'down', false, false, 1, 0, 0, false,
    1, 0, 0, 100, 15, true);
INSERT INTO members_member (code, name, gender, province, state, language, follows_oa,
    joined_at, created_at, updated_at)
SELECT 'M' || n, '', '', '', 'active', 'vi', false, now(), now(), now()
FROM generate_series(1, %(members)s) n;
INSERT INTO points_account (wallet_id, kind, member_id, balance, may_go_negative, version)
SELECT w.id, 'member', m.id, 0, false, 0 FROM members_member m, points_wallet w;
INSERT INTO points_account (wallet_id, kind, balance, may_go_negative, version)
SELECT id, 'issued', 0, false, 0 FROM points_wallet;
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--batches", type=int, default=40)
    options = parser.parse_args()
    with scratch_database("loyalty_bench_ledger") as url:
        with psycopg.connect(url) as connection:
            for statement in PREPARE.split(";\n"):
                if statement.strip():
                    connection.execute(statement, {"members": MEMBERS})
        bare = [_rate(bare_postings, url, options) for _round in range(2)]
        verb = [_rate(verb_postings, url, options) for _round in range(2)]
        batched = run_batches(url, options.batches)
    show(max(bare), max(verb), batched, options.connections)


def _rate(
    work: Callable[[str, float, int, Any], None], url: str, options: argparse.Namespace
) -> float:
    """Run a worker on each connection for the time given; return postings a second."""
    context = multiprocessing.get_context("spawn")
    counts = context.Queue()
    workers = [
        context.Process(target=work, args=(url, options.seconds, seed, counts))
        for seed in range(options.connections)
    ]
    for worker in workers:
        worker.start()
    done = sum(counts.get() for _worker in workers)
    for worker in workers:
        worker.join()
    return done / options.seconds


def bare_postings(url: str, seconds: float, seed: int, counts: Any) -> None:
    """Post by hand-written SQL."""
    dice = random.Random(f"bare{seed}{time.time()}")
    with psycopg.connect(url, autocommit=True) as connection:
        rows = connection.execute("SELECT id, kind FROM points_account").fetchall()
        issued = next(pk for pk, kind in rows if kind == "issued")
        accounts = [pk for pk, kind in rows if kind == "member"]
        until, done = time.monotonic() + seconds, 0
        while time.monotonic() < until:
            _post_by_hand(connection, issued, dice.choice(accounts), dice)
            done += 1
    counts.put(done)


def _post_by_hand(
    connection: psycopg.Connection, issued: int, account: int, dice: random.Random
) -> None:
    with connection.transaction():
        row = connection.execute(
            "INSERT INTO points_transfer (key, kind, from_account_id, to_account_id, "
            "amount, happened_at, source_type, actor, note) "
            "VALUES (%s, 'opening', %s, %s, 5, now(), '', '', '') "
            "ON CONFLICT (key) DO NOTHING RETURNING id",
            (f"bare:{dice.getrandbits(64):x}", issued, account),
        ).fetchone()
        assert row is not None
        connection.execute(
            "SELECT balance FROM points_account WHERE id = %s FOR UPDATE", (account,)
        ).fetchone()
        connection.execute(
            "INSERT INTO points_lot (account_id, transfer_id, amount, remaining) "
            "VALUES (%s, %s, 5, 5)",
            (account, row[0]),
        )
        connection.execute(
            "UPDATE points_account SET balance = balance + 5, version = version + 1 "
            "WHERE id = %s AND balance + 5 >= 0",
            (account,),
        )


def _use_django(url: str) -> None:
    os.environ["DATABASE_URL"] = url
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loyalty_site.settings")
    import sys
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    import django

    django.setup()


def verb_postings(url: str, seconds: float, seed: int, counts: Any) -> None:
    """Post through the public verb."""
    _use_django(url)
    from django.utils import timezone

    from members.models import Member
    from points.services import Grant, grant_points

    dice = random.Random(f"verb{seed}{time.time()}")
    members = list(Member.objects.values_list("pk", flat=True))
    until, done = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        key = f"verb:{dice.getrandbits(64):x}"
        grant_points(grants=[Grant(dice.choice(members), 5, key)], at=timezone.now())
        done += 1
    counts.put(done)


def run_batches(url: str, batches: int) -> float:
    """Return postings a second in batches through ``post``, each with a lot."""
    context = multiprocessing.get_context("spawn")
    counts = context.Queue()
    started = time.monotonic()
    workers = [
        context.Process(target=batch_postings, args=(url, batches, seed, counts))
        for seed in range(2)
    ]
    for worker in workers:
        worker.start()
    timed = [counts.get() for _worker in workers]
    for worker in workers:
        worker.join()
    begun, ended = min(t[0] for t in timed), max(t[1] for t in timed)
    assert begun >= started
    return 2 * batches * BATCH / (ended - begun)


def batch_postings(url: str, batches: int, seed: int, counts: Any) -> None:
    """Write batches of a thousand postings to a thousand accounts."""
    _use_django(url)
    from django.utils import timezone

    from points.ledger import Posting, post
    from points.models import Account

    accounts = list(
        Account.objects.filter(kind="member").order_by("pk").values_list("pk", flat=True)
    )
    mine = accounts[seed::2]
    issued = Account.objects.get(kind="issued").pk
    dice = random.Random(seed)
    at = timezone.now()
    begun = time.monotonic()
    for number in range(batches):
        chosen = dice.sample(mine, BATCH)
        post(
            [
                Posting(f"b:{seed}:{number}:{n}", "earn", issued, account, 5, at)
                for n, account in enumerate(chosen)
            ]
        )
    counts.put((begun, time.monotonic()))


def show(bare: float, verb: float, batched: float, connections: int) -> None:
    ratio = verb / bare
    print(f"one at a time, {connections} connections, hand-written SQL {bare:8.0f} /s")
    print(f"one at a time, {connections} connections, public verb     {verb:8.0f} /s")
    met = "met" if ratio >= SINGLE_TARGET else "NOT met"
    print(f"verb : hand-written SQL = {ratio:.2f} (target {SINGLE_TARGET}: {met})")
    met = "met" if batched >= BATCH_TARGET else "NOT met"
    print(f"batches with lots {batched:8.0f} postings/s (target {BATCH_TARGET}: {met})")
    figures = {
        "benchmark": "ledger",
        "bare_per_second": round(bare),
        "verb_per_second": round(verb),
        "verb_to_bare": round(ratio, 3),
        "batched_per_second": round(batched),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
