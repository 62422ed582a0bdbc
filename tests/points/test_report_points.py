"""The books of a wallet: opening + movements = closing, on every day, to the last point."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from activities.services import OrderFact, RefundFact
from core.errors import InvalidInput
from flows.record import record, record_refunds
from members.models import Member
from points.accounting import BETWEEN, COLUMNS, HELD, LINES, Books, report_points
from points.days import close_days
from points.models import Account, Transfer, Wallet
from points.services import (
    Grant,
    TakeBack,
    adjust_points,
    capture_points,
    expire_points,
    gift_points,
    grant_points,
    mature_points,
    release_points,
    reserve_points,
    spend_points,
    take_back,
)
from tests.factories import make_earn_rule, make_programme, make_wallet
from tests.points.helpers import hold, written
from tests.points.ledger_model import Model
from tests.points.ledger_play import Play, history_of

APRIL = datetime(2026, 4, 1, 5, 0, tzinfo=UTC)
FIRST, LAST = date(2026, 3, 1), date(2026, 3, 31)
NAMES = (*COLUMNS, *BETWEEN, *HELD)


def noon(day: int) -> datetime:
    return datetime(2026, 3, day, 5, 0, tzinfo=UTC)


def buy(member: Member, number: str, total: int, *, placed_at: datetime) -> None:
    fact = OrderFact("pos", number, member.pk, placed_at, Decimal(total))
    record([fact], at=placed_at)


@pytest.fixture
def wallet(db: None) -> Wallet:
    make_programme()
    wallet = make_wallet(
        allows_debt=True, transfers_allowed=True, transfer_fee_percent=Decimal(10)
    )
    make_earn_rule(wallet=wallet)
    return wallet


def live_through_march(mai: Member, binh: Member, wallet: Wallet) -> Iterator[int]:
    """Let every kind of movement happen once, each on its day; yields the day."""
    midnight = datetime(2026, 3, 2, 17, 0, tzinfo=UTC)
    with written(noon(1)):
        grant_points(grants=[Grant(mai.pk, 100, "opening")], at=noon(1))
    yield 1
    # The last and the first moment of a day in Ho Chi Minh City.
    with written(midnight - timedelta(microseconds=1000)):
        buy(mai, "A", 500_000, placed_at=noon(2))
    yield 2
    with written(midnight):
        # A purchase of February that is told in March.
        buy(binh, "B", 300_000, placed_at=noon(1) - timedelta(days=9))
        short = Grant(binh.pk, 7, "short", date(2026, 3, 10))
        grant_points(grants=[short], at=noon(3))
    yield 3
    with written(noon(4)):
        hold(binh, 40, "held", noon(4), wallet=wallet, matures_on=date(2026, 3, 8))
    yield 4
    with written(noon(5)):
        spent = spend_points(member=mai, amount=60, key="gift", at=noon(5))
    yield 5
    with written(noon(6)):
        till: dict[str, Any] = {"source": "till", "at": noon(6)}
        paid = reserve_points(member=mai, amount=20, reference="1", **till)
        capture_points(reservation=paid, at=noon(6), amount=15)
    yield 6
    with written(noon(7)):
        kept = reserve_points(member=binh, amount=10, reference="2", **till)
    yield 7
    with written(noon(8)):
        mature_points(at=noon(8))
    yield 8
    with written(noon(9)):
        release_points(reservation=kept, at=noon(9))
    yield 9
    with written(noon(10)):
        back = RefundFact("pos", "R", mai.pk, noon(10), Decimal(200_000), "A")
        record_refunds([back], at=noon(10))
    yield 10
    with written(noon(11)):
        expire_points(at=noon(11))
    yield 11
    with written(noon(12)):
        why: dict[str, Any] = {"note": "Goodwill", "actor": "staff", "at": noon(12)}
        adjust_points(member=mai, amount=25, key="up", **why)
        adjust_points(member=binh, amount=-5, key="down", **why)
    yield 12
    with written(noon(13)):
        who: dict[str, Any] = {"giver": mai, "receiver": binh, "wallet": wallet}
        gift_points(amount=10, key="present", at=noon(13), **who)
    yield 13
    with written(noon(14)):
        take_back([TakeBack(spent.pk, 30, "returned")], at=noon(14))
    yield 14


# Day of March → closing balance, held, reserved, and every column that is not zero.
MARCH: dict[int, tuple[int, int, int, dict[str, int]]] = {
    1: (100, 0, 0, {"granted": 100}),
    2: (150, 0, 0, {"earned": 50}),
    3: (187, 0, 0, {"earned": 30, "granted": 7}),
    4: (187, 40, 0, {"held_new": 40}),
    5: (127, 40, 0, {"spent": -60}),
    6: (112, 40, 0, {"spent": -15}),
    7: (102, 40, 10, {"reserved": -10}),
    8: (142, 0, 10, {"released": 40, "held_out": -40}),
    9: (152, 0, 0, {"reserved": 10}),
    10: (132, 0, 0, {"taken_back": -20}),
    11: (125, 0, 0, {"expired": -7}),
    12: (145, 0, 0, {"adjusted_up": 25, "adjusted_down": -5}),
    13: (144, 0, 0, {"gifts": 10, "fees": -1}),
    14: (174, 0, 0, {"returned": 30}),
}


def shown(books: Books) -> dict[str, int]:
    return {name: books.sums[name] for name in NAMES if books.sums[name]}


@pytest.mark.parametrize("closed_on", [0, 8, 31])
def test_a_month_with_every_kind_of_movement(
    mai: Member, binh: Member, wallet: Wallet, closed_on: int
) -> None:
    for day in live_through_march(mai, binh, wallet):
        if day == closed_on:
            close_days(at=noon(day))
    if closed_on == 31:
        close_days(at=APRIL)

    report = report_points(wallet=wallet, first=FIRST, last=LAST, at=APRIL)

    assert report.differences == []
    assert len(report.days) == 31
    opening = 0
    for books in report.days:
        closing, held, reserved, sums = MARCH.get(books.first.day, (174, 0, 0, {}))
        assert (books.opening, books.closing) == (opening, closing)
        assert (books.held, books.reserved) == (held, reserved)
        assert shown(books) == sums
        assert books.difference == 0
        opening = closing
    assert (report.total.opening, report.total.closing) == (0, 174)
    assert shown(report.total) == {
        "earned": 80,
        "granted": 107,
        "released": 40,
        "spent": -75,
        "taken_back": -20,
        "returned": 30,
        "expired": -7,
        "adjusted_up": 25,
        "adjusted_down": -5,
        "fees": -1,
        "gifts": 10,
        "held_new": 40,
        "held_out": -40,
    }
    (march,) = report.months
    assert march.as_json() == report.total.as_json()


def test_a_part_of_the_month_begins_with_what_stood_before(
    mai: Member, binh: Member, wallet: Wallet
) -> None:
    list(live_through_march(mai, binh, wallet))
    close_days(at=noon(9))
    for_days = {"first": date(2026, 3, 6), "last": date(2026, 3, 9), "at": APRIL}

    report = report_points(wallet=wallet, **for_days)

    assert report.ok
    assert (report.total.opening, report.total.closing) == (127, 152)
    assert shown(report.total) == {"spent": -15, "released": 40, "held_out": -40}
    assert [books.held for books in report.days] == [40, 40, 0, 0]


def test_undoing_what_was_held_or_paid_at_a_till_stays_in_its_columns(
    mai: Member, binh: Member, wallet: Wallet
) -> None:
    with written(noon(2)):
        matured = hold(mai, 40, "m", noon(2), wallet=wallet, matures_on=date(2026, 3, 3))
        waiting = hold(mai, 9, "w", noon(2), wallet=wallet, matures_on=date(2026, 3, 30))
    with written(noon(3)):
        mature_points(at=noon(3))
        facts: dict[str, Any] = {"source": "till", "reference": "1", "at": noon(3)}
        paid = capture_points(
            reservation=reserve_points(member=mai, amount=20, **facts), at=noon(3)
        )
    with written(noon(4)):
        parts = [
            TakeBack(matured.pk, 10, "back-1"),
            TakeBack(waiting.pk, 4, "back-2"),
            TakeBack(paid.capture_id or 0, 5, "back-3"),
        ]
        take_back(parts, at=noon(4))

    days = {"first": date(2026, 3, 4), "last": date(2026, 3, 4)}
    report = report_points(wallet=wallet, at=noon(4), **days)

    assert report.differences == []
    assert shown(report.total) == {"taken_back": -10, "returned": 5, "held_back": -4}
    assert (report.total.opening, report.total.closing) == (20, 15)
    assert (report.total.held, report.total.reserved) == (5, 0)


@pytest.mark.parametrize("seed", range(40))
def test_every_random_history_adds_up(db: None, seed: int) -> None:
    """The random player: whatever it does, no point is lost between two lines."""
    with transaction.atomic():
        game = Play(Model)
        first = game.today
        with written(lambda: game.at):
            game.tell(history_of(seed, 30))
            if seed % 2:
                close_days(at=game.at)
        for wallet in Wallet.objects.all():
            report = report_points(wallet=wallet, first=first, last=game.today, at=game.at)
            assert report.differences == []
            balances = Account.objects.filter(kind="member", wallet=wallet)
            closing = sum(balances.values_list("balance", flat=True))
            assert report.total.closing == closing
            for before, after in zip(report.days, report.days[1:], strict=False):
                assert before.closing == after.opening
            assert all(books.difference == 0 for books in report.days)
        transaction.set_rollback(True)


def test_a_changed_balance_is_named(mai: Member, binh: Member, wallet: Wallet) -> None:
    list(live_through_march(mai, binh, wallet))
    Account.objects.filter(member=mai).update(balance=100)

    report = report_points(wallet=wallet, first=FIRST, last=LAST, at=APRIL)

    assert report.differences == ["Members' accounts hold 175, the days add up to 174."]


def test_a_movement_that_no_column_knows_is_named(
    mai: Member, wallet: Wallet, now: datetime
) -> None:
    with written(noon(1)):
        grant_points(grants=[Grant(mai.pk, 100, "opening")], at=noon(1))
    fees = Account.objects.create(wallet=wallet, kind=Account.Kind.FEE)
    Transfer.objects.create(
        key="strange",
        kind=Transfer.Kind.EXPIRE,
        from_account=mai.accounts.get(),
        to_account=fees,
        amount=30,
        happened_at=now,
        created_at=noon(2),
    )

    report = report_points(wallet=wallet, first=FIRST, last=LAST, at=APRIL)

    assert report.differences == [
        "02/03/2026: opening and movements miss the closing by −30.",
        "02/03/2026: 30 of “expired” from member to fees is in no column.",
        "Members' accounts hold 100, the days add up to 70.",
    ]


def test_every_line_is_needed(
    mai: Member, binh: Member, wallet: Wallet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: a way that loses its line is missed by its sum or by its name."""
    list(live_through_march(mai, binh, wallet))
    days: dict[str, Any] = {"first": FIRST, "last": LAST, "at": APRIL}
    found = set()
    for way, line in list(LINES.items()):
        monkeypatch.delitem(LINES, way)
        if report_points(wallet=wallet, **days).differences:
            found.add(way[:2])
        monkeypatch.setitem(LINES, way, line)
    assert report_points(wallet=wallet, **days).ok
    kinds = {"earn", "opening", "mature", "spend", "reserve", "capture", "expire"}
    kinds |= {"adjust", "gift", "fee"}
    undone = {("reverse", kind) for kind in ("earn", "spend", "reserve")}
    assert found == {(kind, "") for kind in kinds} | undone


@pytest.mark.parametrize(
    ("first", "last", "sentence"),
    [
        (date(2026, 4, 2), date(2026, 4, 9), "Choose a period that begins before it ends"),
        (date(2026, 3, 9), date(2026, 3, 8), "Choose a period that begins before it ends"),
        (date(2025, 3, 1), date(2026, 3, 31), "Choose at most 366 days at a time."),
    ],
)
def test_refuses_a_period_that_is_none(
    wallet: Wallet, first: date, last: date, sentence: str
) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        report_points(wallet=wallet, first=first, last=last, at=APRIL)


def test_costs_the_same_for_a_day_and_for_a_year(
    mai: Member, binh: Member, wallet: Wallet
) -> None:
    list(live_through_march(mai, binh, wallet))
    close_days(at=noon(9))
    counts = []
    for first in (LAST, LAST - timedelta(days=365)):
        with CaptureQueriesContext(connection) as queries:
            report_points(wallet=wallet, first=first, last=LAST, at=APRIL)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 16
