"""Several vouchers on one basket: who goes first, who goes together, who stays out."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from core.errors import InvalidInput
from tests.rewards.discounts.helpers import (
    ask,
    asked,
    basket,
    line,
    products,
    taken,
    why_not,
)

CAFE = basket(
    line("CF", 45_000, 2, category="drinks"),
    line("TE", 30_000, 1, category="drinks"),
    line("CK", 80_000, 1, category="cakes"),
    delivery=25_000,
)
TEN = asked("TEN", percent=10, priority=20)
FIFTY = asked("FIFTY", "amount", amount=50_000, priority=10)
SHIP = asked("SHIP", "free_delivery", priority=30)


def test_one_after_the_other_by_priority() -> None:
    result = ask(CAFE, SHIP, TEN, FIFTY)

    assert [v.asked.code for v in result.vouchers] == ["FIFTY", "TEN", "SHIP"]
    # 10% of the 150,000 that the first leaves.
    assert taken(result) == {"FIFTY": 50_000, "TEN": 15_000, "SHIP": 25_000}
    assert (result.price, result.taken, result.paid) == (225_000, 90_000, 135_000)
    assert [int(row.paid) for row in result.lines] == [60_750, 20_250, 54_000]
    assert [int(row.taken) for row in result.lines] == [29_250, 9_750, 26_000]
    assert (result.delivery_fee, result.delivery_paid) == (25_000, 0)


@pytest.mark.parametrize(
    ("told", "ten"),
    [
        ({"priority": 20}, 15_000),
        ({"priority": 5}, 20_000),
        ({"priority": 20, "price": "shop"}, 20_000),
        # Of equal priority the code decides.
        ({"priority": 10}, 15_000),
    ],
)
def test_percent_before_or_after_another(told: dict[str, Any], ten: int) -> None:
    result = ask(CAFE, FIFTY, asked("TEN", percent=10, **told))

    assert taken(result) == {"FIFTY": 50_000, "TEN": ten}


@pytest.mark.parametrize(("price", "taken_off"), [("rest", 7_500), ("shop", 12_500)])
def test_percent_of_what_is_left_of_delivery(price: str, taken_off: int) -> None:
    first = asked("A", "amount", amount=10_000, scope="delivery")
    result = ask(CAFE, first, asked("B", percent=50, scope="delivery", price=price))

    assert taken(result) == {"A": 10_000, "B": taken_off}


def test_the_order_of_asking_does_not_matter() -> None:
    vouchers = [TEN, FIFTY, SHIP, asked("ALONE", percent=40, exclusive=True)]

    results = {str(ask(CAFE, *told).to_json()) for told in permutations(vouchers)}

    assert len(results) == 1


# --- Exclusive vouchers -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("percent", "expected", "reasons"),
    [
        # The others take 65,000 together.
        (32, {"FIFTY": 50_000, "TEN": 15_000, "ALONE": 0}, {"ALONE": "alone"}),
        (
            33,
            {"FIFTY": 0, "TEN": 0, "ALONE": 66_000},
            {"FIFTY": "other_alone", "TEN": "other_alone"},
        ),
    ],
)
def test_an_exclusive_voucher_against_the_others(
    percent: int, expected: dict[str, int], reasons: dict[str, str]
) -> None:
    alone = asked("ALONE", percent=percent, exclusive=True)
    result = ask(CAFE, FIFTY, TEN, alone)

    assert taken(result) == expected
    assert why_not(result) == reasons


def test_of_two_exclusive_vouchers_the_better_counts() -> None:
    result = ask(
        CAFE,
        asked("A", percent=10, exclusive=True, priority=1),
        asked("B", percent=11, exclusive=True, priority=2),
    )
    assert taken(result) == {"A": 0, "B": 22_000}
    assert why_not(result) == {"A": "other_alone"}


def test_of_equal_ones_priority_decides_and_then_the_code() -> None:
    told = {"amount": 20_000, "exclusive": True}

    result = ask(CAFE, asked("A", "amount", **told), asked("B", "amount", **told))
    assert taken(result) == {"A": 20_000, "B": 0}
    result = ask(
        CAFE, asked("A", "amount", **told), asked("B", "amount", priority=1, **told)
    )
    assert taken(result) == {"A": 0, "B": 20_000}


def test_of_equal_combinations_the_one_that_uses_up_fewer() -> None:
    half = [asked(code, "amount", amount=10_000, priority=1) for code in "AB"]
    alone = asked("C", "amount", amount=20_000, exclusive=True, priority=9)

    assert taken(ask(CAFE, *half, alone)) == {"A": 0, "B": 0, "C": 20_000}


def test_an_exclusive_voucher_that_takes_nothing_stands_in_nobodys_way() -> None:
    alone = asked("ALONE", percent=90, exclusive=True, minimum_value=1_000_000)
    result = ask(CAFE, alone, TEN)

    assert taken(result) == {"TEN": 20_000, "ALONE": 0}
    assert why_not(result) == {"ALONE": "minimum_value"}


# --- Groups and numbers -------------------------------------------------------------------


def test_of_a_group_the_best_counts() -> None:
    result = ask(
        CAFE,
        asked("A", percent=10, group="birthday", priority=1),
        asked("B", percent=15, group="birthday", priority=2),
        asked("C", percent=5, group="other", priority=3),
        asked("D", percent=1, priority=4),
    )
    # 30,000 of 200,000, 8,500 of 170,000, 1,615 of 161,500.
    assert taken(result) == {"A": 0, "B": 30_000, "C": 8_500, "D": 1_615}
    assert why_not(result) == {"A": "group"}


def test_the_best_of_a_group_is_what_is_best_for_the_whole_order() -> None:
    """A takes more off alone, but then B no longer reaches its minimum."""
    told = {"amount": 40_000, "minimum_value": 190_000, "counted_price": "rest"}
    late = asked("Z", "amount", priority=3, **told)
    big = asked("A", "amount", amount=30_000, group="x", priority=1)
    small = asked("B", "amount", amount=10_000, group="x", priority=2)

    assert taken(ask(CAFE, big, small, late)) == {"A": 0, "B": 10_000, "Z": 40_000}


def test_at_most_so_many_vouchers() -> None:
    result = ask(CAFE, TEN, FIFTY, SHIP, most_vouchers=2)

    assert taken(result) == {"FIFTY": 50_000, "TEN": 0, "SHIP": 25_000}
    assert why_not(result) == {"TEN": "too_many"}
    assert taken(ask(CAFE, TEN, FIFTY, SHIP, most_vouchers=1))["FIFTY"] == 50_000
    assert not why_not(ask(CAFE, TEN, FIFTY, SHIP, most_vouchers=3))


def test_a_voucher_that_takes_nothing_uses_up_no_place() -> None:
    result = ask(CAFE, FIFTY, asked("NO", percent=5, store_ids=[1]), SHIP, most_vouchers=2)

    assert taken(result) == {"FIFTY": 50_000, "SHIP": 25_000, "NO": 0}


def test_a_voucher_that_costs_more_than_it_brings_stays_out() -> None:
    """One dong off would push the next voucher below its minimum."""
    small = asked("A", "amount", amount=1, priority=1)
    big = asked("B", percent=50, minimum_value=200_000, counted_price="rest")
    result = ask(CAFE, small, big)

    assert taken(result) == {"A": 0, "B": 100_000}
    assert why_not(result) == {"A": "better_without"}
    assert result.vouchers[0].said[0].sentence == (
        "Without it you save at least as much, with “B”."
    )


def test_what_is_all_taken_leaves_nothing_for_the_next() -> None:
    result = ask(CAFE, asked("A", percent=100), asked("B", percent=10), SHIP)

    assert taken(result) == {"A": 200_000, "B": 0, "SHIP": 25_000}
    assert why_not(result) == {"B": "nothing_left"}
    assert result.paid == 0


def test_one_voucher_is_enough_where_two_take_no_more() -> None:
    told = {"amount": 200_000}

    result = ask(CAFE, asked("A", "amount", **told), asked("B", "amount", **told))
    assert (taken(result), why_not(result)) == (
        {"A": 200_000, "B": 0},
        {"B": "nothing_left"},
    )


# --- Pieces -------------------------------------------------------------------------------


def test_no_piece_is_given_twice() -> None:
    coffee = basket(line("CF", 40_000, 2))
    one = {"products": products(skus=["CF"])}
    result = ask(coffee, *(asked(c, "free_product", **one) for c in "ABC"))

    assert taken(result) == {"A": 40_000, "B": 40_000, "C": 0}
    assert why_not(result) == {"C": "pieces"}


def test_a_bought_piece_counts_for_one_voucher() -> None:
    coffee = basket(line("CF", 40_000, 3))
    result = ask(coffee, asked("A", "buy_get", times=1), asked("B", "buy_get"))

    assert taken(result) == {"A": 40_000, "B": 0}
    assert why_not(result) == {"B": "pieces"}

    four = basket(line("CF", 40_000, 4))
    both = [asked(code, "buy_get", times=1) for code in "AB"]
    assert taken(ask(four, *both)) == {"A": 40_000, "B": 40_000}


def test_pieces_that_complete_no_group_stay_for_another_voucher() -> None:
    """Of three coffees one is bought and one given; the third counts for nothing yet."""
    third = asked("B", "free_product", products=products(skus=["CF"]))
    result = ask(basket(line("CF", 40_000, 3)), asked("A", "buy_get"), third)

    assert taken(result) == {"A": 40_000, "B": 40_000}


def test_exactly_what_was_bought_and_given_is_counted() -> None:
    """Of a dear tea and three coffees, tea and one coffee make the only group."""
    rest = asked("B", "free_product", products=products(categories=["drinks"]), get=2)
    bought = basket(
        line("TE", 50_000, category="drinks"), line("CF", 40_000, 3, category="drinks")
    )
    group = asked("A", "buy_get", times=1)
    assert taken(ask(bought, group, rest)) == {"A": 40_000, "B": 80_000}

    sets = {
        "products": products(skus=["CF"]),
        "given_products": products(skus=["TE"]),
    }
    two = asked("A", "buy_get", buy=2, **sets)
    assert taken(ask(bought, two, rest)) == {"A": 50_000, "B": 40_000}


def test_no_more_is_bought_than_what_is_given_needs() -> None:
    """One coffee is bought for the only cake; the other four stay for another voucher."""
    sets = {
        "products": products(skus=["CF"]),
        "given_products": products(skus=["CK"]),
    }
    four = asked("B", "free_product", products=products(skus=["CF"]), get=9)
    bought = basket(line("CF", 40_000, 5), line("CK", 60_000))

    assert taken(ask(bought, asked("A", "buy_get", **sets), four)) == {
        "A": 60_000,
        "B": 160_000,
    }


def test_percent_after_a_free_piece_is_of_what_is_left() -> None:
    """One of two coffees is free; 10% of the other and of the cake."""
    bought = basket(line("CF", 40_000, 2), line("CK", 60_000))
    one = asked("A", "free_product", products=products(skus=["CF"]))
    result = ask(bought, one, asked("B", percent=10))

    assert taken(result) == {"A": 40_000, "B": 10_000}
    assert [int(row.paid) for row in result.lines] == [36_000, 54_000]


@pytest.mark.parametrize(
    ("kind", "told", "taken_off"),
    [
        # A tenth of the coffee that is still paid for, in the list or in the shop.
        ("percent", {"percent": 10, "price": "list"}, 5_000),
        ("percent", {"percent": 10, "price": "shop"}, 4_000),
        # Of the 10,000 for the free one nothing more can be taken.
        ("percent", {"percent": 10}, 4_000),
        # The other coffee, too, comes down to its lowest price.
        ("amount", {"amount": 30_000}, 30_000),
    ],
)
def test_what_the_other_pieces_of_a_line_are_worth(
    kind: str, told: dict[str, Any], taken_off: int
) -> None:
    """Two coffees at 50,000 in the list, 40,000 in the shop, 10,000 at least; one free."""
    bought = basket(line("CF", 50_000, 2, discount=20_000, floor=10_000))
    one = asked("A", "free_product", products=products(skus=["CF"]), priority=1)
    result = ask(bought, one, asked("B", kind, **told))

    assert taken(result) == {"A": 30_000, "B": taken_off}


def test_a_free_piece_after_percent_is_worth_what_is_left_of_it() -> None:
    bought = basket(line("CF", 40_000, 2), line("CK", 60_000))
    told = {"products": products(skus=["CF"]), "priority": 200}
    ten = asked("A", percent=10)

    assert taken(ask(bought, ten, asked("B", "free_product", **told)))["B"] == 36_000
    before = asked("B", "free_product", price="shop", **told)
    # A whole piece, but no more than is still to be paid for it.
    assert taken(ask(bought, ten, before))["B"] == 36_000


# --- What is said -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("vouchers", "told", "sentences"),
    [
        (
            [TEN, asked("ALL", percent=50, exclusive=True)],
            {},
            ["“ALL” is used instead: it goes together with no other voucher."],
        ),
        (
            [FIFTY, asked("ALL", percent=20, exclusive=True)],
            {},
            ["It goes together with no other voucher; used instead: “FIFTY”."],
        ),
        (
            [asked("A", percent=1, group="g"), asked("B", percent=2, group="g")],
            {},
            ["It does not go together with “B”, which is used instead."],
        ),
        (
            [FIFTY, TEN],
            {"most_vouchers": 1},
            ["For one order at most 1 can be used; used instead: “FIFTY”."],
        ),
    ],
)
def test_why_a_voucher_stays_out(
    vouchers: list[Any], told: dict[str, Any], sentences: list[str]
) -> None:
    result = ask(CAFE, *vouchers, **told)

    assert [v.why_not.sentence for v in result.vouchers if v.why_not] == sentences


def test_too_many_or_the_same_twice_are_refused() -> None:
    many = [asked(str(number), percent=1) for number in range(11)]

    with pytest.raises(InvalidInput, match="at most 10 vouchers"):
        ask(CAFE, *many)
    assert len(ask(CAFE, *many[:10]).vouchers) == 10
    with pytest.raises(InvalidInput, match="told twice"):
        ask(CAFE, TEN, TEN)


def test_the_result_as_plain_values() -> None:
    told = ask(CAFE, FIFTY, asked("B", percent=5, store_ids=[1])).to_json()

    assert told["vouchers"] == [
        {
            "code": "FIFTY",
            "taken": "50000",
            "lines": ["22500", "7500", "20000"],
            "delivery": "0",
            "why_not": "",
            "said": ["50.000 ₫ off."],
        },
        {
            "code": "B",
            "taken": "0",
            "lines": ["0", "0", "0"],
            "delivery": "0",
            "why_not": "store",
            "said": ["It does not work in this store."],
        },
    ]
    assert told["lines"][0] == {
        "key": "CF",
        "quantity": "2",
        "price": "90000",
        "taken": "22500",
        "paid": "67500",
    }
    assert (told["price"], told["taken"], told["paid"]) == ("225000", "50000", "175000")


@pytest.mark.parametrize(
    ("percent", "paid", "unused"),
    [
        (32, [60_750, 20_250, 54_000, 0], {"ALONE": "alone"}),
        (
            46,
            [48_600, 16_200, 43_200, 25_000],
            dict.fromkeys(("FIFTY", "TEN", "SHIP"), "other_alone"),
        ),
    ],
)
def test_the_example_of_the_documentation(
    percent: int, paid: list[int], unused: dict[str, str]
) -> None:
    alone = asked("ALONE", percent=percent, exclusive=True)
    result = ask(CAFE, FIFTY, TEN, SHIP, alone)

    assert [*(int(row.paid) for row in result.lines), int(result.delivery_paid)] == paid
    assert why_not(result) == unused
