"""Groups of members by what they hold and what of it ends soon."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import add_months
from members.models import Member, Segment
from members.segments import members_matching, validate_conditions
from members.segments.uses import used_by
from points.expiry import ExpiryPolicy
from points.models import Account
from points.queries import expiring
from points.segment_fields import _active_between
from points.services import Grant, grant_points
from tests.factories import make_earn_rule, make_wallet

TODAY = date(2026, 3, 2)


def who(now: datetime, field: str, operator: str, **values: Any) -> set[str]:
    node = {"field": field, "is": operator, **values}
    validate_conditions(node)
    met = set(members_matching(node, at=now).values_list("code", flat=True))
    others = members_matching({"not": node}, at=now).values_list("code", flat=True)
    assert met | set(others) == {"MAI", "BINH"}
    assert not met & set(others)
    few = members_matching(node, at=now, few=True)
    assert set(few.values_list("code", flat=True)) == met
    return met


def give(
    member: Member, points: int, key: str, last_day: date | None, at: datetime
) -> None:
    grant_points(grants=[Grant(member.pk, points, key, last_day)], at=at)


def test_balances_by_wallet(mai: Member, binh: Member, now: datetime) -> None:
    make_wallet()
    make_wallet(code="spins", name="Lượt quay", kind="spins")
    give(mai, 100, "a", None, now)

    points = {"wallet": "points"}
    assert who(now, "balance", "at_least", value=100, **points) == {"MAI"}
    assert who(now, "balance", "at_least", value=101, **points) == set()
    assert who(now, "balance", "at_most", value=99, **points) == {"BINH"}
    assert who(now, "balance", "at_least", value=0, **points) == {"MAI", "BINH"}
    assert who(now, "balance", "at_most", value=0, wallet="spins") == {"MAI", "BINH"}


def test_debts_are_below_nothing(mai: Member, binh: Member, now: datetime) -> None:
    wallet = make_wallet()
    Account.objects.create(wallet=wallet, member=mai, may_go_negative=True, balance=-5)

    assert who(now, "balance", "at_least", value=0, wallet="points") == {"BINH"}
    assert who(now, "balance", "at_most", value=0, wallet="points") == {"MAI", "BINH"}


def test_points_that_end_by_a_day_count_through_that_day(
    mai: Member, binh: Member, now: datetime
) -> None:
    make_wallet(expiry_months=12)
    give(mai, 60, "a", TODAY, now)
    give(mai, 40, "b", TODAY + timedelta(days=30), now)
    give(binh, 500, "c", TODAY + timedelta(days=31), now)

    def ending(points: int, days: int) -> set[str]:
        return who(now, "points_expiring", "at_least", value=points, days=days)

    assert ending(100, 30) == {"MAI"}
    assert ending(100, 29) == set()
    assert ending(60, 0) == {"MAI"}
    assert ending(500, 31) == {"BINH"}
    assert ending(0, 0) == {"MAI", "BINH"}
    assert who(now, "points_expiring", "less_than", value=1, days=30) == {"BINH"}


@pytest.mark.parametrize("policy", ["inactivity", "rolling", "year_end", "never"])
@pytest.mark.parametrize("days", [0, 27, 28, 31, 59, 300, 400])
def test_lots_without_a_day_end_as_their_wallet_says(
    mai: Member, binh: Member, now: datetime, policy: str, days: int
) -> None:
    months = None if policy == "never" else 1
    wallet = make_wallet()
    give(mai, 10, "a", None, now)
    give(binh, 10, "b", None, now)
    Account.objects.filter(member=binh).update(active_on=date(2026, 1, 30))
    wallet.expiry_policy, wallet.expiry_months = policy, months
    wallet.expiry_since = date(2026, 2, 3) if months else None
    wallet.save()

    told = expiring([mai.pk, binh.pk], at=now, within_days=days)

    codes = {mai.pk: "MAI", binh.pk: "BINH"}
    found = who(now, "points_expiring", "at_least", value=1, days=days)
    assert found == {codes[pk] for pk in told}


@given(
    first=st.dates(date(2023, 12, 1), date(2025, 4, 1)),
    days=st.integers(0, 40),
    months=st.integers(1, 14),
)
def test_days_of_activity_are_those_whose_end_lies_in_the_span(
    first: date, days: int, months: int
) -> None:
    last = first + timedelta(days=days)
    begin, end = _active_between(ExpiryPolicy("inactivity", months), first, last)
    near = [first - timedelta(days=n) for n in range(-5, 31 * months + 50)]
    wanted = {day for day in near if first <= add_months(day, months) <= last}
    assert {day for day in near if begin <= day <= end} == wanted


def test_a_rule_for_a_segment_is_a_use_of_it(now: datetime, db: None) -> None:
    segment = Segment.objects.create(code="oa", name="OA")
    make_earn_rule(wallet=make_wallet(), segment=segment)
    (use,) = used_by(["oa"])["oa"]
    assert (use.name, use.page) == ("Tích điểm", "points_earnrule")
