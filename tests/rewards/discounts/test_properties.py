"""What holds for every basket and every set of vouchers."""

from __future__ import annotations

import random
from decimal import Decimal

from hypothesis import event, given, settings
from hypothesis import strategies as st

from core.money import format_money
from rewards.discounts.basket import Asked, Basket
from rewards.discounts.faults import faults
from rewards.discounts.kinds import most
from rewards.discounts.owed import LineUnits, first_owed
from rewards.discounts.prepared import prepare
from rewards.discounts.results import Result
from rewards.discounts.sentence import describe
from rewards.discounts.terms import Terms
from tests.rewards.discounts.helpers import ask, context
from tests.rewards.discounts.strategies import baskets, terms, vouchers


def assert_adds_up(result: Result, *, decimals: int = 0) -> None:
    for voucher in result.vouchers:
        assert min(*voucher.lines, voucher.delivery, Decimal(0)) == 0
        assert sum(voucher.lines) + voucher.delivery == voucher.taken
        assert voucher.is_used == (voucher.why_not is None)
        assert all(said.sentence for said in voucher.said)
        assert voucher.said
        cap = voucher.asked.terms.at_most
        assert cap is None or voucher.taken <= cap
    for place, row in enumerate(result.lines):
        assert row.taken == sum(v.lines[place] for v in result.vouchers)
        assert row.price - row.taken == row.paid
        units = LineUnits.of(row.line, decimals)
        floor = Decimal(units.floor).scaleb(-decimals)
        assert row.paid >= max(Decimal(0), min(row.price, floor))
        assert row.paid == round(row.paid, decimals)
    fee = sum(v.delivery for v in result.vouchers)
    assert result.delivery_fee - fee == result.delivery_paid >= 0
    assert result.price - result.taken == result.paid
    assert 0 <= result.taken <= result.price


@given(baskets(), vouchers(4), st.sampled_from([None, 1, 2]))
@settings(max_examples=300, deadline=None)
def test_everything_adds_up(bought: Basket, told: list[Asked], at_most: int | None) -> None:
    result = ask(bought, *told, most_vouchers=at_most)

    for voucher in result.vouchers:
        said = voucher.why_not.code if voucher.why_not else "used"
        event(f"{voucher.asked.terms.kind.value}: {said}")
    assert_adds_up(result)


@given(baskets(cents="0.37"), vouchers(3))
@settings(deadline=None)
def test_everything_adds_up_in_cents(bought: Basket, told: list[Asked]) -> None:
    assert_adds_up(ask(bought, *told, currency="USD", decimals=2), decimals=2)


@given(baskets(), vouchers(4), st.sampled_from([None, 1, 2]), st.integers(0, 3))
@settings(max_examples=300, deadline=None)
def test_one_voucher_more_never_makes_it_dearer(
    bought: Basket, told: list[Asked], at_most: int | None, place: int
) -> None:
    without = [v for n, v in enumerate(told) if n != place]
    before = ask(bought, *without, most_vouchers=at_most)

    assert ask(bought, *told, most_vouchers=at_most).paid <= before.paid


@given(baskets(), vouchers(4), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_order_of_asking_does_not_matter(
    bought: Basket, told: list[Asked], chance: random.Random
) -> None:
    mixed = list(told)
    chance.shuffle(mixed)

    assert ask(bought, *mixed) == ask(bought, *told)


@given(baskets(), vouchers(4), st.sampled_from([None, 1, 2]))
@settings(deadline=None)
def test_who_counts_may_count_together(
    bought: Basket, told: list[Asked], at_most: int | None
) -> None:
    result = ask(bought, *told, most_vouchers=at_most)
    used = [v.asked for v in result.vouchers if v.is_used]
    groups = [a.terms.group for a in used if a.terms.group]

    assert at_most is None or len(used) <= at_most
    assert len(set(groups)) == len(groups)
    assert len(used) < 2 or not any(a.terms.exclusive for a in used)
    # Who does not count changes nothing.
    again = ask(bought, *used, most_vouchers=at_most)
    assert [row.paid for row in again.lines] == [row.paid for row in result.lines]
    assert again.taken == result.taken


@given(baskets(), vouchers(3))
@settings(max_examples=200, deadline=None)
def test_no_voucher_surpasses_its_ceiling(bought: Basket, told: list[Asked]) -> None:
    """The search leaves out what cannot win any more; it has to be right about that."""
    lines = [LineUnits.of(line, 0) for line in bought.lines]
    first = first_owed(lines, bought, 0)
    for some in (told, *([one] for one in told)):
        for voucher in ask(bought, *some).vouchers:
            ceiling = most(prepare(voucher.asked, lines, context()), first)
            assert voucher.taken <= ceiling


@given(terms())
@settings(deadline=None)
def test_terms_survive_json_and_say_what_they_are(told: Terms) -> None:
    assert Terms.from_json(told.to_json()) == told
    text = describe(told, currency="VND")
    assert text.endswith(".")
    assert "%(" not in text
    if told.at_most is not None and told.kind != "partner" and not faults(told):
        assert format_money(told.at_most, "VND") in text
