"""A member's history: both ends merged, newest first, in pages."""

from datetime import datetime, timedelta

import pytest
from django.db import connection

from members.models import Member
from points.queries import balance_as_of, history, points_wallet
from points.services import spend_points
from tests.factories import make_wallet
from tests.points.helpers import give


@pytest.fixture
def moved(mai: Member, binh: Member, now: datetime) -> list[int]:
    """Mai earned 30, spent 5, earned 20, spent 7, a day apart; Binh earned between."""
    make_wallet()
    day = timedelta(days=1)
    give(mai, 30, "a", now)
    spend_points(member=mai, amount=5, key="b", at=now + day)
    give(binh, 99, "c", now)
    give(mai, 20, "d", now + 2 * day)
    spend_points(member=mai, amount=7, key="e", at=now + 3 * day)
    return [-7, 20, -5, 30]


def test_is_newest_first_from_both_ends(mai: Member, moved: list[int]) -> None:
    assert [entry.amount for entry in history(mai)] == moved


def test_pages_follow_each_other(mai: Member, moved: list[int]) -> None:
    first = history(mai, limit=3)
    second = history(mai, before_id=first[-1].id, limit=3)

    assert [entry.amount for entry in first] == moved[:3]
    assert [entry.amount for entry in second] == moved[3:]


def test_the_balance_of_a_day_counts_both_ends(
    mai: Member, now: datetime, moved: list[int]
) -> None:
    wallet = points_wallet()
    assert wallet is not None
    days = [now + timedelta(days=n) for n in range(4)]

    assert [balance_as_of(mai, wallet=wallet, at=at) for at in days] == [30, 25, 45, 38]


@pytest.mark.django_db
def test_the_indexes_of_both_databases_are_those_of_the_models() -> None:
    """The foreign keys' own indexes went, and neither database lost a guard over it."""
    with connection.cursor() as cursor:
        kept = connection.introspection.get_constraints(cursor, "points_transfer")

    of_account = {
        name
        for name, about in kept.items()
        if about["index"]
        and about["columns"][:1] in (["from_account_id"], ["to_account_id"])
    }
    assert of_account == {"points_transfer_history_in", "points_transfer_history_out"}
