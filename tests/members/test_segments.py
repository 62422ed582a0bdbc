"""Segments: what each condition means, what is refused, how it reads."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from activities.models import PurchaseSummary
from core.clock import local_midday
from core.errors import InvalidInput
from members.models import Consent, Identifier, Member, MemberTag, Tag
from members.segments import (
    describe_conditions,
    explain_members,
    members_matching,
    validate_conditions,
)
from members.segments.registry import FIELDS, OPPOSITES, ValueKind
from tests import factories


def codes(conditions: dict[str, Any], at: datetime, **parameters: int) -> set[str]:
    found = members_matching(conditions, at=at, parameters=parameters)
    return set(found.values_list("code", flat=True))


def leaf(field: str, question: str, value: Any = None) -> dict[str, Any]:
    return {"field": field, "is": question} | ({} if value is None else {"value": value})


def summarise(member: Member, last: date, *, num_orders: int = 1, spend: int = 0) -> None:
    PurchaseSummary.objects.create(
        member=member,
        first_order_on=last,
        last_order_on=last,
        last_order_at=local_midday(last),
        num_orders=num_orders,
        spend=Decimal(spend),
    )


@pytest.mark.parametrize(
    ("days_ago", "inside"), [(0, True), (44, True), (45, True), (46, False), (400, False)]
)
def test_day_45_is_inside_a_window_of_45_days(
    mai: Member, now: datetime, days_ago: int, inside: bool
) -> None:
    summarise(mai, date(2026, 3, 2) - timedelta(days=days_ago))

    at_most = codes(leaf("days_since_last_order", "at_most", 45), now)
    more_than = codes(leaf("days_since_last_order", "more_than", 45), now)

    assert at_most == ({"MAI"} if inside else set())
    assert more_than == (set() if inside else {"MAI"})


def test_who_never_bought_is_on_neither_side(mai: Member, now: datetime) -> None:
    assert codes(leaf("days_since_last_order", "at_most", 45), now) == set()
    assert codes(leaf("days_since_last_order", "more_than", 45), now) == set()
    assert codes({"not": leaf("days_since_last_order", "at_most", 45)}, now) == {"MAI"}


def test_the_day_begins_at_local_midnight(mai: Member) -> None:
    summarise(mai, date(2026, 1, 16))
    window = leaf("days_since_last_order", "at_most", 45)

    # 23:59 on 2 March in Ho Chi Minh City, and a minute later.
    assert codes(window, datetime(2026, 3, 2, 16, 59, tzinfo=UTC)) == {"MAI"}
    assert codes(window, datetime(2026, 3, 2, 17, 0, tzinfo=UTC)) == set()


def test_joined_and_changed_count_local_days(mai: Member) -> None:
    # 00:30 on 3 March by the programme's clock.
    moment = datetime(2026, 3, 2, 17, 30, tzinfo=UTC)
    Member.objects.update(joined_at=moment, updated_at=moment)
    ten_days_later = datetime(2026, 3, 13, 1, tzinfo=UTC)

    for field in ("joined_days_ago", "data_updated_days_ago"):
        assert codes(leaf(field, "at_most", 10), ten_days_later) == {"MAI"}
        assert codes(leaf(field, "more_than", 10), ten_days_later) == set()
        assert codes(leaf(field, "more_than", 9), ten_days_later) == {"MAI"}


def test_tags(mai: Member, binh: Member, now: datetime) -> None:
    for code in ("45", "vip"):
        tag = Tag.objects.create(code=code, name=code)
        MemberTag.objects.create(member=mai, tag=tag, tagged_at=now, source="test")

    assert codes(leaf("tag", "has", "45"), now) == {"MAI"}
    assert codes(leaf("tag", "has_not", "45"), now) == {"BINH"}
    both = {"all": [leaf("tag", "has", "45"), leaf("tag", "has", "vip")]}
    assert codes(both, now) == {"MAI"}


def test_many_rows_of_one_member_are_one_member(mai: Member, now: datetime) -> None:
    for phone in ("0911111111", "0922222222"):
        Identifier.objects.create(member=mai, kind="phone", value=f"+84{phone[1:]}")
    Consent.objects.create(
        member=mai, purpose="marketing", channel="sms", is_given=True, changed_at=now
    )
    either = {"any": [leaf("has_phone", "yes"), leaf("marketing_consent", "yes")]}

    assert list(members_matching(either, at=now)) == [mai]


def test_reach(now: datetime, db: None) -> None:
    factories.make_member(code="PHONE", phone="0911111111")
    factories.make_member(code="ZALO", zalo_user_id="z", follows_oa=True, consent=False)
    broken = factories.make_member(code="BROKEN", phone="0922222222")
    Identifier.objects.filter(member=broken).update(is_valid=False)

    assert codes(leaf("has_phone", "yes"), now) == {"PHONE"}
    assert codes(leaf("has_phone", "no"), now) == {"ZALO", "BROKEN"}
    assert codes(leaf("has_zalo", "yes"), now) == {"ZALO"}
    assert codes(leaf("follows_oa", "yes"), now) == {"ZALO"}
    assert codes(leaf("marketing_consent", "no"), now) == {"ZALO"}
    # A follower without consent, a broken phone: only one of the three is reached.
    assert codes(leaf("reachable", "yes"), now) == {"PHONE"}
    assert codes(leaf("reachable", "no"), now) == {"ZALO", "BROKEN"}


def test_who_they_are(mai: Member, binh: Member, now: datetime) -> None:
    Member.objects.filter(pk=mai.pk).update(
        gender="female", province="Huế", birth_date=date(1990, 3, 31), state="blocked"
    )

    assert codes(leaf("gender", "is", "female"), now) == {"MAI"}
    assert codes(leaf("gender", "is_not", "female"), now) == {"BINH"}
    assert codes(leaf("province", "is", "Huế"), now) == {"MAI"}
    assert codes(leaf("state", "is", "active"), now) == {"BINH"}
    assert codes(leaf("birthday_month", "is", "3"), now) == {"MAI"}
    assert codes(leaf("birthday_month", "this_month"), now) == {"MAI"}
    # A birthday that nobody told is in no month, and so outside every one.
    assert codes({"not": leaf("birthday_month", "is", "3")}, now) == {"BINH"}


def test_orders_and_spend(mai: Member, binh: Member, now: datetime) -> None:
    summarise(mai, date(2026, 3, 1), num_orders=3, spend=500000)

    assert codes(leaf("has_ordered", "yes"), now) == {"MAI"}
    assert codes(leaf("has_ordered", "no"), now) == {"BINH"}
    assert codes(leaf("num_orders", "at_least", 3), now) == {"MAI"}
    assert codes(leaf("num_orders", "at_least", 4), now) == set()
    # Who never bought has bought zero times.
    assert codes(leaf("num_orders", "at_most", 2), now) == {"BINH"}
    assert codes(leaf("num_orders", "at_least", 0), now) == {"MAI", "BINH"}
    assert codes(leaf("spend", "at_least", "500000"), now) == {"MAI"}
    assert codes(leaf("spend", "at_most", 499999), now) == {"BINH"}


def test_parameters_stand_for_numbers(mai: Member, now: datetime) -> None:
    summarise(mai, date(2026, 1, 1))
    window = leaf("days_since_last_order", "at_most", "{days}")

    assert codes(window, now, days=59) == set()
    assert codes(window, now, days=60) == {"MAI"}
    with pytest.raises(InvalidInput, match="no setting “days”"):
        codes(window, now)


def test_everyone_and_nobody(mai: Member, now: datetime) -> None:
    assert codes({"all": []}, now) == {"MAI"}
    assert codes({"any": []}, now) == set()
    assert codes({"not": {"all": []}}, now) == set()
    assert codes({"not": {"any": []}}, now) == {"MAI"}


def test_a_question_is_one_query(
    mai: Member, now: datetime, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    conditions = {
        "any": [
            leaf("tag", "has", "45"),
            leaf("has_phone", "yes"),
            leaf("spend", "at_least", 1),
        ]
    }

    # One for the programme's clock, one for the answer.
    with django_assert_num_queries(2):
        assert members_matching(conditions, at=now).count() == 1


def deep(levels: int) -> dict[str, Any]:
    node = leaf("has_phone", "yes")
    for _level in range(levels):
        node = {"not": node}
    return node


@pytest.mark.parametrize(
    ("conditions", "sentence"),
    [
        ({}, "Say who"),
        (None, "Say who"),
        ([], "Say who"),
        ("all", "Say who"),
        ({"all": {}}, "needs a list"),
        ({"none": []}, "Remove “none”"),
        ({"all": [], "any": []}, "Remove “all”"),
        (leaf("password", "is", "x"), "Nothing is known about “password”"),
        ({"field": ["tag"], "is": "has"}, "Nothing is known"),
        (leaf("purchases__spend", "at_least", 1), "Nothing is known"),
        (leaf("tag", "is", "45"), "Use one of: has, has_not"),
        ({"field": "tag", "is": None}, "Use one of: has, has_not"),
        ({"field": "tag", "is": "has", "value": ""}, "“tag” needs a value"),
        ({"field": "tag", "is": "has", "value": ["45"]}, "“tag” needs a value"),
        ({"field": "tag", "is": "has", "value": "4\x005"}, "“tag” needs a value"),
        (leaf("tag", "has", "46"), "“46” is no choice for “tag”"),
        (leaf("gender", "is", "cat"), "“cat” is no choice"),
        (leaf("birthday_month", "is", 13), "“13” is no choice"),
        ({"field": "has_phone", "is": "yes", "or": 1}, "Remove “or”"),
        (leaf("num_orders", "at_least", -1), "whole number"),
        (leaf("num_orders", "at_least", 1.5), "whole number"),
        (leaf("num_orders", "at_least", True), "whole number"),
        (leaf("num_orders", "at_least", "many"), "whole number"),
        (leaf("num_orders", "at_least", 10**12), "whole number"),
        (leaf("num_orders", "at_least", "{weeks}"), "no setting “weeks”"),
        (leaf("spend", "at_least", "NaN"), "an amount"),
        (leaf("spend", "at_least", 1e400), "an amount"),
        (leaf("spend", "at_least", "-1"), "an amount"),
        (deep(9), "too many conditions"),
        (deep(5000), "too many conditions"),
        ({"any": [leaf("has_phone", "yes")] * 100}, "too many conditions"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_a_sentence(
    db: None, conditions: Any, sentence: str
) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        validate_conditions(conditions)


def test_numbers_of_any_size_can_be_asked(mai: Member, now: datetime) -> None:
    summarise(mai, date(2026, 3, 1))

    assert codes(leaf("days_since_last_order", "at_most", 2**31 - 1), now) == {"MAI"}
    assert codes(leaf("joined_days_ago", "more_than", 2**31 - 1), now) == set()


def test_conditions_read_as_a_sentence(db: None) -> None:
    Tag.objects.create(code="vip", name="Khách quý")
    conditions = {
        "all": [
            {"not": leaf("tag", "has", "vip")},
            leaf("days_since_last_order", "more_than", "{days}"),
            {"any": [leaf("follows_oa", "yes"), leaf("spend", "at_least", 1500000)]},
        ]
    }

    assert describe_conditions(conditions, {"days": 60}) == (
        "do not have the tag “Khách quý” and last bought more than 60 days ago and "
        "(follow the Official Account or have spent at least 1.500.000 ₫)"
    )


@pytest.mark.parametrize(
    ("negated", "sentence"),
    [
        (leaf("follows_oa", "yes"), "do not follow the Official Account"),
        (leaf("has_ordered", "no"), "have bought before"),
        (leaf("province", "is_not", "Huế"), "live in Huế"),
        (
            leaf("days_since_last_order", "at_most", 45),
            "have not bought in the last 45 days",
        ),
        (
            leaf("days_since_last_order", "more_than", 45),
            "bought in the last 45 days or never",
        ),
        (leaf("joined_days_ago", "at_most", 9), "joined more than 9 days ago"),
        (leaf("num_orders", "at_least", 3), "have bought fewer than 3 times"),
        (leaf("spend", "at_most", 500000), "have spent more than 500.000 ₫"),
        (
            leaf("birthday_month", "is", "5"),
            "are not among those who were born in month 5",
        ),
        ({"not": leaf("follows_oa", "yes")}, "follow the Official Account"),
        (
            {"any": [leaf("follows_oa", "yes"), leaf("has_ordered", "yes")]},
            "do not follow the Official Account and have never bought",
        ),
        (
            {"all": [leaf("follows_oa", "yes"), {"not": leaf("has_ordered", "yes")}]},
            "do not follow the Official Account or have bought before",
        ),
        ({"all": []}, "do not exist"),
        ({"any": []}, "are in the programme"),
    ],
)
def test_what_must_not_hold_reads_as_a_sentence(
    db: None, negated: dict[str, Any], sentence: str
) -> None:
    assert describe_conditions({"not": negated}) == sentence
    assert describe_conditions({"not": {"not": {"not": negated}}}) == sentence


def test_ways_to_ask_that_are_read_as_opposites_are_opposites(
    mai: Member, binh: Member, now: datetime
) -> None:
    """What the sentence of a NOT says is what the NOT finds."""
    summarise(mai, date(2026, 1, 1))
    Member.objects.filter(pk=mai.pk).update(follows_oa=True)
    everybody, num_asked = {"MAI", "BINH"}, 0
    for field in FIELDS.values():
        for one, other in OPPOSITES:
            asked = field.operator(one)
            if asked is None or asked.kind is not ValueKind.NONE:
                continue
            found = codes(leaf(field.code, one), now), codes(leaf(field.code, other), now)
            assert found[0] ^ found[1] == everybody, field.code
            num_asked += 1
    assert num_asked >= 6


def test_each_member_is_explained_by_facts(
    mai: Member, binh: Member, now: datetime
) -> None:
    summarise(mai, date(2026, 1, 1))
    tag = Tag.objects.create(code="45", name="45")
    MemberTag.objects.create(member=binh, tag=tag, tagged_at=now, source="test")
    conditions = {
        "any": [
            leaf("tag", "has", "45"),
            leaf("days_since_last_order", "more_than", 45),
            leaf("has_ordered", "no"),
        ]
    }

    why = explain_members(conditions, member_ids=[mai.pk, binh.pk], at=now)

    assert why == {
        mai.pk: "not tagged “45”; Last order 01/01/2026, 60 days ago",
        binh.pk: "tagged “45” since 02/03/2026; No order yet",
    }
