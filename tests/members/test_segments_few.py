"""Questions about a few members read the rows of those members only."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from core.batch import execute, is_postgresql
from members.models import Member
from members.segments import members_matching
from tests import factories

GROUPED = [
    {"field": "orders_within", "is": "at_least", "value": 2, "days": 30},
    {"field": "orders_within", "is": "at_most", "value": 2, "days": 30},
    {"field": "spend_within", "is": "at_most", "value": 100_000, "days": 30},
    {"field": "average_within", "is": "at_least", "value": 100_000, "days": 30},
    {"field": "redemptions_within", "is": "at_least", "value": 2, "days": 30},
    {"field": "points_expiring", "is": "at_least", "value": 1, "days": 30},
]


def plan(conditions: dict[str, Any], members: list[Member], at: datetime) -> str:
    if is_postgresql():
        # Tables of a test are so small that reading them whole is always the cheapest.
        execute("SET LOCAL enable_seqscan = off")
        execute("SET LOCAL enable_bitmapscan = off")
    found = members_matching(conditions, at=at, few=True).filter(
        pk__in=[one.pk for one in members]
    )
    return found.explain()


@pytest.mark.parametrize(
    "conditions", GROUPED, ids=lambda one: f"{one['field']} {one['is']}"
)
def test_rows_are_found_by_their_member(
    mai: Member, binh: Member, now: datetime, conditions: dict[str, Any]
) -> None:
    factories.make_wallet()

    found = plan(conditions, [mai, binh], now)

    if is_postgresql():
        assert "(member_id = members_member.id)" in found.replace(" AND (", ")(")
        assert "Seq Scan" not in found
    else:
        # A SCAN reads a table whole; a LIST is made for everybody before anyone is asked.
        assert "SCAN" not in found
        assert "LIST SUBQUERY" not in found


@pytest.mark.parametrize(
    "conditions", GROUPED, ids=lambda one: f"{one['field']} {one['is']}"
)
def test_about_everybody_rows_are_grouped_once(
    mai: Member, now: datetime, conditions: dict[str, Any]
) -> None:
    factories.make_wallet()

    found = members_matching(conditions, at=now).explain()

    assert ("hashed SubPlan" if is_postgresql() else "LIST SUBQUERY") in found
