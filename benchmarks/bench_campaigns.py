"""How fast a million members are tagged, an audience is chosen, and taken in.

The floor is the bare SQL that does the same: one INSERT … SELECT over the orders, one
SELECT with hand-written joins, and that SELECT with an INSERT of enrolments and messages
behind it. Both sides run in the same database, one after the other.

    python benchmarks/bench_campaigns.py [--members 1000000] [--orders-each 5]
"""

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
from scratch import PROJECT, scratch_database

AT = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)
DAYS = 45
TARGET_RATIO = 2.0
TARGET_SECOND_RUN = 1.0
TARGET_PASS_RATIO = 3.0
TARGET_IDLE_PASS = 2.0
ROUNDS = 2

DATA = (
    """
    INSERT INTO members_member (id, code, name, gender, province, language, follows_oa,
        state, joined_at, created_at, updated_at)
    SELECT n, 'M' || n, 'Member ' || n, '', '', 'vi', n % 3 = 0, 'active',
        timestamptz '2024-01-01', now(), timestamptz '2024-01-01'
    FROM generate_series(1, %(members)s) n
    """,
    """
    INSERT INTO members_identifier (member_id, kind, value, is_valid, created_at)
    SELECT n, 'phone', '+849' || lpad(n::text, 8, '0'), true, now()
    FROM generate_series(1, %(members)s) n WHERE n % 20 <> 0
    """,
    """
    INSERT INTO members_identifier (member_id, kind, value, is_valid, created_at)
    SELECT n, 'zalo', 'Z' || n, true, now() FROM generate_series(3, %(members)s, 3) n
    """,
    """
    INSERT INTO members_consent (member_id, purpose, channel, is_given, changed_at, source)
    SELECT n, 'marketing', '', true, now(), 'bench'
    FROM generate_series(1, %(members)s) n WHERE n % 10 <> 0
    """,
    # The last order lies 0 to 109 days back, the others 30 days apart before it.
    """
    INSERT INTO activities_order (source, external_id, member_id, channel, status,
        placed_at, placed_on, total, currency, content_hash)
    SELECT 'bench', k || '-' || n, n, 'store', 'completed',
        timestamptz '2026-03-02 05:00Z' - make_interval(days => (n * 37 % 110) + 30 * k),
        date '2026-03-02' - ((n * 37 % 110) + 30 * k), 50000 + n % 1000, 'VND', ''
    FROM generate_series(0, %(orders_each)s - 1) k, generate_series(1, %(members)s) n
    """,
    """
    INSERT INTO activities_purchasesummary (member_id, first_order_on, last_order_on,
        last_order_at, num_orders, spend)
    SELECT member_id, min(placed_on), max(placed_on), max(placed_at), count(*), sum(total)
    FROM activities_order GROUP BY member_id
    """,
)

BARE_TAGGING = """
    INSERT INTO members_membertag (member_id, tag_id, tagged_at, source)
    SELECT member_id, %(tag)s, now(), 'bench' FROM activities_order
    WHERE status = 'completed'
    GROUP BY member_id HAVING max(placed_on) >= date '2026-03-02' - 45
    ON CONFLICT (tag_id, member_id) DO NOTHING
"""

# Whom the come-back campaign would take in, and by which channel.
BARE_AUDIENCE = """
    SELECT m.id, p.last_order_on, CASE
        WHEN m.follows_oa AND z.member_id IS NOT NULL
            AND COALESCE(cu.is_given, ca.is_given, false) THEN 'zalo_uid'
        WHEN f.member_id IS NOT NULL
            AND COALESCE(cp.is_given, ca.is_given, false) THEN 'zalo_phone' END AS channel
    FROM members_member m
    JOIN activities_purchasesummary p ON p.member_id = m.id
    LEFT JOIN members_membertag t ON t.member_id = m.id AND t.tag_id = %(tag)s
    LEFT JOIN campaigns_enrolment e ON e.member_id = m.id
        AND e.campaign_id = %(campaign)s AND e.entered_at > p.last_order_at
    LEFT JOIN (SELECT DISTINCT member_id FROM members_identifier
        WHERE kind = 'zalo' AND is_valid) z ON z.member_id = m.id
    LEFT JOIN (SELECT DISTINCT member_id FROM members_identifier
        WHERE kind = 'phone' AND is_valid) f ON f.member_id = m.id
    LEFT JOIN members_consent ca ON ca.member_id = m.id
        AND ca.purpose = 'marketing' AND ca.channel = ''
    LEFT JOIN members_consent cu ON cu.member_id = m.id
        AND cu.purpose = 'marketing' AND cu.channel = 'zalo_uid'
    LEFT JOIN members_consent cp ON cp.member_id = m.id
        AND cp.purpose = 'marketing' AND cp.channel = 'zalo_phone'
    WHERE m.state = 'active' AND t.id IS NULL AND e.id IS NULL
        AND p.last_order_on < date '2026-03-02' - 45
"""

