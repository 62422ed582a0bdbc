"""Members on their way through a journey, while workers are killed again and again.

Several worker processes move the same members at the same time and are killed by kill -9.
Everybody must have had every step once: two messages, one gift, one tag. The negative
control works without locks and without occasions: there gifts are doubled.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from tests.battery.figures import report
from tests.battery.forking import Process
from tests.battery.running import Database, run, started

pytestmark = pytest.mark.battery

SEED = 20261125
MEMBERS, WORKERS, KILLS = 1000, 3, 6
LIMIT_SECONDS = 240.0
START = "2026-03-02T05:00:00+00:00"
LATER = "2026-03-03T05:00:00+00:00"
WORKER = ("-m", "tests.battery.work_on_journey", LATER)

SET_UP = """
from datetime import datetime
from campaigns.services import run_campaign
from members.models import Tag
from rewards.models import Benefit
from tests import factories
from tests.campaigns.journeys import make_journey, tag, wait
at = datetime.fromisoformat("{start}")
for n in range({members}):
    factories.make_member(code=f"M{{n}}", phone=f"09{{n:08}}")
template = factories.make_template()
gift = Benefit.objects.create(code="gift", name="Gift", kind="points", amount=10,
                              wallet=factories.make_wallet())
message = {{"kind": "message", "template": template.pk}}
journey = make_journey([
    {{"key": "m1", **message}}, wait("w1", 1),
    {{"key": "g1", "kind": "give", "benefit": gift.pk}},
    tag("t1", Tag.objects.create(code="met", name="Met").pk),
    {{"key": "m2", **message}}, wait("w2", 9),
], at=at)
run_campaign(campaign=journey, at=at, trigger="command")
"""
RESTING = """
SELECT COUNT(*) FROM campaigns_enrolment e JOIN campaigns_step s ON s.id = e.step_id
WHERE s.key = 'w1' AND e.state = 'active'
"""


@pytest.fixture
def database(scratch: Callable[[], Database]) -> Database:
    database = scratch()
    script = SET_UP.format(start=START, members=MEMBERS)
    run(database, "manage.py", "shell", "-c", script)
    return database


def left(database: Database) -> int:
    return int(database.ask(RESTING)[0][0])


def test_everybody_has_every_step_once(database: Database) -> None:
    chance, deadline = random.Random(SEED), time.monotonic() + LIMIT_SECONDS
    killed: list[int] = []
    with ExitStack() as stack:

        def start() -> Process:
            return stack.enter_context(started(database, *WORKER))

        workers = [start() for _ in range(WORKERS)]
        while len(killed) < KILLS and (resting := left(database)):
            assert time.monotonic() < deadline, "nobody goes on"
            # Each time when some more have gone on, in the middle of a chunk.
            if resting <= MEMBERS - (len(killed) + 1) * MEMBERS // (2 * KILLS):
                victim = chance.randrange(WORKERS)
                workers[victim].kill()
                killed.append(resting)
                workers[victim] = start()
            time.sleep(0.01)
        while left(database):
            assert time.monotonic() < deadline, "nobody goes on"
            workers = [w if w.is_running() else start() for w in workers]
            time.sleep(0.2)

    wrong = violations(database)
    report(
        "Journeys under kill -9",
        seed=SEED,
        members=MEMBERS,
        workers=WORKERS,
        kills=len(killed),
        left_at_each_kill=" ".join(map(str, killed)),
        violations=sum(wrong.values()),
    )
    assert len([place for place in killed if 0 < place < MEMBERS]) >= KILLS // 2, killed
    assert wrong == dict.fromkeys(wrong, 0)
    run(database, "manage.py", "verify_ledger")


def violations(database: Database) -> dict[str, int]:
    """Count members who have more or less of something than the journey gives."""
    wanted = {
        "messaging_message": 2,
        "rewards_givenbenefit": 1,
        "members_membertag": 1,
        "campaigns_enrolment": 1,
    }
    found = {
        table: database.ask(
            f"SELECT COUNT(*) FROM members_member m WHERE {times} <> "
            f"(SELECT COUNT(*) FROM {table} t WHERE t.member_id = m.id)"
        )[0][0]
        for table, times in wanted.items()
    }
    at_w2 = RESTING.replace("'w1'", "'w2'")
    found["not where they belong"] = MEMBERS - database.ask(at_w2)[0][0]
    return found


def test_without_locks_and_occasions_gifts_are_doubled(database: Database) -> None:
    """The negative control."""
    if database.is_sqlite:
        pytest.skip("SQLite lets one write at a time, with or without our locks")
    with ExitStack() as stack:
        workers = [
            stack.enter_context(started(database, *WORKER, "careless"))
            for _ in range(WORKERS)
        ]
        for worker in workers:
            worker.finish(LIMIT_SECONDS)
    given = database.count("rewards_givenbenefit")
    report("Journeys without locks and occasions", members=MEMBERS, gifts=given)
    assert given > MEMBERS
