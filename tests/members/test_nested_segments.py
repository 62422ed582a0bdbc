"""Segments inside segments, lists and splits: what is refused, and what stays the same."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from core.errors import InvalidInput
from members.models import ListEntry, Member, MemberList, Segment
from members.segments import members_matching, validate_conditions
from members.segments.nested import MAX_WRITTEN_OUT, check_nesting
from members.segments.split import bucket_of
from members.segments.uses import used_by
from tests import factories

FOLLOWERS = {"field": "follows_oa", "is": "yes"}


def inside(code: str) -> dict[str, Any]:
    return {"field": "segment", "is": "is", "value": code}


def make(code: str, conditions: Any) -> Segment:
    return Segment.objects.create(code=code, name=code.upper(), conditions=conditions)


def test_a_segment_in_a_segment_is_asked_in_place(
    mai: Member, binh: Member, now: datetime
) -> None:
    Member.objects.filter(pk=mai.pk).update(follows_oa=True)
    make("oa", FOLLOWERS)
    make("both", {"any": [inside("oa"), {"field": "gender", "is": "is", "value": "male"}]})

    assert list(members_matching(inside("both"), at=now)) == [mai]
    assert list(members_matching({"not": inside("both")}, at=now)) == [binh]


def test_nobody_may_ask_about_themselves_by_any_way(db: None) -> None:
    make("a", FOLLOWERS)
    make("b", inside("a"))
    make("c", {"all": [{"not": inside("b")}]})

    with pytest.raises(InvalidInput, match="would ask about itself"):
        check_nesting("a", inside("c"))
    with pytest.raises(InvalidInput, match="would ask about itself"):
        check_nesting("new", inside("new"))
    check_nesting("c", inside("a"))


def test_a_circle_that_got_in_is_refused_and_not_followed(now: datetime, db: None) -> None:
    make("a", inside("b"))
    make("b", inside("a"))

    with pytest.raises(InvalidInput, match="would ask about itself"):
        members_matching(inside("a"), at=now)


def test_what_grows_past_one_statement_is_refused(db: None) -> None:
    make("small", FOLLOWERS)
    make("wide", {"all": [inside("small")] * 40})
    check_nesting("small", {"all": [FOLLOWERS] * 4})

    with pytest.raises(InvalidInput, match=f"at most {MAX_WRITTEN_OUT}"):
        check_nesting("small", {"all": [FOLLOWERS] * 5})


def test_the_console_says_why_a_circle_is_not_saved(console: Client) -> None:
    factories.make_programme()
    first = make("a", FOLLOWERS)
    make("b", inside("a"))
    address = reverse("admin:members_segment_change", args=[first.pk])
    data = {"name": "A", "code": "a", "conditions": json.dumps(inside("b"))}

    text = console.post(address, data).content.decode()

    assert "would ask about itself" in text
    first.refresh_from_db()
    assert first.conditions == FOLLOWERS


def test_a_segment_that_is_gone_is_refused_with_a_sentence(now: datetime, db: None) -> None:
    with pytest.raises(InvalidInput, match="no choice"):
        validate_conditions(inside("gone"))
    with pytest.raises(InvalidInput, match="no segment"):
        members_matching(inside("gone"), at=now)


def test_used_by_names_the_segments_that_ask(db: None) -> None:
    make("a", FOLLOWERS)
    outer = make("b", {"all": [inside("a"), inside("a")]})

    (use,) = used_by(["a", "b"])["a"]
    assert (use.name, use.page, use.pk) == ("B", "members_segment", outer.pk)
    assert used_by(["b"]) == {"b": []}


def test_lists(mai: Member, binh: Member, now: datetime) -> None:
    press = MemberList.objects.create(code="press", name="Press")
    ListEntry.objects.create(list=press, member=mai, added_at=now, source="t")
    on = {"field": "list", "is": "is", "value": "press"}

    assert list(members_matching(on, at=now)) == [mai]
    assert list(members_matching({"not": on}, at=now)) == [binh]


def test_a_split_keeps_its_members_and_two_are_independent(now: datetime, db: None) -> None:
    Member.objects.bulk_create(Member(code=f"M{n}") for n in range(2000))

    def share(percent: int, split: str) -> set[int]:
        node = {"field": "random_share", "is": "first", "value": percent, "split": split}
        return set(members_matching(node, at=now).values_list("pk", flat=True))

    half, other = share(50, "A"), share(50, "B")
    assert half == {
        pk for pk in Member.objects.values_list("pk", flat=True) if bucket_of(pk, "A") < 50
    }
    assert share(20, "A") < half
    assert share(100, "A") == half | (half ^ share(100, "A"))
    assert 900 < len(half) < 1100
    # A quarter is in both halves, within what chance allows.
    assert 400 < len(half & other) < 600


def test_a_share_is_at_most_a_hundred_percent(db: None) -> None:
    node = {"field": "random_share", "is": "first", "value": 101, "split": "A"}
    with pytest.raises(InvalidInput, match="from 0 to 100"):
        validate_conditions(node)


def test_the_second_value_is_needed_and_nothing_else_is_allowed(db: None) -> None:
    node = {"field": "orders_within", "is": "at_least", "value": 3}
    with pytest.raises(InvalidInput, match="needs a whole number"):
        validate_conditions(node)
    validate_conditions({**node, "days": 30})
    validate_conditions({**node, "days": "{days}"})
    with pytest.raises(InvalidInput, match="Remove “wallet”"):
        validate_conditions({**node, "days": 30, "wallet": "points"})
    with pytest.raises(InvalidInput, match="Remove “days”"):
        validate_conditions({**FOLLOWERS, "days": 30})
