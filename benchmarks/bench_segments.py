"""How fast segments answer about a million members, and about one of them.

The slowest questions, those that add up or look through the orders of all members, are
counted by members_matching and by hand-written SQL, in the same database and in turns, with
the same settings. Then the count in the editor is timed, which may tell an estimate, and
the answer about one member.

    python benchmarks/bench_segments.py [--members 1000000] [--orders-each 5]
"""

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import psycopg
from bench_campaigns import DATA as MEMBERS
from scratch import scratch_database, use_django

AT = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)
# The same as for the audience of a campaign.
TARGET_RATIO = 2.0
TARGET_PAGE_SECONDS = 2.0
TARGET_ONE_MS = 10.0
ROUNDS = 3
CALLS = 200

# Orders come in by time, over two years; whose they are is chance, from a few who buy often
# to a fifth who never do. Some were cancelled, some went back whole or in part.
ORDERS = (
    """
    INSERT INTO activities_order (source, external_id, member_id, channel, status,
        placed_at, placed_on, total, refunded, currency, content_hash)
    SELECT 'bench', n, 1 + floor(%(members)s * 0.8 * power(
            (hashint8(n)::bigint + 2147483648) / 4294967296.0, 1.5)), 'store',
        CASE WHEN n % 50 = 7 THEN 'cancelled' ELSE 'completed' END, at,
        (at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date, total,
        CASE WHEN n % 33 = 1 THEN total WHEN n % 50 = 3 THEN 20000 ELSE 0 END, 'VND', ''
    FROM (SELECT n, 50000 + n % 1000 * 100 AS total, timestamptz '2026-03-02 05:00Z'
            - interval '730 days' * (1 - n / %(orders)s.0) AS at
        FROM generate_series(1, %(orders)s) n) q
    """,
    """
    INSERT INTO activities_orderline (order_id, position, sku, product, category, quantity,
        discount, total)
    SELECT id, p, '', '', 'C' || (id * 7 + p * 3) % 20, 1, 0, 10000
    FROM activities_order CROSS JOIN generate_series(0, 1) p WHERE p = 0 OR id % 2 = 0
    """,
    """
    INSERT INTO activities_purchasesummary (member_id, first_order_on, last_order_on,
        last_order_at, num_orders, spend)
    SELECT member_id, min(placed_on), max(placed_on), max(placed_at), count(*),
        sum(total - refunded)
    FROM activities_order WHERE status = 'completed' AND refunded < total
    GROUP BY member_id
    """,
)

STANDS = "o.status = 'completed' AND (o.total = 0 OR o.refunded < o.total)"
DAYS_90, DAYS_365 = "timestamptz '2025-12-02 00:00+07'", "timestamptz '2025-03-02 00:00+07'"


def grouped(since: str, having: str) -> str:
    return f"""(SELECT o.member_id FROM activities_order o
        WHERE {STANDS} AND o.placed_at >= {since}
        GROUP BY o.member_id HAVING {having})"""


SPENT = "sum(o.total - o.refunded)"
COUNT = "SELECT count(*) FROM members_member m"
KEPT = "m.merged_into_id IS NULL"


class Asked(NamedTuple):
    """A question, as a tree and as the SQL that one would write for it."""

    tree: dict[str, Any]
    bare: str


def leaf(field: str, question: str, value: Any, days: int = 0) -> dict[str, Any]:
    node = {"field": field, "is": question, "value": value}
    return node | ({"days": days} if days else {})


QUESTIONS = {
    "3 orders in 90 days": Asked(
        leaf("orders_within", "at_least", 3, 90),
        f"""{COUNT} JOIN {grouped(DAYS_90, "count(*) >= 3")} x ON x.member_id = m.id
        WHERE {KEPT}""",
    ),
    "at most 300,000 in 365 days, or nothing": Asked(
        leaf("spend_within", "at_most", 300_000, 365),
        f"""{COUNT} LEFT JOIN {grouped(DAYS_365, f"{SPENT} > 300000")} x
            ON x.member_id = m.id
        WHERE {KEPT} AND x.member_id IS NULL""",
    ),
    "no average of 100,000 in 365 days": Asked(
        {"not": leaf("average_within", "at_least", 100_000, 365)},
        f"""{COUNT} LEFT JOIN {grouped(DAYS_365, f"{SPENT} >= count(*) * 100000")} x
            ON x.member_id = m.id
        WHERE {KEPT} AND x.member_id IS NULL""",
    ),
    "3 orders in 90 days, or 1,000,000 in 365": Asked(
        {
            "any": [
                leaf("orders_within", "at_least", 3, 90),
                leaf("spend_within", "at_least", 1_000_000, 365),
            ]
        },
        f"""{COUNT} JOIN ({grouped(DAYS_90, "count(*) >= 3")}
            UNION {grouped(DAYS_365, f"{SPENT} >= 1000000")}) x ON x.member_id = m.id
        WHERE {KEPT}""",
    ),
    "never from a category": Asked(
        leaf("bought_category", "no", "C3"),
        f"""{COUNT} LEFT JOIN (SELECT DISTINCT o.member_id FROM activities_orderline l
            JOIN activities_order o ON o.id = l.order_id WHERE {STANDS}
            AND l.category = 'C3' AND (l.quantity = 0 OR l.refunded_quantity < l.quantity))
            x ON x.member_id = m.id
        WHERE {KEPT} AND x.member_id IS NULL""",
    ),
}