# The pass of the come-back campaign: find, enrol, plan a message.
BARE_PASS = (
    f"""
    CREATE TEMPORARY TABLE found AS SELECT * FROM ({BARE_AUDIENCE}) q
        WHERE q.channel IS NOT NULL
    """,
    "ANALYZE found",
    """
    INSERT INTO campaigns_enrolment (campaign_id, member_id, episode, state, version,
        is_holdout, entered_at, moved_at, due_at, waiting_for)
    SELECT %(campaign)s, id, 'lapse:' || last_order_on, 'active', 1, false, now(),
        now(), now() + interval '30 days', '' FROM found
    ON CONFLICT (campaign_id, member_id, episode) DO NOTHING
    """,
    """
    INSERT INTO messaging_message (key, member_id, template_id, channel, state, reason,
        address, context, payload, source_type, source_id, due_at, expires_at, attempts,
        lease, provider_id, planned_at, cost)
    SELECT 'campaign:' || %(campaign)s || ':' || id || ':lapse:' || last_order_on || ':1',
        id, %(template)s, channel, 'pending', '', '',
        jsonb_build_object('offer', 'Giảm 10%% cho đơn tiếp theo', 'news', '',
            'valid_until', '16/03/2026', 'episode', 'lapse:' || last_order_on),
        '{}', 'campaign', %(campaign)s, now(), now() + interval '3 days', 0, '', '', now(),
        0
    FROM found
    ON CONFLICT (key) DO NOTHING
    """,
)


Values = dict[str, int | None]


def main() -> None:
    options = _options()
    with scratch_database("loyalty_bench_campaigns") as url:
        os.environ["DATABASE_URL"] = url
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loyalty_site.settings")
        sys.path.insert(0, str(PROJECT))
        with psycopg.connect(url, autocommit=True) as bare:
            _fill(bare, options)
            figures = _measure(bare)
    _report({"members": options.members, "orders_each": options.orders_each, **figures})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=1_000_000)
    parser.add_argument("--orders-each", type=int, default=5)
    return parser.parse_args()


def _fill(bare: psycopg.Connection, options: argparse.Namespace) -> None:
    size = {"members": options.members, "orders_each": options.orders_each}
    for statement in DATA:
        # Sizes are whole numbers from our own options; "%" is also SQL's remainder.
        for name, value in size.items():
            statement = statement.replace(f"%({name})s", str(value))
        bare.execute(statement.encode())
    bare.execute("VACUUM ANALYZE")


def _measure(bare: psycopg.Connection) -> dict[str, float | int]:
    import django

    django.setup()
    from campaigns.presets import create_presets

    recent, come_back, _leftovers = create_presets(at=AT)
    values = {
        "tag": recent.steps.get().tag_id,
        "campaign": come_back.pk,
        "template": come_back.steps.get().template_id,
    }
    tagging = _measure_tagging(bare, recent, values)
    bare.execute("SET jit = off")
    return {
        **tagging,
        **_measure_audience(bare, come_back, values),
        **_measure_pass(bare, come_back, values),
        "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def _measure_tagging(
    bare: psycopg.Connection, recent: Any, values: Values
) -> dict[str, float | int]:
    """Tag everybody who bought lately, by hand and by the campaign, in turns."""

    def untag() -> None:
        bare.execute("DELETE FROM members_membertag")
        bare.execute("VACUUM ANALYZE members_membertag")

    bare_tag, ours_tag = [], []
    for _round in range(ROUNDS):
        untag()
        bare_tag.append(_time(lambda: bare.execute(BARE_TAGGING, values).rowcount))
        untag()
        ours_tag.append(_time(lambda: _run(recent, "tagged")))
    bare.execute("VACUUM ANALYZE members_membertag")
    second = min(_time(lambda: _run(recent, "tagged")) for _round in range(3))
    assert min(bare_tag)[1] == min(ours_tag)[1], "both tag the same members"
    return {
        "tagged": min(ours_tag)[1],
        "tag_seconds": min(ours_tag)[0],
        "tag_bare_seconds": min(bare_tag)[0],
        "tag_ratio": round(min(ours_tag)[0] / min(bare_tag)[0], 2),
        "second_run_seconds": second[0],
    }


