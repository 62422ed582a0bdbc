"""Closed days: written down once, when nothing can be added to them, and provable."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core import id_ranges
from core.models import Programme
from members.models import Member
from points.accounting import reconcile_points, report_points
from points.days import close_days, closed_through, prove_days, rebuild_days, sum_ledger
from points.models import DayTotal, Transfer, Wallet
from points.services import Grant, grant_points, spend_points
from tests.factories import make_programme, make_wallet
from tests.points.helpers import written


def noon(day: int) -> datetime:
    return datetime(2026, 3, day, 5, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def wallet(db: None) -> Wallet:
    make_programme()
    return make_wallet()


def grant(member: Member, amount: int, day: int) -> None:
    with written(noon(day)):
        key = f"{member.code}-{day}"
        grant_points(grants=[Grant(member.pk, amount, key)], at=noon(day))


def written_down() -> list[tuple[int, str, int, int]]:
    rows = DayTotal.objects.order_by("day", "kind")
    return [(row.day.day, row.kind, row.amount, row.moves) for row in rows]


def test_writes_down_each_day_that_has_been_over_for_a_day(
    mai: Member, binh: Member
) -> None:
    grant(mai, 10, 2)
    grant(binh, 5, 2)
    grant(mai, 7, 3)
    with written(noon(3)):
        spend_points(member=mai, amount=4, key="gift", at=noon(3))
    grant(mai, 1, 4)

    close_days(at=noon(5))

    expected = [(2, "opening", 15, 2), (3, "opening", 7, 1), (3, "spend", 4, 1)]
    assert written_down() == expected
    assert closed_through() == date(2026, 3, 3)


def test_closing_again_changes_nothing(mai: Member) -> None:
    grant(mai, 10, 2)
    close_days(at=noon(5))
    rows = list(DayTotal.objects.values())

    close_days(at=noon(5))
    close_days(at=noon(6))

    assert list(DayTotal.objects.values()) == rows


def test_an_empty_ledger_has_no_days(db: None) -> None:
    assert close_days(at=noon(5)) == 0
    assert prove_days() == []


def test_a_replay_of_the_future_closes_no_day_that_goes_on(mai: Member) -> None:
    grant_points(grants=[Grant(mai.pk, 10, "today")], at=noon(2))

    close_days(at=timezone.now() + timedelta(days=400))

    assert DayTotal.objects.count() == 0


def test_what_commits_long_after_midnight_is_in_its_day(
    mai: Member, wallet: Wallet
) -> None:
    """Written before midnight, seen only after the night has run."""
    grant(mai, 10, 2)
    night = datetime(2026, 3, 2, 19, 0, tzinfo=UTC)
    close_days(at=night)

    with written(datetime(2026, 3, 2, 16, 59, tzinfo=UTC)):
        grant_points(grants=[Grant(mai.pk, 3, "slow")], at=noon(2))

    close_days(at=noon(9))
    assert written_down() == [(2, "opening", 13, 2)]
    days = {"first": date(2026, 3, 2), "last": date(2026, 3, 9)}
    assert report_points(wallet=wallet, at=noon(9), **days).ok


def test_a_total_that_somebody_changed_is_named_and_can_be_built_anew(
    mai: Member, wallet: Wallet
) -> None:
    grant(mai, 10, 2)
    grant(mai, 7, 3)
    close_days(at=noon(9))
    DayTotal.objects.filter(day=date(2026, 3, 3)).update(amount=70)

    (found,) = prove_days()
    assert (found["day"], found["written_down"], found["ledger"]) == ("2026-03-03", 70, 7)
    assert prove_days(first=date(2026, 3, 4)) == []
    outcome = reconcile_points(at=noon(9))
    assert outcome.differences == [
        "Điểm: Members' accounts hold 17, the days add up to 80.",
        "03/03/2026 was closed with 70 of “opening balance” from opening balances to "
        "member, the ledger says 7.",
    ]

    rebuild_days(at=noon(9))

    assert written_down() == [(2, "opening", 10, 1), (3, "opening", 7, 1)]
    assert reconcile_points(at=noon(9)).differences == []


def test_in_another_time_zone_the_days_are_others(mai: Member, wallet: Wallet) -> None:
    """20:00 in Ho Chi Minh City is the next morning in Auckland."""
    with written(datetime(2026, 3, 2, 13, 0, tzinfo=UTC)):
        grant_points(grants=[Grant(mai.pk, 10, "evening")], at=noon(2))
    close_days(at=noon(9))
    Programme.objects.update(time_zone="Pacific/Auckland")

    days = {"first": date(2026, 3, 2), "last": date(2026, 3, 3)}
    report = report_points(wallet=wallet, at=noon(9), **days)

    assert report.ok
    assert [books.closing for books in report.days] == [0, 10]
    assert prove_days() == []


def test_a_large_table_is_read_by_its_ids(
    mai: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in range(2, 12):
        grant(mai, day, day)
    monkeypatch.setattr(id_ranges, "SMALL", 0)

    with CaptureQueriesContext(connection) as queries:
        (moved,) = sum_ledger(first=date(2026, 3, 6), last=date(2026, 3, 6))

    assert (moved.day, moved.amount) == (date(2026, 3, 6), 6)
    ids = list(Transfer.objects.order_by("pk").values_list("pk", flat=True))
    # A day of leeway on both sides: from the fifth to the eighth of March.
    statement = queries[-1]["sql"]
    assert f'"points_transfer"."id" >= {ids[3]}' in statement
    assert f'"points_transfer"."id" < {ids[6]}' in statement


def test_the_database_keeps_one_total_for_each_way(mai: Member) -> None:
    grant(mai, 10, 2)
    close_days(at=noon(9))
    row = DayTotal.objects.get()
    row.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save(force_insert=True)