class Timed(NamedTuple):
    """What a question took: seconds of both sides and in the editor, then milliseconds."""

    members: int
    bare: float
    ours: float
    page: float
    is_exact: bool
    one_ms: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=1_000_000)
    parser.add_argument("--orders-each", type=int, default=5)
    options = parser.parse_args()
    with scratch_database("loyalty_bench_segments") as url:
        use_django(url)
        with psycopg.connect(url, autocommit=True) as bare:
            fill(bare, options.members, options.orders_each)
            # What the site asks of its own connections.
            bare.execute("SET jit = off")
            bare.execute("SET hash_mem_multiplier = 16")
            found = {
                name: measure(bare, asked, options.members)
                for name, asked in QUESTIONS.items()
            }
    show({"members": options.members, "orders_each": options.orders_each}, found)


def fill(bare: psycopg.Connection, members: int, orders_each: int) -> None:
    sizes = {"members": members, "orders": members * orders_each}
    for statement in (MEMBERS[0], *ORDERS):
        # Sizes are whole numbers from our own options; "%" is also SQL's remainder.
        for name, value in sizes.items():
            statement = statement.replace(f"%({name})s", str(value))
        bare.execute(statement.encode())
    bare.execute("VACUUM ANALYZE")


def measure(bare: psycopg.Connection, asked: Asked, members: int) -> Timed:
    from members.segments import members_matching
    from members.segments.counting import count_now

    def by_hand() -> int:
        row = bare.execute(asked.bare.encode()).fetchone()
        assert row is not None, "an aggregate has one row"
        return int(row[0])

    def counted() -> int:
        return members_matching(asked.tree, at=AT).count()

    hand, ours, page = [], [], []
    for _round in range(ROUNDS):
        hand.append(clock(by_hand))
        ours.append(clock(counted))
        page.append(clock(lambda: count_now(asked.tree, at=AT, newest=5).is_exact))
    assert hand[0][1] == ours[0][1], f"both count the same: {hand[0][1]}, {ours[0][1]}"
    dice = random.Random(45)
    about_one = members_matching(asked.tree, at=AT, few=True)
    ones = [
        clock(lambda: about_one.filter(pk=dice.randint(1, members)).exists())[0]
        for _call in range(CALLS)
    ]
    return Timed(
        members=ours[0][1],
        bare=min(hand)[0],
        ours=min(ours)[0],
        # The longest, for that is what somebody waited for.
        page=max(page)[0],
        is_exact=all(is_exact for _seconds, is_exact in page),
        one_ms=round(statistics.median(ones) * 1000, 1),
    )


def clock(work: Callable[[], int]) -> tuple[float, int]:
    started = time.perf_counter()
    result = work()
    return round(time.perf_counter() - started, 4), result


def show(sizes: dict[str, int], found: dict[str, Timed]) -> None:
    sys.stdout.write(f"{'':42}bare SQL   ours  ratio   editor         one member\n")
    for name, timed in found.items():
        ratio = timed.ours / timed.bare
        is_ok = (
            ratio <= TARGET_RATIO
            and timed.page <= TARGET_PAGE_SECONDS
            and timed.one_ms <= TARGET_ONE_MS
        )
        told = "exact" if timed.is_exact else "about"
        sys.stdout.write(
            f"{name:42}{timed.bare:6.2f} s {timed.ours:5.2f} s {ratio:5.2f}   "
            f"{timed.page:4.2f} s {told}   {timed.one_ms:5.1f} ms   "
            f"{'ok' if is_ok else 'TOO SLOW'}\n"
        )
    sys.stdout.write(
        f"at most: ratio {TARGET_RATIO}, editor {TARGET_PAGE_SECONDS} s, "
        f"one member {TARGET_ONE_MS} ms\n"
    )
    figures = {name: timed._asdict() for name, timed in found.items()}
    sys.stdout.write(json.dumps({"bench": "segments", **sizes, **figures}) + "\n")


if __name__ == "__main__":
    main()