def _measure_audience(
    bare: psycopg.Connection, come_back: Any, values: Values
) -> dict[str, float | int]:
    """Choose whom the come-back campaign would take in, and by which channel."""
    from campaigns.audience import audience, reached, with_episode
    from campaigns.enrolling import newcomers

    message = come_back.steps.get()

    def choose() -> int:
        candidates = newcomers(come_back, audience(come_back, at=AT), at=AT)
        rows = with_episode(reached(candidates, message))
        return _drain(
            bare, *rows.values("pk", "last_order_on", "channel").query.sql_with_params()
        )

    bare_choice, ours_choice = [], []
    for _round in range(3):
        bare_choice.append(_time(lambda: _drain(bare, BARE_AUDIENCE, values)))
        ours_choice.append(_time(choose))
    assert min(bare_choice)[1] == min(ours_choice)[1], "both choose the same members"
    return {
        "chosen": min(ours_choice)[1],
        "audience_seconds": min(ours_choice)[0],
        "audience_bare_seconds": min(bare_choice)[0],
        "audience_ratio": round(min(ours_choice)[0] / min(bare_choice)[0], 2),
    }


def _measure_pass(
    bare: psycopg.Connection, come_back: Any, values: Values
) -> dict[str, float | int]:
    """Find, enrol and plan messages, once by hand and once by the campaign; then idle."""

    def let_go() -> None:
        bare.execute("TRUNCATE campaigns_enrolment, messaging_message CASCADE")

    let_go()
    bare_pass = _time(lambda: _pass_bare(bare, values))
    let_go()
    bare.execute("VACUUM ANALYZE campaigns_enrolment, messaging_message")
    ours_pass = _time(lambda: _run(come_back, "entered"))
    assert bare_pass[1] == ours_pass[1], "both take in the same members"
    bare.execute("VACUUM ANALYZE campaigns_enrolment, messaging_message")
    idle_pass = min(_time(lambda: _run(come_back, "entered")) for _round in range(3))
    assert idle_pass[1] == 0, "nobody is taken in twice"
    return {
        "taken_in": ours_pass[1],
        "pass_seconds": ours_pass[0],
        "pass_bare_seconds": bare_pass[0],
        "pass_ratio": round(ours_pass[0] / bare_pass[0], 2),
        "idle_pass_seconds": idle_pass[0],
    }


def _run(campaign: Any, counted: str) -> int:
    from campaigns.services import run_campaign

    run = run_campaign(campaign=campaign, at=AT, trigger="command")
    return int(run.counts[counted])


def _pass_bare(bare: psycopg.Connection, values: Values) -> int:
    with bare.transaction():
        for statement in BARE_PASS:
            written = bare.execute(statement.encode(), values).rowcount
    return written


def _time(work: Callable[[], int]) -> tuple[float, int]:
    started = time.perf_counter()
    result = work()
    return round(time.perf_counter() - started, 3), result


def _drain(bare: psycopg.Connection, sql: str, parameters: object) -> int:
    """Run a SELECT to its end on the server and return how many have a channel."""
    row = bare.execute(
        f"SELECT count(q.channel), max(q.last_order_on) FROM ({sql}) AS q".encode(),
        parameters,  # type: ignore[arg-type]
    ).fetchone()
    assert row is not None, "an aggregate has one row"
    return int(row[0])


def _report(figures: dict[str, float | int]) -> None:
    rows = (
        ("tag, ratio to bare SQL", figures["tag_ratio"], TARGET_RATIO),
        ("audience, ratio to bare SQL", figures["audience_ratio"], TARGET_RATIO),
        ("second run, seconds", figures["second_run_seconds"], TARGET_SECOND_RUN),
        ("whole pass, ratio to bare SQL", figures["pass_ratio"], TARGET_PASS_RATIO),
        ("pass without change, seconds", figures["idle_pass_seconds"], TARGET_IDLE_PASS),
    )
    for name, value, target in rows:
        verdict = "ok" if value <= target else "TOO SLOW"
        sys.stdout.write(f"{name:30} {value:8.2f}   at most {target:.2f}   {verdict}\n")
    sys.stdout.write(json.dumps({"bench": "campaigns", **figures}) + "\n")


if __name__ == "__main__":
    main()
