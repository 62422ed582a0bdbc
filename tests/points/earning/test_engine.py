"""The engine, rule by rule: exact points, and a sentence for every no."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.money import spread_whole
from points.earning.basket import Basket, BasketLine
from points.earning.context import Context
from points.earning.definition import Band, Definition
from points.earning.engine import RuleTrace, evaluate, ready

# A Monday, two in the afternoon in Ho Chi Minh City.
AT = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
HCM = ZoneInfo("Asia/Ho_Chi_Minh")
COFFEE = BasketLine("CF", "coffee", "Highland", ("new",), Decimal(2), Decimal(80_000))
TEA = BasketLine("TE", "tea", "Phúc", (), Decimal(1), Decimal(20_000))


def rule(code: str = "base", **told: Any) -> Definition:
    for name in ("skus", "categories", "brands", "labels", "channels", "payment_methods"):
        for field in (name, f"excluded_{name}"):
            if field in told:
                told[field] = frozenset(told[field])
    return Definition(**{"rule_id": 1, "code": code, "version": 1, "wallet_id": 1, **told})


def basket(total: int | str = 100_000, **told: Any) -> Basket:
    facts = {"id": 1, "member_id": 1, "happened_at": AT, "day": date(2026, 3, 2)}
    return Basket(**{**facts, "total": Decimal(total), **told})


def give(b: Basket, *rules: Definition, context: Context | None = None) -> dict[str, int]:
    evaluation = evaluate(b, ready(rules), context or Context(zone=HCM))
    return {award.definition.code: award.points for award in evaluation.awards}


def trace(b: Basket, *rules: Definition, context: Context | None = None) -> list[RuleTrace]:
    context = context or Context(zone=HCM)
    return list(evaluate(b, ready(rules), context, explain=True).trace)


@pytest.mark.parametrize(
    ("told", "points"),
    [
        ({}, 10),
        ({"points": 3, "amount": Decimal(40_000)}, 7),
        ({"points": 3, "amount": Decimal(40_000), "rounding": "half_up"}, 8),
        ({"points": 3, "amount": Decimal(70_000), "rounding": "up"}, 5),
        ({"method": "fixed", "points": 25}, 25),
        ({"method": "per_unit", "points": 2, "amount": Decimal(1)}, 6),
        ({"scope": "lines", "categories": ["coffee"]}, 8),
        ({"scope": "lines", "brands": ["phúc"]}, 2),
        ({"scope": "lines", "labels": ["new"], "method": "per_unit", "amount": 1}, 2),
        ({"scope": "lines", "skus": ["te", "cf"]}, 10),
        ({"scope": "lines", "excluded_skus": ["te"]}, 8),
        ({"excluded_categories": ["coffee"]}, 2),
        ({"categories": ["coffee"]}, 10),
    ],
)
def test_what_a_rule_counts(told: dict[str, Any], points: int) -> None:
    assert give(basket(lines=(COFFEE, TEA)), rule(**told)) == {"base": points}


@pytest.mark.parametrize(
    ("basis", "points"),
    [
        ({"without_points": False}, 100),
        ({}, 90),
        ({"before_discount": True}, 110),
        ({"before_voucher": True}, 95),
        ({"without_tax": True}, 80),
        ({"without_delivery": True}, 87),
        ({"before_discount": True, "without_tax": True, "without_delivery": True}, 97),
    ],
)
def test_the_basis_is_explicit(basis: dict[str, bool], points: int) -> None:
    bought = basket(
        100_000,
        discount=Decimal(20_000),
        voucher_discount=Decimal(5_000),
        tax=Decimal(10_000),
        delivery_fee=Decimal(3_000),
        points_amount=Decimal(10_000),
    )
    assert give(bought, rule(amount=Decimal(1000), **basis)) == {"base": points}


@pytest.mark.parametrize(
    ("total", "points"),
    [(99_999, None), (100_000, 5), (199_999, 5), (200_000, 12), (500_000, 50)],
)
def test_bands_by_the_size_of_the_invoice(total: int, points: int | None) -> None:
    bands = (
        Band(Decimal(100_000), 5),
        Band(Decimal(200_000), 12),
        Band(Decimal(500_000), 1, Decimal(10_000)),
    )
    expected = {} if points is None else {"base": points}
    assert give(basket(total), rule(method="bands", bands=bands)) == expected


def test_multipliers_add_to_the_base_and_extras_come_on_top() -> None:
    given_points = give(
        basket(),
        rule("a"),
        rule("x2", method="multiplier", factor=Decimal(2)),
        rule("x1.5", method="multiplier", factor=Decimal("1.5")),
        rule("extra", method="extra", points=7),
    )
    assert given_points == {"a": 10, "x2": 10, "x1.5": 5, "extra": 7}


def test_a_multiplier_on_products_multiplies_their_share() -> None:
    doubled = rule(
        "x2", method="multiplier", factor=Decimal(2), scope="lines", categories=["tea"]
    )
    assert give(basket(lines=(COFFEE, TEA)), rule("a"), doubled) == {"a": 10, "x2": 2}


def test_without_base_points_there_is_nothing_to_multiply() -> None:
    assert give(basket(), rule("x2", method="multiplier")) == {}


def test_only_the_best_of_a_group_counts() -> None:
    told = {"stacking": "best", "group": "day"}
    rules = [
        rule("small", method="fixed", points=3, **told),
        rule("big", method="fixed", points=8, **told),
        rule("other", method="fixed", points=1, stacking="best", group="else"),
        rule("free", method="fixed", points=2),
    ]
    assert give(basket(), *rules) == {"big": 8, "other": 1, "free": 2}
    reasons = {t.definition.code: t.reasons for t in trace(basket(), *rules) if not t.fired}
    assert reasons == {"small": ("The rule “big” of the same group gives more.",)}


def test_an_exclusive_rule_counts_alone() -> None:
    rules = [
        rule("a"),
        rule("vip", method="fixed", points=3, stacking="exclusive"),
        rule("x2", method="multiplier"),
        rule("extra", method="extra", points=7),
    ]
    assert give(basket(), *rules) == {"vip": 3}
    assert {t.reasons[-1] for t in trace(basket(), *rules) if not t.fired} == {
        "The rule “vip” counts alone."
    }


def test_an_exclusive_rule_that_gives_nothing_silences_nobody() -> None:
    vip = rule("vip", minimum_total=Decimal(200_000), stacking="exclusive")
    assert give(basket(), rule("a"), vip) == {"a": 10}


def test_stop_here_ends_the_asking() -> None:
    rules = [
        rule("first", priority=1, stops_here=True),
        rule("second", priority=2),
        rule("extra", method="extra", points=7),
    ]
    assert give(basket(), *rules) == {"first": 10}
    assert give(basket(5_000), *rules) == {"extra": 7}


def test_each_wallet_is_asked_by_itself() -> None:
    stop = rule("a", stops_here=True)
    other = rule("q", wallet_id=2, points=2)
    assert give(basket(), stop, other) == {"a": 10, "q": 20}


CONTEXT = Context(
    zone=HCM,
    segments={7: {1}},
    order_numbers={1: 3},
    birthdays={1: date(1990, 3, 1)},
    holidays={date(2026, 3, 2)},
)


@pytest.mark.parametrize(
    ("told", "why_not"),
    [
        ({"minimum_total": Decimal(100_000)}, None),
        ({"minimum_total": Decimal(100_001)}, "The order is below 100.001 ₫."),
        ({"starts_at": AT}, None),
        ({"starts_at": AT.replace(minute=1)}, "The rule had not begun yet."),
        ({"ends_at": AT.replace(minute=1)}, None),
        ({"ends_at": AT}, "The rule had ended."),
        ({"weekdays": (1,)}, None),
        ({"weekdays": (2, 7)}, "It is not one of the weekdays of the rule."),
        ({"from_time": time(14, 0), "until_time": time(14, 1)}, None),
        ({"from_time": time(12, 0), "until_time": time(14, 0)}, "It is outside the hours"),
        ({"from_time": time(22, 0), "until_time": time(14, 30)}, None),
        ({"from_time": time(22, 0), "until_time": time(2, 0)}, "It is outside the hours"),
        ({"holidays": "only"}, None),
        ({"holidays": "except"}, "The day is a public holiday."),
        ({"store_ids": frozenset({4})}, None),
        ({"store_ids": frozenset({5})}, "It was not bought in one of the stores"),
        ({"channels": ["web"]}, None),
        ({"channels": ["store"]}, "It did not come through one of the channels"),
        ({"payment_methods": ["momo"]}, None),
        ({"payment_methods": ["cash"]}, "It was paid in another way."),
        ({"promo_code": "tet26"}, None),
        ({"promo_code": "tet27"}, "The promo code was not given."),
        ({"skus": ["none"]}, "None of the products of the rule was bought."),
        ({"segment_id": 7}, None),
        ({"segment_id": 8}, "The member is not in the group of the rule."),
        ({"nth_order": 3}, None),
        ({"nth_order": 1}, "It is the member's order number 3."),
        ({"birthday": "day"}, "It is not the time of the member's birthday."),
        ({"birthday": "week"}, None),
        ({"birthday": "month"}, None),
        ({"trigger": "sign_up"}, "The rule is about something else."),
    ],
)
def test_every_condition_holds_or_says_why_not(
    told: dict[str, Any], why_not: str | None
) -> None:
    bought = basket(store_id=4, channel="web", payment_method="MoMo", promo_code="TET26")
    (step,) = trace(bought, rule(**told), context=CONTEXT)
    assert step.fired == (why_not is None), step.reasons
    if why_not:
        assert step.reasons[0].startswith(why_not)
        assert give(bought, rule(**told), context=CONTEXT) == {}


@pytest.mark.parametrize(
    ("born", "day", "fits"),
    [
        (date(2000, 2, 29), date(2026, 2, 28), True),
        (date(2000, 2, 29), date(2028, 2, 29), True),
        (date(2000, 2, 29), date(2028, 2, 28), False),
        (date(2000, 12, 31), date(2027, 1, 5), True),
        (date(2000, 12, 31), date(2027, 1, 7), False),
    ],
)
def test_birthdays_around_the_ends_of_years(born: date, day: date, fits: bool) -> None:
    span = "day" if born.month == 2 else "week"
    bought = basket(day=day)
    context = Context(zone=HCM, birthdays={1: born})
    assert bool(give(bought, rule(birthday=span), context=context)) == fits


def test_a_refund_takes_the_member_for_granted() -> None:
    first = rule(nth_order=1, segment_id=9, birthday="day", minimum_total=Decimal(60_000))
    asked = evaluate(basket(60_000), ready([first]), Context(zone=HCM), settled=True)
    assert [award.points for award in asked.awards] == [6]
    less = evaluate(basket(59_999), ready([first]), Context(zone=HCM), settled=True)
    assert less.awards == ()


def test_the_trace_says_the_sum_and_the_lines() -> None:
    (step,) = trace(basket(lines=(COFFEE, TEA)), rule())
    assert step.reasons == ("1 for each 10.000 ₫ of 100.000 ₫: 10, round down.",)
    assert step.lines == (8, 2)


amounts = st.integers(0, 5_000_000).map(Decimal)
rules_drawn = st.lists(
    st.builds(
        rule,
        code=st.sampled_from("abcdefgh"),
        method=st.sampled_from(["per_amount", "fixed", "multiplier", "extra"]),
        points=st.integers(1, 50),
        amount=st.integers(1, 100_000).map(Decimal),
        factor=st.integers(1, 5).map(Decimal),
        stacking=st.sampled_from(["add", "best", "exclusive"]),
        group=st.sampled_from(["x", "y"]),
        priority=st.integers(1, 3),
        stops_here=st.booleans(),
        minimum_total=amounts,
        wallet_id=st.integers(1, 2),
    ),
    max_size=7,
    unique_by=lambda d: d.code,
)


@given(rules_drawn, amounts, st.randoms(use_true_random=False))
def test_the_order_in_which_rules_are_read_changes_nothing(
    rules: list[Definition], total: Decimal, random: Any
) -> None:
    first = give(basket(str(total)), *rules)
    random.shuffle(rules)
    assert give(basket(str(total)), *rules) == first
    assert all(points > 0 for points in first.values())


@given(rules_drawn, amounts)
def test_explaining_gives_the_same_and_names_every_rule(
    rules: list[Definition], total: Decimal
) -> None:
    steps = trace(basket(str(total)), *rules)
    assert sorted(s.definition.code for s in steps) == sorted(d.code for d in rules)
    fired = {s.definition.code: s.points for s in steps if s.fired}
    assert fired == give(basket(str(total)), *rules)
    assert all(s.reasons and all(s.reasons) for s in steps if not s.fired)


@given(st.integers(0, 10_000), st.lists(st.integers(0, 1000).map(Decimal), min_size=1))
def test_parts_of_lines_add_up(points: int, weights: list[Decimal]) -> None:
    parts = spread_whole(points, weights)
    assert sum(parts) == points
    assert all(part >= 0 for part in parts)
