"""Groups of members by their tier, for campaigns and rules."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from members.models import Member
from members.segments import members_matching, validate_conditions
from members.segments.tree import describe_conditions, explain_members
from tests.tiers.helpers import buy, make_ladder
from tiers.models import Tier
from tiers.services import give_tier, review_tiers


@pytest.fixture(autouse=True)
def _standings(mai: Member, binh: Member, now: datetime) -> None:
    """Mai is silver since yesterday, Binh has just gone up from nothing to gold."""
    make_ladder()
    buy(mai, "A", now - timedelta(days=1), 1_000_000)
    review_tiers(at=now - timedelta(hours=1))
    buy(binh, "B", now, 3_000_000)


def who(now: datetime, field: str, operator: str, value: Any) -> list[str]:
    condition = {"field": field, "is": operator, "value": value}
    validate_conditions({"all": [condition]})
    found = members_matching({"all": [condition]}, at=now)
    return list(found.order_by("code").values_list("code", flat=True))


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("is", "main:silver", ["MAI"]),
        ("is_not", "main:silver", ["BINH"]),
        ("at_least", "main:silver", ["BINH", "MAI"]),
        ("at_least", "main:gold", ["BINH"]),
        ("is", "main:member", []),
    ],
)
def test_by_tier(now: datetime, operator: str, value: str, expected: list[str]) -> None:
    assert who(now, "tier", operator, value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [("1999999", []), ("2000000", ["MAI"]), ("9000000", ["MAI"])],
)
def test_by_what_is_missing(now: datetime, value: str, expected: list[str]) -> None:
    assert who(now, "missing_to_next_tier", "at_most", value) == expected


def test_by_days_since_the_tier_changed(now: datetime) -> None:
    assert who(now, "days_since_tier_change", "at_most", 0) == ["BINH"]
    assert who(now, "days_since_tier_change", "at_most", 1) == ["BINH", "MAI"]
    assert who(now, "days_since_tier_change", "more_than", 0) == ["MAI"]


def test_by_the_last_event(now: datetime, mai: Member) -> None:
    assert who(now, "last_tier_event", "is", "up") == ["BINH"]
    assert who(now, "last_tier_event", "is", "entered") == ["MAI"]
    gold = Tier.objects.get(code="gold")
    give_tier(member=mai, tier=gold, until=None, reason="VIP", by="lan", at=now)
    assert who(now, "last_tier_event", "is", "manual") == ["MAI"]


def test_by_days_left(now: datetime) -> None:
    assert who(now, "tier_ends_in_days", "at_most", 363) == ["MAI"]
    assert who(now, "tier_ends_in_days", "at_most", 362) == []


def test_a_condition_reads_as_a_sentence_and_tells_the_facts(
    now: datetime, mai: Member
) -> None:
    conditions = {"all": [{"field": "tier", "is": "is", "value": "main:silver"}]}

    facts = explain_members(conditions, member_ids=[mai.pk], at=now)

    assert "Silver" in describe_conditions(conditions)
    assert facts == {mai.pk: "Tier Silver since 01/03/2026; 1.000.000 ₫ counts"}
