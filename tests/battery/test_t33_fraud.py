"""T33, fraud on the ledger: each scheme is bounded by a rule, and without it it is not.

The refund ladder (buy, earn, spend, return, again), payments with points that are returned,
a funnel of two hundred members into one, and tills that hold points past their last day.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from activities.services import OrderFact, RefundFact
from flows.record import record, record_refunds
from members.models import Member
from points.errors import ReservationClosed
from points.queries import balances
from points.services import (
    capture_points,
    expire_points,
    release_stale,
    reserve_points,
    spend_points,
)
from tests.battery.figures import report
from tests.battery.running import Database, run
from tests.battery.storm import Plan
from tests.battery.test_t7_last_points import Storm
from tests.factories import make_earn_rule, make_wallet
from tests.points.helpers import assert_proved, give

pytestmark = pytest.mark.battery

ROUNDS = 20
PRICE, POINTS = Decimal(1_000_000), 100
FUNNEL, GIFT, DAILY_LIMIT = 200, 100, 1000


def buy(member: Member, number: int, at: datetime) -> int:
    fact = OrderFact("till", f"o{number}", member.pk, at, PRICE)
    return record([fact], at=at)[0].order_id or 0


def bring_back(member: Member, number: int, at: datetime, part: Decimal, nth: int) -> None:
    name = f"r{number}-{nth}"
    record_refunds([RefundFact("till", name, member.pk, at, part, f"o{number}")], at=at)


def climb(member: Member, at: datetime) -> int:
    """Buy, spend what it earned, return it, again and again; returns what was spent."""
    spent = 0
    for number in range(ROUNDS):
        buy(member, number, at)
        if usable := max(0, balances([member.pk])[member.pk]):
            spend_points(member=member, amount=usable, key=f"gift:{number}", at=at)
            spent += usable
        bring_back(member, number, at, PRICE, 0)
    return spent


def test_the_refund_ladder_ends_after_one_rung(mai: Member, now: datetime) -> None:
    make_earn_rule(wallet=make_wallet(allows_debt=True))

    spent = climb(mai, now)

    report("T33 refund ladder", rounds=ROUNDS, earned_each=POINTS, points_out=spent)
    assert spent == POINTS
    assert balances([mai.pk]) == {mai.pk: -POINTS}
    assert_proved()


def test_control_where_debt_is_not_allowed_every_rung_pays(
    mai: Member, now: datetime
) -> None:
    make_earn_rule(wallet=make_wallet(allows_debt=False))

    spent = climb(mai, now)

    report("T33 control: no debt", rounds=ROUNDS, earned_each=POINTS, points_out=spent)
    assert spent == ROUNDS * POINTS


def test_paying_with_points_and_returning_mints_none(mai: Member, now: datetime) -> None:
    make_earn_rule(wallet=make_wallet())
    give(mai, 50, "a", now)

    for number in range(ROUNDS // 4):
        order = buy(mai, number, now)
        held = reserve_points(
            member=mai, amount=40, source="till", reference=f"{number}", at=now
        )
        capture_points(reservation=held, order_id=order, amount=30, at=now)
        # In seven parts that do not divide anything evenly, and then the rest.
        for nth in range(7):
            bring_back(mai, number, now, Decimal(142_857), nth)
        bring_back(mai, number, now, Decimal(1), 7)
        assert balances([mai.pk]) == {mai.pk: 50}

    report("T33 paid with points", rounds=ROUNDS // 4, refunds=2 * ROUNDS, points_minted=0)
    assert_proved()


def hold_past_the_end(member: Member, at: datetime) -> int:
    """Let a till hold points on their last day and pay in three weeks; returns how many."""
    give(member, 40, "ends today", at, at.date())
    held = reserve_points(member=member, amount=40, source="till", reference="1", at=at)
    later = at + timedelta(days=20)
    release_stale(at=later)
    expire_points(at=later)
    try:
        return capture_points(reservation=held, at=later).captured
    except ReservationClosed:
        return 0


def test_a_till_cannot_keep_points_past_their_last_day(mai: Member, now: datetime) -> None:
    make_wallet()

    paid = hold_past_the_end(mai, now)

    report("T33 held past the end", points=40, points_out=paid)
    assert paid == 0
    assert balances([mai.pk]) == {mai.pk: 0}
    assert_proved()


def test_control_tills_that_hold_for_weeks_keep_points_alive(
    mai: Member, now: datetime
) -> None:
    make_wallet(reservation_minutes=32_000)

    paid = hold_past_the_end(mai, now)

    report("T33 control: held for weeks", points=40, points_out=paid)
    assert paid == 40


@pytest.fixture
def storm(scratch: Callable[[], Database], tmp_path: Path) -> Storm:
    return Storm(scratch(), tmp_path)


def funnel(storm: Storm, test: str, guards_off: str = "") -> int:
    """Let two hundred members give to one at once; returns what that one received."""
    receiver, *givers = storm.prepare(FUNNEL + 1, GIFT + GIFT // 10)
    limit(storm.database)
    plan = Plan("gift", [receiver], FUNNEL, GIFT, givers=givers)

    storm.blow(plan, GUARDS_OFF=guards_off)

    sql = "SELECT COALESCE(SUM(amount), 0) FROM points_transfer WHERE kind = 'gift'"
    received = int(storm.database.ask(sql)[0][0])
    report(test, givers=FUNNEL, each=GIFT, limit=DAILY_LIMIT, points_received=received)
    return received


def limit(database: Database) -> None:
    code = (
        "import django; django.setup(); from points.models import Wallet; "
        f"Wallet.objects.update(transfer_daily_limit={DAILY_LIMIT})"
    )
    run(database, "-c", code)


def test_a_funnel_is_as_wide_as_the_daily_limit(storm: Storm) -> None:
    assert funnel(storm, "T33 funnel") == DAILY_LIMIT
    assert storm.is_proven()


def test_control_without_the_limit_everything_flows(storm: Storm) -> None:
    assert funnel(storm, "T33 control: no limit", "limit") == FUNNEL * GIFT


@pytest.mark.postgresql
def test_control_without_locks_many_see_the_same_room(storm: Storm) -> None:
    assert funnel(storm, "T33 control: no locks", "locks") > DAILY_LIMIT
