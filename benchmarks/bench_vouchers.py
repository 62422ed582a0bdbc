"""How long a till waits for an answer about a voucher, among a million codes.

Eight clients ask real web workers at the same time, each on a connection of its own: a
view of the same stack that only knows the till and answers; then whether a code can be
used; then to use it. They take turns, so that whatever else the machine does falls on all.

    python benchmarks/bench_vouchers.py [--codes 1000000] [--clients 8] [--seconds 10]
"""

import argparse
import itertools
import json
import multiprocessing
import os
import random
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException
from typing import NamedTuple

import psycopg
from scratch import scratch_database, use_django

MEMBERS = 100_000
ROUNDS = 3
WARM_UP = 1.0
START_SECONDS = 60
PATHS = {
    "bare": "/bare/",
    "validate": "/api/v1/vouchers/validate/",
    "use": "/api/v1/vouchers/uses/",
}
TARGETS = {"validate": 50.0, "use": 100.0}
# Twelve letters that a hash decides; to each member the same number of codes.
VOUCHERS = """
    INSERT INTO rewards_voucher (code, voucher_type_id, member_id, state, uses, max_uses,
        issued_at)
    SELECT translate(upper(substr(md5('salt' || n), 1, 12)),
            '0123456789ABCDEF', 'ACDEFGHJKMNPQRTU'),
        %(type)s, 1 + n %% %(members)s, 'issued', 0, 1, now()
    FROM generate_series(1, %(codes)s) n
"""
MEMBER_ROWS = """
    INSERT INTO members_member (id, code, name, gender, province, state, language,
        follows_oa, joined_at, created_at, updated_at)
    SELECT n, 'M' || n, 'Member ' || n, '', '', 'active', 'vi', false, now(), now(), now()
    FROM generate_series(1, %(members)s) n
"""
SAMPLE = """
    SELECT v.code, m.code FROM rewards_voucher v JOIN members_member m ON m.id = v.member_id
    WHERE v.id %% %(every)s = 0 ORDER BY v.id
"""


