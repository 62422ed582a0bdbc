"""Any tree of conditions finds the members that a plain reading of it would find."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_django import DjangoDbBlocker

from activities.models import Activity, ActivityType, Order, OrderLine, Refund, Store
from activities.services.summaries import recompute_summaries
from core.clock import local_midday
from members.models import (
    Consent,
    Identifier,
    ListEntry,
    Member,
    MemberList,
    MemberTag,
    Segment,
    Tag,
)
from members.segments import FIELDS, explain_members, members_matching, validate_conditions
from members.segments.tree import MAX_DEPTH, describe_conditions
from points.models import Account, Wallet
from tests import factories
from tests.kept_rows import kept_rows
from tests.members.plain_reading import (
    ACTIVITIES,
    ALSO,
    ANSWERS,
    LISTS,
    SEGMENTS,
    STORES,
    TAGS,
    TODAY,
    VALUES,
    WALLETS,
    Bought,
    Facts,
    answer,
    make_facts,
)

pytestmark = pytest.mark.django_db

AT = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)
NUM_MEMBERS = 80
# Asked about in tests of their own.
ELSEWHERE = {
    "reachable",
    "reached_through",
    "reached_by_campaign",
    "tier",
    "last_tier_event",
    "days_since_tier_change",
    "missing_to_next_tier",
    "tier_ends_in_days",
    "points_expiring",
    "rfm_cell",
    "r_score",
    "f_score",
    "m_score",
    "has_voucher",
    "voucher_ends_in_days",
    "used_voucher",
    "redeemed",
    "redemptions_within",
}
# Numbers that may be the days of the campaign that asks.
COUNTED_IN_DAYS = ("joined_days_ago", "data_updated_days_ago", "days_since_last_order")


@st.composite
def leaves(draw: st.DrawFn) -> dict[str, Any]:
    name, question = draw(st.sampled_from(sorted(ANSWERS)))
    operator = FIELDS[name].operator(question)
    assert operator is not None
    node: dict[str, Any] = {"field": name, "is": question}
    if operator.kind != "none":
        numbers = st.integers(0, 6)
        if name in COUNTED_IN_DAYS:
            numbers |= st.just("{days}")
        node["value"] = draw(st.sampled_from(VALUES[name]) if name in VALUES else numbers)
    if operator.also is not None:
        node[operator.also.code] = draw(st.sampled_from(ALSO[operator.also.code]))
    return node


trees = st.recursive(
    leaves(),
    lambda children: st.one_of(
        st.lists(children, max_size=3).map(lambda nodes: {"all": nodes}),
        st.lists(children, max_size=3).map(lambda nodes: {"any": nodes}),
        children.map(lambda node: {"not": node}),
    ),
    max_leaves=8,
)


def depth(node: dict[str, Any]) -> int:
    children = [node["not"]] if "not" in node else node.get("all", []) + node.get("any", [])
    return 1 + max((depth(child) for child in children), default=0)


def test_every_field_has_its_plain_reading() -> None:
    assert set(ANSWERS) == {
        (code, operator.code)
        for code, field in FIELDS.items()
        for operator in field.operators
        if code not in ELSEWHERE
    }


class People(dict[int, Facts]):
    """Members by number; said shortly, or a failure would be a page of them."""

    def __repr__(self) -> str:
        return f"{len(self)} members"


@pytest.fixture(scope="module")
def people(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[People]:
    """Eighty members of every kind, who are only read."""
    with kept_rows(django_db_blocker, make_people) as people:
        yield people


def make_people() -> People:
    factories.make_programme()
    for code in TAGS:
        Tag.objects.create(code=code, name=code)
    for code in LISTS:
        MemberList.objects.create(code=code, name=code)
    for code in STORES:
        Store.objects.create(code=code, name=code)
    for code in ACTIVITIES:
        ActivityType.objects.update_or_create(code=code, defaults={"name": code})
    for code in WALLETS:
        factories.make_wallet(code=code, name=code)
    for code, conditions in SEGMENTS.items():
        Segment.objects.create(code=code, name=code, conditions=conditions)
    chance = random.Random(45)
    people = People()
    for number in range(NUM_MEMBERS):
        facts = make_facts(chance)
        facts.pk = store(number, facts)
        people[facts.pk] = facts
    recompute_summaries(list(people))
    return people


def store(number: int, facts: Facts) -> int:
    member = Member.objects.create(
        code=f"M{number}",
        joined_at=local_midday(TODAY - timedelta(days=facts.joined_days)),
        updated_at=local_midday(TODAY - timedelta(days=facts.updated_days)),
        gender=facts.gender,
        language=facts.language,
        province=facts.province,
        state=facts.state,
        birth_date=facts.birth_date,
        follows_oa=facts.follows_oa,
    )
    for tag in Tag.objects.filter(code__in=facts.tags):
        MemberTag.objects.create(member=member, tag=tag, tagged_at=AT, source="t")
    for one in MemberList.objects.filter(code__in=facts.lists):
        ListEntry.objects.create(member=member, list=one, added_at=AT, source="t")
    store_ways(member, number, facts)
    for position, order in enumerate(facts.orders):
        store_order(member, f"{number}-{position}", order)
    for position, (what, days) in enumerate(facts.activities):
        Activity.objects.create(
            type=ActivityType.objects.get(code=what),
            source="t",
            external_id=f"{number}-{position}",
            member=member,
            happened_at=local_midday(TODAY - timedelta(days=days)),
            happened_on=TODAY - timedelta(days=days),
            content_hash="",
        )
    for code, balance in facts.balances.items():
        Account.objects.create(
            wallet=Wallet.objects.get(code=code), member=member, balance=balance
        )
    return member.pk


def store_ways(member: Member, number: int, facts: Facts) -> None:
    for index, works in enumerate(facts.phones):
        phone = f"+849{number:06}{index:02}"
        Identifier.objects.create(member=member, kind="phone", value=phone, is_valid=works)
    if facts.has_zalo:
        Identifier.objects.create(member=member, kind="zalo", value=f"z{number}")
    if facts.has_email:
        Identifier.objects.create(member=member, kind="email", value=f"{number}@x.vn")
    for purpose, said in (("marketing", facts.consents), ("care", facts.cared)):
        for channel, is_given in said.items():
            Consent.objects.create(
                member=member,
                purpose=purpose,
                channel=channel,
                is_given=is_given,
                changed_at=AT,
            )


def store_order(member: Member, number: str, bought: Bought) -> None:
    day = TODAY - timedelta(days=bought.days)
    order = Order.objects.create(
        source="t",
        external_id=number,
        member=member,
        store=Store.objects.filter(code=bought.store).first(),
        channel=bought.channel,
        status="completed" if bought.completed else "cancelled",
        placed_at=local_midday(day),
        placed_on=day,
        total=Decimal(bought.total),
        refunded=Decimal(bought.refunded),
        currency="VND",
        content_hash="",
    )
    for position, line in enumerate(bought.lines):
        OrderLine.objects.create(
            order=order,
            position=position,
            sku=line.sku,
            category=line.category,
            brand=line.brand,
            quantity=line.quantity,
            refunded_quantity=line.back,
            total=0,
        )
    if bought.refunded and bought.completed:
        Refund.objects.create(
            source="t",
            external_id=number,
            member=member,
            refunded_at=AT,
            refunded_on=TODAY,
            total=Decimal(bought.refunded),
            content_hash="",
        )


@settings(max_examples=400, deadline=None)
@given(tree=trees)
def test_any_tree_means_what_it_says(
    people: dict[int, Facts], tree: dict[str, Any]
) -> None:
    if depth(tree) > MAX_DEPTH:
        return
    validate_conditions(tree, {"days": 3})

    found = list(members_matching(tree, at=AT, parameters={"days": 3}))

    assert len(found) == len(set(found)), "nobody is found twice"
    meant = {pk for pk, facts in people.items() if answer(tree, facts)}
    assert {member.pk for member in found} == meant
    # The form for a few members says the same of them, however many they are.
    few = members_matching(tree, at=AT, parameters={"days": 3}, few=True)
    assert set(few.values_list("pk", flat=True)) == meant


@pytest.mark.parametrize(("name", "question"), sorted(ANSWERS))
def test_every_question_splits_everybody_in_two(
    people: dict[int, Facts], name: str, question: str
) -> None:
    """NOT gives exactly the others, whatever is unknown of them; and each can be told."""
    operator = FIELDS[name].operator(question)
    assert operator is not None
    node: dict[str, Any] = {"field": name, "is": question}
    if operator.kind != "none":
        node["value"] = VALUES.get(name, (2,))[0]
    if operator.also is not None:
        node[operator.also.code] = ALSO[operator.also.code][1]

    met = set(members_matching(node, at=AT).values_list("pk", flat=True))
    others = set(members_matching({"not": node}, at=AT).values_list("pk", flat=True))
    one_by_one = members_matching({"not": node}, at=AT, few=True)
    assert set(one_by_one.values_list("pk", flat=True)) == others

    assert met == {pk for pk, facts in people.items() if answer(node, facts)}
    assert met | others == set(people)
    assert not met & others
    assert "%(" not in describe_conditions(node)
    told = explain_members(node, member_ids=list(people)[:3], at=AT)
    assert set(told) == set(list(people)[:3])
