"""SQLite reads a list of rows once and finds each in the table, never the other way round.

A plan that goes through the table and through the whole list for every row of it is right
and takes for ever: importing a known file of twenty thousand orders took minutes.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from activities.services import OrderFact
from campaigns.presets import create_presets
from flows.record import record
from members.models import Member
from members.services import MemberFact, save_members
from points.models import Transfer
from points.services import expire_points, reverse_transfer, spend_points
from tests.factories import make_earn_rule, make_programme, make_wallet

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "sqlite", reason="about SQLite's planner"),
]
LIST = "json_each"


def statements(act: Callable[[], Any]) -> dict[str, Any]:
    """Return what was asked of the database about lists, with parameters."""
    asked: dict[str, Any] = {}

    def listen(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if LIST in sql:
            asked[sql] = params
        return execute(sql, params, many, context)

    with connection.execute_wrapper(listen):
        act()
    return asked


def plan(sql: str, params: Any) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}", params)
        steps = [str(row[3]) for row in cursor.fetchall()]
    return [step for step in steps if step.startswith(("SCAN", "SEARCH"))]


def test_every_list_is_read_once(mai: Member, now: datetime) -> None:
    make_programme()
    make_earn_rule(wallet=make_wallet(expiry_months=1))
    create_presets(at=now)
    long_ago = now - timedelta(days=60)
    facts = [
        OrderFact("till", str(number), mai.pk, placed_at, Decimal(500_000))
        for number, placed_at in enumerate((long_ago, now))
    ]

    def act() -> None:
        save_members([MemberFact(code="MAI", phone="0912345678")], source="t", at=now)
        record(facts, at=now)
        record(facts, at=now)
        spent = spend_points(member=mai, amount=20, key="gift", at=now)
        reverse_transfer(transfer=spent, key="gift-back", at=now)
        earned = Transfer.objects.filter(kind="earn").latest("pk")
        reverse_transfer(transfer=earned, key="earn-back", at=now)
        assert expire_points(at=now).points == 50

    asked = statements(act)

    assert len(asked) >= 12
    wrong = {sql: plan(sql, params) for sql, params in asked.items()}
    assert {sql: steps for sql, steps in wrong.items() if LIST not in steps[0]} == {}
