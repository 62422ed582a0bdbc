"""Any tree of conditions finds the members that a plain reading of it would find."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activities.models import PurchaseSummary
from core.clock import local_midday
from members.models import Consent, Identifier, Member, MemberTag, Tag
from members.segments import FIELDS, members_matching, validate_conditions
from members.segments.tree import MAX_DEPTH

AT = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)
TODAY = date(2026, 3, 2)
TAGS = ("45", "vip", "new")
PROVINCES = ("", "Huế", "Đà Nẵng")
NUM_MEMBERS = 60


@dataclass
class Facts:
    """What is true of one member, in plain Python."""

    joined_days: int
    updated_days: int
    gender: str
    province: str
    state: str
    birth_date: date | None
    follows_oa: bool
    tags: set[str] = field(default_factory=set)
    phones: list[bool] = field(default_factory=list)
    has_zalo: bool = False
    consents: dict[str, bool] = field(default_factory=dict)
    order_days: int | None = None
    num_orders: int = 0
    spend: int = 0


def make_facts(chance: random.Random) -> Facts:
    facts = Facts(
        joined_days=chance.randrange(0, 6),
        updated_days=chance.randrange(0, 6),
        gender=chance.choice(("", "female", "male")),
        province=chance.choice(PROVINCES),
        state=chance.choice(("active", "blocked", "left")),
        birth_date=chance.choice((None, date(1990, 3, 5), date(1991, 12, 31))),
        follows_oa=chance.random() < 0.5,
        tags={tag for tag in TAGS if chance.random() < 0.4},
        phones=[chance.random() < 0.5 for _ in range(chance.randrange(3))],
        has_zalo=chance.random() < 0.5,
        consents={
            channel: chance.random() < 0.5
            for channel in ("", "zalo_uid", "sms")
            if chance.random() < 0.5
        },
    )
    if chance.random() < 0.7:
        facts.order_days = chance.randrange(0, 6)
        facts.num_orders = chance.randrange(1, 4)
        facts.spend = chance.randrange(0, 5)
    return facts


ANSWERS: dict[tuple[str, str], Any] = {
    ("tag", "has"): lambda f, v: v in f.tags,
    ("tag", "has_not"): lambda f, v: v not in f.tags,
    ("joined_days_ago", "more_than"): lambda f, v: f.joined_days > v,
    ("joined_days_ago", "at_most"): lambda f, v: f.joined_days <= v,
    ("data_updated_days_ago", "more_than"): lambda f, v: f.updated_days > v,
    ("data_updated_days_ago", "at_most"): lambda f, v: f.updated_days <= v,
    ("gender", "is"): lambda f, v: f.gender == v,
    ("gender", "is_not"): lambda f, v: f.gender != v,
    ("province", "is"): lambda f, v: f.province == v,
    ("province", "is_not"): lambda f, v: f.province != v,
    ("state", "is"): lambda f, v: f.state == v,
    ("state", "is_not"): lambda f, v: f.state != v,
    ("birthday_month", "is"): lambda f, v: (
        f.birth_date is not None and f.birth_date.month == int(v)
    ),
    ("birthday_month", "this_month"): lambda f, v: (
        f.birth_date is not None and f.birth_date.month == 3
    ),
    ("follows_oa", "yes"): lambda f, v: f.follows_oa,
    ("follows_oa", "no"): lambda f, v: not f.follows_oa,
    ("has_phone", "yes"): lambda f, v: any(f.phones),
    ("has_phone", "no"): lambda f, v: not any(f.phones),
    ("has_zalo", "yes"): lambda f, v: f.has_zalo,
    ("has_zalo", "no"): lambda f, v: not f.has_zalo,
    ("marketing_consent", "yes"): lambda f, v: any(f.consents.values()),
    ("marketing_consent", "no"): lambda f, v: not any(f.consents.values()),
    ("days_since_last_order", "more_than"): lambda f, v: (
        f.order_days is not None and f.order_days > v
    ),
    ("days_since_last_order", "at_most"): lambda f, v: (
        f.order_days is not None and f.order_days <= v
    ),
    ("has_ordered", "yes"): lambda f, v: f.order_days is not None,
    ("has_ordered", "no"): lambda f, v: f.order_days is None,
    ("num_orders", "at_least"): lambda f, v: f.num_orders >= v,
    ("num_orders", "at_most"): lambda f, v: f.num_orders <= v,
    ("spend", "at_least"): lambda f, v: f.spend >= v,
    ("spend", "at_most"): lambda f, v: f.spend <= v,
}


def answer(node: dict[str, Any], facts: Facts) -> bool:
    """Evaluate a tree as one reads it."""
    if "all" in node:
        return all(answer(child, facts) for child in node["all"])
    if "any" in node:
        return any(answer(child, facts) for child in node["any"])
    if "not" in node:
        return not answer(node["not"], facts)
    value = node.get("value")
    value = 3 if value == "{days}" else value
    return bool(ANSWERS[node["field"], node["is"]](facts, value))


def values_for(name: str, question: str) -> st.SearchStrategy[Any]:
    if question in ("yes", "no", "this_month"):
        return st.none()
    choices: dict[str, tuple[Any, ...]] = {
        "tag": TAGS,
        "gender": ("female", "male", "other"),
        "province": PROVINCES[1:],
        "state": ("active", "blocked", "left"),
        "birthday_month": ("3", "12", "7"),
    }
    if name in choices:
        return st.sampled_from(choices[name])
    numbers = st.integers(0, 6)
    return numbers if name in ("num_orders", "spend") else numbers | st.just("{days}")


@st.composite
def leaves(draw: st.DrawFn) -> dict[str, Any]:
    name, question = draw(st.sampled_from(sorted(ANSWERS)))
    value = draw(values_for(name, question))
    node = {"field": name, "is": question}
    return node if value is None else node | {"value": value}


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
    # Messages, campaigns and tiers are asked about in tests of their own.
    above = {
        "reachable",
        "reached_by_campaign",
        "tier",
        "last_tier_event",
        "days_since_tier_change",
        "missing_to_next_tier",
        "tier_ends_in_days",
    }
    assert set(ANSWERS) == {
        (code, operator.code)
        for code, field in FIELDS.items()
        for operator in field.operators
        if code not in above
    }


@pytest.fixture
def people(db: None) -> dict[int, Facts]:
    """Sixty members of every kind."""
    chance = random.Random(45)
    tags = [Tag.objects.create(code=code, name=code) for code in TAGS]
    people = {}
    for number in range(NUM_MEMBERS):
        facts = make_facts(chance)
        people[store(number, facts, tags)] = facts
    return people


def store(number: int, facts: Facts, tags: list[Tag]) -> int:
    member = Member.objects.create(
        code=f"M{number}",
        joined_at=local_midday(TODAY - timedelta(days=facts.joined_days)),
        updated_at=local_midday(TODAY - timedelta(days=facts.updated_days)),
        gender=facts.gender,
        province=facts.province,
        state=facts.state,
        birth_date=facts.birth_date,
        follows_oa=facts.follows_oa,
    )
    for tag in tags:
        if tag.code in facts.tags:
            MemberTag.objects.create(member=member, tag=tag, tagged_at=AT, source="t")
    for index, works in enumerate(facts.phones):
        phone = f"+849{number:06}{index:02}"
        Identifier.objects.create(member=member, kind="phone", value=phone, is_valid=works)
    if facts.has_zalo:
        Identifier.objects.create(member=member, kind="zalo", value=f"z{number}")
    for channel, is_given in facts.consents.items():
        Consent.objects.create(
            member=member,
            purpose="marketing",
            channel=channel,
            is_given=is_given,
            changed_at=AT,
        )
    if facts.order_days is not None:
        last = TODAY - timedelta(days=facts.order_days)
        PurchaseSummary.objects.create(
            member=member,
            first_order_on=last,
            last_order_on=last,
            last_order_at=local_midday(last),
            num_orders=facts.num_orders,
            spend=Decimal(facts.spend),
        )
    return member.pk


# The people are only read, so they may be shared by all examples.
@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(tree=trees)
def test_any_tree_means_what_it_says(
    people: dict[int, Facts], tree: dict[str, Any]
) -> None:
    if depth(tree) > MAX_DEPTH:
        return
    validate_conditions(tree, {"days": 3})

    found = list(members_matching(tree, at=AT, parameters={"days": 3}))

    assert len(found) == len(set(found)), "nobody is found twice"
    assert {member.pk for member in found} == {
        pk for pk, facts in people.items() if answer(tree, facts)
    }