class Job(NamedTuple):
    """What one client does for so many seconds."""

    kind: str
    seconds: float
    port: int
    key: str
    codes: list[tuple[str, str]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--codes", type=int, default=1_000_000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    with scratch_database("loyalty_bench_vouchers") as url:
        key = _prepare(url, options.codes)
        codes = _sample(url, options.codes)
        with _web_site(url) as port:
            times = _ask(options, port, key, codes)
        used = _count_used(url)
    assert used >= len(times["use"]), "every use that was answered is there"
    _show(options, times)


def _prepare(url: str, codes: int) -> str:
    """Fill the database; return the text of a till's key."""
    use_django(url)
    from api.services import create_till_key
    from core.models import Programme
    from rewards.models import VoucherLimit, VoucherType

    Programme.objects.create(name="Bench")
    terms = {"kind": "amount", "amount": "20000", "minimum_value": "50000"}
    kind = VoucherType.objects.create(code="b", name="20.000 off", terms=terms, length=12)
    VoucherLimit.objects.create(voucher_type=kind, per="member", times=1000, period="day")
    key = create_till_key(name="bench", source="pos")[1]
    started = time.perf_counter()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(MEMBER_ROWS, {"members": MEMBERS})
        facts = {"type": kind.pk, "members": MEMBERS, "codes": codes}
        connection.execute(VOUCHERS, facts)
        connection.execute("VACUUM ANALYZE")
    print(f"{codes} codes made in {time.perf_counter() - started:.0f} s", flush=True)
    return key


def _sample(url: str, codes: int) -> list[tuple[str, str]]:
    """Return codes with their owners, all over the table, in no order."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(SAMPLE, {"every": max(1, codes // 100_000)}).fetchall()
    random.Random(7).shuffle(rows)
    return rows


def _count_used(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM rewards_voucheruse").fetchone()
    assert row is not None
    return int(row[0])


@contextmanager
def _web_site(url: str) -> Iterator[int]:
    """Run web workers as production does, two for these two cores."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    environment = {
        **os.environ,
        "DATABASE_URL": url,
        "SECRET_KEY": "bench",
        "CELERY_BROKER_URL": "memory://",
        "LOG_LEVEL": "ERROR",
        "PYTHONWARNINGS": "ignore",
        "PYTHONPATH": os.pathsep.join((os.path.dirname(__file__), os.getcwd())),
    }
    command = [sys.executable, "-m", "gunicorn", "voucher_site:application"]
    command += [f"--bind=127.0.0.1:{port}", "--workers=2", "--worker-class=gthread"]
    command += ["--threads=4", "--keep-alive=60", "--log-level=warning"]
    process = subprocess.Popen([*command, "--no-control-socket"], env=environment)
    try:
        _wait(port)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def _wait(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            with closing(HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
                connection.request("POST", "/bare/", b"{}")
                if connection.getresponse().status == 401:
                    return
        except (OSError, HTTPException):
            time.sleep(0.2)
    raise RuntimeError("The web workers did not answer.")


def _ask(
    options: argparse.Namespace, port: int, key: str, codes: list[tuple[str, str]]
) -> dict[str, list[float]]:
    """Let all clients ask for each in turns; return every waiting time in milliseconds."""
    times: dict[str, list[float]] = {kind: [] for kind in PATHS}
    # A code is used once: each client has a share of its own for each round.
    shares = iter(_shares(codes, (ROUNDS + 1) * len(PATHS) * options.clients))
    with multiprocessing.Pool(options.clients) as clients:
        for turn in range(ROUNDS + 1):
            for kind in PATHS:
                seconds = options.seconds if turn else WARM_UP
                jobs = [
                    Job(kind, seconds, port, key, next(shares))
                    for _client in range(options.clients)
                ]
                measured = clients.map(_be_client, jobs, chunksize=1)
                if turn:
                    times[kind] += [ms for one in measured for ms in one]
    return times


def _shares(codes: list[tuple[str, str]], number: int) -> list[list[tuple[str, str]]]:
    return [codes[place::number] for place in range(number)]


def _be_client(job: Job) -> list[float]:
    """Ask over one connection until the time is over."""
    times = []
    until = time.perf_counter() + job.seconds
    # Who uses codes has each only once; who only asks begins again.
    codes = iter(job.codes) if job.kind == "use" else itertools.cycle(job.codes)
    with closing(HTTPConnection("127.0.0.1", job.port, timeout=60)) as connection:
        for code, member in codes:
            if time.perf_counter() > until:
                return times
            times.append(_ask_once(connection, job, code, member))
    raise RuntimeError("A client had too few codes; ask for fewer seconds.")


def _ask_once(connection: HTTPConnection, job: Job, code: str, member: str) -> float:
    body = {"codes": [code], "member_id": member, "total": "185000"}
    body["lines"] = [
        {"sku": "CF1", "quantity": "2", "total": "58000"},
        {"sku": "BM1", "total": "127000"},
    ]
    headers = {"Content-Type": "application/json", "Authorization": f"Api-Key {job.key}"}
    if job.kind == "use":
        body["reference"] = headers["Idempotency-Key"] = f"HD-{code}"
    started = time.perf_counter()
    connection.request("POST", PATHS[job.kind], json.dumps(body).encode(), headers)
    response = connection.getresponse()
    text = response.read()
    waited = (time.perf_counter() - started) * 1000
    if response.status not in (200, 201):
        raise RuntimeError(f"{job.kind}: {response.status} {text[:300]!r}")
    return waited


def _show(options: argparse.Namespace, times: dict[str, list[float]]) -> None:
    figures = {kind: _figures(waited, options) for kind, waited in times.items()}
    bare = figures["bare"]["p95"]
    print(f"{'milliseconds':12}{'median':>10}{'p95':>10}{'p99':>10}{'a second':>10}")
    for kind, told in figures.items():
        row = "".join(f"{told[name]:10.1f}" for name in ("median", "p95", "p99"))
        verdict = ""
        if kind in TARGETS:
            told["ratio"] = round(told["p95"] / bare, 2)
            met = "met" if told["p95"] < TARGETS[kind] else "NOT met"
            verdict = f"   {told['ratio']:.1f} × bare; {TARGETS[kind]:.0f} ms: {met}"
        print(f"{kind:12}{row}{told['a_second']:10.0f}{verdict}")
    load = [round(one, 1) for one in os.getloadavg()]
    print(
        json.dumps(
            {
                "benchmark": "vouchers",
                "codes": options.codes,
                "clients": options.clients,
                "targets": TARGETS,
                "load_afterwards": load,
                **figures,
            }
        )
    )


def _figures(waited: list[float], options: argparse.Namespace) -> dict[str, float]:
    cuts = statistics.quantiles(waited, n=100)
    return {
        "median": round(statistics.median(waited), 1),
        "p95": round(cuts[94], 1),
        "p99": round(cuts[98], 1),
        "a_second": round(len(waited) / (ROUNDS * options.seconds), 1),
    }


if __name__ == "__main__":
    main()
