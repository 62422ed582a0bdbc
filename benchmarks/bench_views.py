"""Whether what a member sees costs the same in a small ledger and in a very large one.

Ledgers of a thousand, a hundred thousand and ten million transfers are asked the same
questions: about members with twenty transfers each, then about one with 50,000 transfers
and 5,000 open lots. What is compared is the time of the largest with that of the smallest,
and the number of queries.

    python benchmarks/bench_views.py [--sizes 1000 100000 10000000] [--calls 200]
"""

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import psycopg
from big_ledger import add_heavy_member, build
from scratch import scratch_database, use_django

AT = datetime(2026, 11, 25, 5, 0, tzinfo=UTC)
TARGET = 2.0
# As many members as a page of a list asks about at once.
MANY = 100
# One calm moment is enough to be right; a busy machine never makes a call quicker.
REPEATS = 5


class Timing(NamedTuple):
    """The usual time of a call in milliseconds, and how many queries it made."""

    ms: float
    queries: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 100_000, 10_000_000])
    parser.add_argument("--calls", type=int, default=200)
    options = parser.parse_args()
    timings = {size: _measure(size, options.calls) for size in options.sizes}
    show(timings)


def _measure(size: int, calls: int) -> dict[str, Timing]:
    """Build a ledger and ask it everything."""
    with scratch_database("loyalty_bench_views") as url:
        started = time.perf_counter()
        with psycopg.connect(url, autocommit=True) as connection:
            members = build(connection, size)
            heavy = add_heavy_member(connection, size, members)
        print(
            f"{size} transfers built in {time.perf_counter() - started:.0f} s", flush=True
        )
        return ask(url, members, heavy, calls)


def ask(url: str, members: int, heavy: int, calls: int) -> dict[str, Timing]:
    """Time every question about a usual member and about the heavy one."""
    use_django(url)
    from django.db import connection

    from members.models import Member

    connection.close()
    connection.settings_dict["NAME"] = url.rsplit("/", 1)[1]
    dice = random.Random(size := members)
    usual = list(Member.objects.filter(pk__in=[dice.randint(1, size) for _ in range(MANY)]))
    timings = {
        f"{name}, usual member": _time(question, usual, calls)
        for name, question in questions().items()
    }
    one = [Member.objects.get(pk=heavy)]
    for name, question in questions().items():
        timings[f"{name}, heavy member"] = _time(question, one, calls // 10)
    connection.close()
    return timings


def questions() -> dict[str, Callable[[Sequence[Any]], object]]:
    """Name each question; it is asked about the first of some members, or about all."""
    from points.models import Wallet
    from points.queries import (
        balance_as_of,
        balances,
        expiring,
        history,
        holdings,
        usable_points,
    )

    wallet = Wallet.objects.get()

    half: dict[int, int] = {}

    def deep(members: Sequence[Any]) -> object:
        # The page that begins in the middle of what the member has.
        member = members[0]
        if member.pk not in half:
            half[member.pk] = _middle(member)
        return history(member, before_id=half[member.pk])

    def ids(members: Sequence[Any]) -> list[int]:
        return [member.pk for member in members]

    return {
        "balances": lambda members: balances(ids(members)),
        "expiring": lambda members: expiring(ids(members), at=AT),
        "history, first page": lambda members: history(members[0]),
        "history, deep page": deep,
        "holdings": lambda members: holdings(members[0]),
        "usable_points": lambda members: usable_points(
            members[0], wallet=wallet, on=AT.date()
        ),
        "balance_as_of": lambda members: balance_as_of(members[0], wallet=wallet, at=AT),
    }


def _middle(member: Any) -> int:
    """Return the transfer in the middle of a member's."""
    from points.models import Transfer

    received = Transfer.objects.filter(to_account__member=member).order_by("pk")
    return received.values_list("pk", flat=True)[received.count() // 2]


def _time(
    question: Callable[[Sequence[Any]], object], members: Sequence[Any], calls: int
) -> Timing:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    turned = [[*members[n:], *members[:n]] for n in range(len(members))]
    for some in turned:
        question(some)
    with CaptureQueriesContext(connection) as queries:
        question(members)
    medians = []
    for _repeat in range(REPEATS):
        times = []
        for call in range(calls):
            some = turned[call % len(turned)]
            started = time.perf_counter()
            question(some)
            times.append(time.perf_counter() - started)
        medians.append(statistics.median(times))
    return Timing(round(min(medians) * 1000, 3), len(queries))


def show(timings: dict[int, dict[str, Timing]]) -> None:
    sizes = sorted(timings)
    small, large = timings[sizes[0]], timings[sizes[-1]]
    print(f"{'milliseconds':38}" + "".join(f"{size:>12}" for size in sizes))
    figures: dict[str, Any] = {}
    for name, first in small.items():
        ratio = large[name].ms / first.ms
        constant = len({timings[size][name].queries for size in sizes}) == 1
        verdict = "ok" if ratio <= TARGET and constant else "NOT flat"
        row = "".join(f"{timings[size][name].ms:12.2f}" for size in sizes)
        print(f"{name:38}{row}   {ratio:5.2f}  {first.queries} queries  {verdict}")
        figures[name] = {
            "ms": [timings[s][name].ms for s in sizes],
            "ratio": round(ratio, 2),
        }
        figures[name]["queries"] = [timings[s][name].queries for s in sizes]
    report = {"benchmark": "views", "sizes": sizes, "target": TARGET, **figures}
    print(json.dumps(report))


if __name__ == "__main__":
    main()
