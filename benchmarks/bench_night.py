"""How long the heavy work of a night takes: expiring a million lots, proving the ledger.

Expiry is killed in the middle and started again, and must end where an undisturbed one
would. Its floor is set-based SQL that writes the same transfers, draws and balances in one
transaction; the proof's is one scan that groups and sums the transfers.

    python benchmarks/bench_night.py [--transfers 10000000]
"""

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
from big_ledger import build
from scratch import scratch_database, use_django

# Of five open lots, two are due: a million in a ledger of ten million transfers.
DUE = 2
AT = "2026-11-25T02:00:00+00:00"
# As much as a small server gives one process.
MEMORY_TARGET_MB = 512
MINUTES_TARGET = 15
DUE_LOTS = """
    SELECT count(*), coalesce(sum(remaining), 0) FROM points_lot
    WHERE remaining > 0 AND expires_on < date '2026-11-25'
"""
# One statement: what it writes is read back by the next part of it.
BARE = """
    WITH due AS (
        SELECT l.id, l.account_id, l.remaining FROM points_lot l
        WHERE l.remaining > 0 AND l.expires_on < date '2026-11-25'
    ), moved AS (
        INSERT INTO points_transfer (key, kind, from_account_id, to_account_id, amount,
            happened_at, source_type, actor, note)
        SELECT 'bare:' || d.id, 'expire', d.account_id, -3, d.remaining, now(), '', '', ''
        FROM due d RETURNING id, key, amount, from_account_id
    ), drawn AS (
        INSERT INTO points_lotdraw (transfer_id, lot_id, amount)
        SELECT id, substr(key, 6)::bigint, amount FROM moved
    ), emptied AS (
        UPDATE points_lot SET remaining = 0 FROM due WHERE points_lot.id = due.id
    )
    UPDATE points_account SET balance = balance - s.amount, version = version + s.moves
    FROM (SELECT from_account_id, sum(amount) AS amount, count(*) AS moves
        FROM moved GROUP BY from_account_id) s
    WHERE points_account.id = s.from_account_id
"""
SCAN = "SELECT to_account_id, sum(amount), count(*) FROM points_transfer GROUP BY 1"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--transfers", type=int, default=10_000_000)
    # How this script calls itself: one piece of work in a process of its own.
    parser.add_argument("--work", choices=("expire", "verify"), help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work, options.url)
        return
    with (
        scratch_database("loyalty_bench_night") as url,
        psycopg.connect(url, autocommit=True) as connection,
    ):
        started = time.perf_counter()
        build(connection, options.transfers, due=DUE)
        seconds = time.perf_counter() - started
        print(f"{options.transfers} transfers built in {seconds:.0f} s", flush=True)
        figures = night(url, connection)
    show({"transfers": options.transfers, **figures})


def work(kind: str, url: str) -> None:
    """Do one piece of a night's work and print its time and the memory it needed."""
    use_django(url)
    from datetime import datetime

    from points.audit import verify_ledger
    from points.services import expire_points

    started = time.perf_counter()
    if kind == "expire":
        expired = expire_points(at=datetime.fromisoformat(AT))
        outcome = {"lots": expired.lots, "points": expired.points}
    else:
        audit = verify_ledger()
        outcome = {"ok": audit.ok, "verified": audit.totals["transfers"]}
    seconds = time.perf_counter() - started
    # Linux counts in kilobytes.
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({"seconds": round(seconds, 1), "memory_mb": memory, **outcome}))


def night(url: str, connection: psycopg.Connection) -> dict[str, object]:
    """Prove, expire with a kill in the middle, and prove again."""
    proof = _verify(url)
    scan = _time_scan(connection)
    lots, points = _due(connection)
    bare = _time_bare(connection)
    halfway = _killed(url, connection, lots)
    rest = _finish(_start("expire", url))
    left, _points = _due(connection)
    again = _verify(url)
    # The killed process had no time to say how long it took.
    ours = halfway["seconds"] + rest["seconds"]
    expired = connection.execute(
        "SELECT count(*), sum(amount) FROM points_transfer WHERE kind = 'expire'"
    ).fetchone()
    return {
        "due_lots": lots,
        "due_points": points,
        "expired": expired == (lots, points) and left == 0 and bool(again["ok"]),
        "killed_after_lots": halfway["lots"],
        "expire_seconds": round(ours, 1),
        "expire_per_second": round(lots / ours),
        "expire_memory_mb": max(halfway["memory_mb"], rest["memory_mb"]),
        "expire_to_bare_sql": round(bare / ours, 3),
        "verify_seconds": proof["seconds"],
        "verify_memory_mb": proof["memory_mb"],
        "verify_to_scan": round(float(proof["seconds"]) / scan, 1),
    }


def _start(kind: str, url: str) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, "--work", kind, "--url", url]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _finish(process: subprocess.Popen[str]) -> dict[str, float]:
    printed, _errors = process.communicate()
    assert process.returncode == 0, "the work of a night failed"
    return json.loads(printed)


def _verify(url: str) -> dict[str, float]:
    return _finish(_start("verify", url))


def _killed(url: str, connection: psycopg.Connection, lots: int) -> dict[str, float]:
    """Start expiry and kill it, without a word, once half of the lots are taken."""
    started = time.perf_counter()
    process = _start("expire", url)
    memory = 0
    while (done := lots - _due(connection)[0]) < lots // 2:
        assert process.poll() is None, "expiry ended before it could be killed"
        memory = max(memory, _memory_mb(process.pid))
        time.sleep(1)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    return {"seconds": time.perf_counter() - started, "lots": done, "memory_mb": memory}


def _memory_mb(pid: int) -> int:
    """Return the most memory that a running process has had (Linux), or 0."""
    status = Path(f"/proc/{pid}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(x.split()[1]) // 1024 for x in lines if x.startswith("VmHWM")), 0)


def _due(connection: psycopg.Connection) -> tuple[int, int]:
    row = connection.execute(DUE_LOTS).fetchone()
    assert row is not None, "an aggregate has one row"
    return int(row[0]), int(row[1])


def _time_scan(connection: psycopg.Connection) -> float:
    started = time.perf_counter()
    connection.execute(SCAN).fetchall()
    return time.perf_counter() - started


def _time_bare(connection: psycopg.Connection) -> float:
    """Time the set-based SQL and undo it."""
    started = time.perf_counter()
    with connection.transaction(force_rollback=True):
        connection.execute(BARE)
        # The foreign keys too, which else are looked at when it commits.
        connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        seconds = time.perf_counter() - started
    connection.execute("VACUUM ANALYZE")
    return seconds


def show(figures: dict[str, object]) -> None:
    minutes = float(str(figures["expire_seconds"])) / 60
    rows = (
        ("expiry, minutes", minutes, MINUTES_TARGET),
        ("expiry, memory in MB", figures["expire_memory_mb"], MEMORY_TARGET_MB),
        ("proof, minutes", float(str(figures["verify_seconds"])) / 60, MINUTES_TARGET),
        ("proof, memory in MB", figures["verify_memory_mb"], MEMORY_TARGET_MB),
    )
    print(f"killed and started again, same end: {figures['expired']}")
    for name, value, target in rows:
        verdict = "ok" if float(str(value)) <= target else "TOO MUCH"
        print(f"{name:24} {float(str(value)):8.1f}   at most {target}   {verdict}")
    for name in ("expire_to_bare_sql", "verify_to_scan"):
        print(f"{name:24} {figures[name]:8}")
    print(json.dumps({"benchmark": "night", **figures}))


if __name__ == "__main__":
    main()
