"""Each kind of voucher, alone: numbers worked out by hand, and both sides of each limit."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from rewards.discounts.basket import Basket
from tests.rewards.discounts.helpers import (
    ask,
    asked,
    basket,
    line,
    off,
    off_lines,
    products,
    reason,
)

COFFEE = line("CF", 45_000, 2, category="drinks", brand="Highland", labels=("new",))
TEA = line("TE", 30_000, 1, category="drinks", brand="Phúc", labels=("sale",))
CAKE = line("CK", 80_000, 1, category="cakes", brand="Phúc")
# 90,000 + 30,000 + 80,000.
CAFE = basket(COFFEE, TEA, CAKE, delivery=25_000)


# --- Percent ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "parts"),
    [
        ({"percent": 20}, [18_000, 6_000, 16_000]),
        ({"percent": "12.5"}, [11_250, 3_750, 10_000]),
        ({"percent": 100}, [90_000, 30_000, 80_000]),
        ({"percent": 20, "on": ["drinks"]}, [18_000, 6_000, 0]),
        ({"percent": 20, "on": ["DRINKS"]}, [18_000, 6_000, 0]),
        ({"percent": 20, "at_most": 10_000}, [4_500, 1_500, 4_000]),
        ({"percent": 20, "at_most": 39_999}, [17_999, 6_000, 16_000]),
        ({"percent": 20, "at_most": 40_000}, [18_000, 6_000, 16_000]),
        ({"percent": 20, "at_most": 40_001}, [18_000, 6_000, 16_000]),
    ],
)
def test_percent(told: dict[str, Any], parts: list[int]) -> None:
    assert off_lines(CAFE, **told) == parts


@pytest.mark.parametrize(
    ("choice", "parts"),
    [
        ({"skus": ["cf"]}, [9_000, 0, 0]),
        ({"categories": ["drinks"]}, [9_000, 3_000, 0]),
        ({"brands": ["phúc"]}, [0, 3_000, 8_000]),
        ({"labels": ["new", "sale"]}, [9_000, 3_000, 0]),
        ({"skus": ["CK"], "labels": ["Sale"]}, [0, 3_000, 8_000]),
    ],
)
def test_chosen_products(choice: dict[str, list[str]], parts: list[int]) -> None:
    chosen = products(**choice)
    assert off_lines(CAFE, percent=10, scope="lines", products=chosen) == parts


@pytest.mark.parametrize(
    ("excluded", "parts"),
    [
        ({"skus": ["cf"]}, [0, 3_000, 8_000]),
        ({"categories": ["cakes"]}, [9_000, 3_000, 0]),
        ({"brands": ["Phúc"]}, [9_000, 0, 0]),
        ({"labels": ["NEW"]}, [0, 3_000, 8_000]),
    ],
)
def test_excluded_products(excluded: dict[str, list[str]], parts: list[int]) -> None:
    assert off_lines(CAFE, percent=10, excluded=products(**excluded)) == parts


def test_chosen_and_excluded() -> None:
    told = {"on": ["drinks"], "excluded": products(labels=["sale"])}

    assert off_lines(CAFE, percent=10, **told) == [9_000, 0, 0]


def test_chosen_for_the_whole_order_has_to_be_in_the_basket() -> None:
    told = {"percent": 10, "scope": "order"}

    assert off(CAFE, products=products(skus=["CK"]), **told) == 20_000
    assert reason(CAFE, products=products(skus=["XX"]), **told) == "no_product"
    only_excluded = {"products": products(skus=["CK"]), "excluded": products(skus=["CK"])}
    assert reason(CAFE, **only_excluded, **told) == "no_product"


@pytest.mark.parametrize(
    ("rounding", "whole", "parts"),
    [("down", 3_333, [1_111, 1_111, 1_111]), ("half_up", 3_333, [1_111] * 3)],
)
def test_percent_is_rounded_once(rounding: str, whole: int, parts: list[int]) -> None:
    three = basket(*(line(key, 11_111) for key in "ABC"))

    assert off(three, percent=10, rounding=rounding) == whole
    assert off_lines(three, percent=10, rounding=rounding) == parts


@pytest.mark.parametrize(
    ("price", "rounding", "taken"),
    [
        (104, "down", 10),
        (104, "half_up", 10),
        (104, "up", 11),
        (105, "down", 10),
        (105, "half_up", 11),
        (105, "up", 11),
        (100, "up", 10),
    ],
)
def test_rounding(price: int, rounding: str, taken: int) -> None:
    assert off(basket(line("A", price)), percent=10, rounding=rounding) == taken


def test_what_rounds_to_nothing_is_not_used() -> None:
    assert reason(basket(line("A", 9)), percent=10) == "too_small"
    assert off(basket(line("A", 10)), percent=10) == 1


def test_units_left_over_go_to_the_largest_remainders() -> None:
    """10% of 1,666 is 166: 33.3 + 33.3 + 100.0 cut is 166 with one more for the first."""
    bought = basket(line("A", 333), line("B", 333), line("C", 1_000))

    assert off_lines(bought, percent=10) == [33, 33, 100]
    assert off_lines(bought, percent=10, rounding="up") == [34, 33, 100]
    assert off_lines(bought, "amount", amount=2) == [1, 0, 1]


def test_a_currency_with_cents() -> None:
    bought = basket(line("A", "3.33"), line("B", "3.33"), line("C", "3.35"))
    result = ask(bought, asked("V", percent=10), currency="USD", decimals=2)

    assert [str(row.taken) for row in result.lines] == ["0.33", "0.33", "0.34"]
    assert (str(result.taken), str(result.paid)) == ("1.00", "9.01")


def test_percent_before_or_after_what_the_shop_took_off() -> None:
    bought = basket(line("A", 100_000, discount=30_000))

    assert off(bought, percent=20, price="list") == 20_000
    assert off(bought, percent=20, price="shop") == 14_000
    assert off(bought, percent=20, price="rest") == 14_000
    assert off(bought, percent=80, price="list") == 70_000


# --- Amounts ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "parts"),
    [
        ({"amount": 50_000}, [22_500, 7_500, 20_000]),
        ({"amount": 199_999}, [89_999, 30_000, 80_000]),
        ({"amount": 200_000}, [90_000, 30_000, 80_000]),
        ({"amount": 200_001}, [90_000, 30_000, 80_000]),
        ({"amount": 50_000, "on": ["drinks"]}, [37_500, 12_500, 0]),
        ({"amount": 50_000, "at_most": 20_000}, [9_000, 3_000, 8_000]),
        ({"amount": 1}, [1, 0, 0]),
    ],
)
def test_amount(told: dict[str, Any], parts: list[int]) -> None:
    assert off_lines(CAFE, "amount", **told) == parts


def test_what_is_left_of_an_amount_is_said() -> None:
    (voucher,) = ask(CAFE, asked("V", "amount", amount=250_000)).vouchers

    assert [said.sentence for said in voucher.notes] == [
        "250.000 ₫ off.",
        "50.000 ₫ is not taken off: no product goes below its lowest price, or zero.",
    ]
    assert voucher.notes[1].facts == {"lost": Decimal(50_000)}


# --- Lowest prices ------------------------------------------------------------------------


def test_an_amount_moves_on_to_lines_that_may_give_more() -> None:
    bought = basket(line("A", 100_000, floor=95_000), line("B", 100_000))

    assert off_lines(bought, "amount", amount=50_000) == [5_000, 45_000]
    assert off_lines(bought, "amount", amount=105_000) == [5_000, 100_000]
    assert off_lines(bought, "amount", amount=105_001) == [5_000, 100_000]


def test_a_percentage_that_a_line_may_not_give_is_lost() -> None:
    bought = basket(line("A", 100_000, floor=95_000), line("B", 100_000))

    assert off_lines(bought, percent=20) == [5_000, 20_000]


def test_a_floor_counts_for_each_piece() -> None:
    assert off(basket(line("A", 50_000, 3, floor=40_000)), percent=50) == 30_000
    assert off(basket(line("A", 50_000, "0.5", floor=40_001)), percent=50) == 4_999


def test_nothing_is_left_where_the_shop_itself_is_below_the_floor() -> None:
    bought = basket(line("A", 100_000, floor=80_000, discount=30_000))

    assert reason(bought, percent=10) == "nothing_left"
    assert reason(bought, "amount", amount=1) == "nothing_left"


# --- Delivery -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "told", "off_fee"),
    [
        ("free_delivery", {}, 25_000),
        ("free_delivery", {"at_most": 24_999}, 24_999),
        ("free_delivery", {"at_most": 25_001}, 25_000),
        ("free_delivery", {"minimum_value": 200_000}, 25_000),
        ("free_delivery", {"minimum_value": 200_001}, 0),
        ("percent", {"percent": 50, "scope": "delivery"}, 12_500),
        ("amount", {"amount": 15_000, "scope": "delivery"}, 15_000),
        ("amount", {"amount": 30_000, "scope": "delivery"}, 25_000),
        ("bands", {"bands": [(200_000, 40)], "scope": "delivery"}, 10_000),
    ],
)
def test_delivery(kind: str, told: dict[str, Any], off_fee: int) -> None:
    (voucher,) = ask(CAFE, asked("V", kind, **told)).vouchers

    assert (int(voucher.delivery), int(voucher.taken)) == (off_fee, off_fee)
    assert sum(voucher.lines) == 0


def test_without_a_fee_there_is_no_free_delivery() -> None:
    assert reason(basket(CAKE), "free_delivery") == "no_delivery"
    assert reason(basket(CAKE), percent=50, scope="delivery") == "no_delivery"


# --- A free product -----------------------------------------------------------------------


def free(bought: Basket, kind: str = "free_product", **told: Any) -> list[int]:
    told.setdefault("products", products(categories=["drinks"]))
    return off_lines(bought, kind, **told)


@pytest.mark.parametrize(
    ("told", "parts"),
    [
        ({}, [0, 30_000, 0]),
        ({"get": 2}, [45_000, 30_000, 0]),
        ({"get": 3}, [90_000, 30_000, 0]),
        ({"get": 9}, [90_000, 30_000, 0]),
        ({"products": products(skus=["cf"])}, [45_000, 0, 0]),
        ({"given_percent": 50}, [0, 15_000, 0]),
        ({"at_most": 20_000}, [0, 20_000, 0]),
        ({"excluded": products(labels=["sale"])}, [45_000, 0, 0]),
    ],
)
def test_the_cheapest_fitting_piece_is_free(told: dict[str, Any], parts: list[int]) -> None:
    assert free(CAFE, **told) == parts


def test_a_free_product_has_to_be_in_the_basket() -> None:
    assert reason(CAFE, "free_product", products=products(skus=["XX"])) == "no_product"


def test_part_of_a_piece_is_no_piece() -> None:
    half = line("RC", 40_000, "0.5", category="drinks")
    more = line("RC", 40_000, "2.5", category="drinks")
    told = {"products": products(categories=["drinks"])}

    assert reason(basket(half), "free_product", **told) == "pieces"
    # Two whole ones at 40,000 of a line of 100,000.
    assert free(basket(more), get=5) == [80_000]


def test_pieces_of_broken_lines_are_compared_by_the_price_of_one() -> None:
    """2.5 kg at 40,000 are dearer than one for 30,000, and cheaper than one for 50,000."""
    rice = line("RC", 40_000, "2.5", category="drinks")

    assert free(basket(rice, line("A", 30_000, category="drinks"))) == [0, 30_000]
    assert free(basket(rice, line("A", 50_000, category="drinks"))) == [40_000, 0]


def test_the_shop_s_discount_lowers_what_a_free_piece_is_worth() -> None:
    """Three pieces for 100,000 after the shop's discount: 33,333.33 each."""
    bought = basket(line("A", 40_000, 3, discount=20_000, category="drinks"))

    assert free(bought) == [33_333]
    assert free(bought, rounding="up") == [33_334]
    assert free(bought, get=2) == [66_666]
    assert free(bought, get=3) == [100_000]
    assert free(bought, price="list") == [33_333]


def test_a_free_product_still_costs_its_lowest_price() -> None:
    bought = basket(line("A", 40_000, 2, floor=10_000, category="drinks"))

    assert free(bought) == [30_000]


# --- Buy some, get some -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pieces", "told", "given"),
    [
        (1, {"buy": 1, "get": 1}, 0),
        (2, {"buy": 1, "get": 1}, 1),
        (3, {"buy": 1, "get": 1}, 1),
        (4, {"buy": 1, "get": 1}, 2),
        (2, {"buy": 2, "get": 1}, 0),
        (3, {"buy": 2, "get": 1}, 1),
        (5, {"buy": 2, "get": 1}, 1),
        (6, {"buy": 2, "get": 1}, 2),
        (3, {"buy": 2, "get": 2}, 1),
        (4, {"buy": 2, "get": 2}, 2),
        (7, {"buy": 2, "get": 2}, 3),
        (8, {"buy": 1, "get": 1, "times": 3}, 3),
        (6, {"buy": 1, "get": 1, "times": 3}, 3),
        (5, {"buy": 1, "get": 1, "times": 3}, 2),
    ],
)
def test_buy_and_get_of_the_same(pieces: int, told: dict[str, Any], given: int) -> None:
    assert off(basket(line("A", 10_000, pieces)), "buy_get", **told) == given * 10_000


def test_buy_and_get_at_a_lower_price() -> None:
    assert off(basket(line("A", 10_000, 4)), "buy_get", given_percent=30) == 6_000


def test_the_dearest_are_laid_out_first() -> None:
    """100 and 90 are bought and 80 is given; 20 and 10 make no second group."""
    bought = basket(*(line(f"L{n}", n) for n in (10, 80, 100, 20, 90)))

    assert off_lines(bought, "buy_get", buy=2) == [0, 80, 0, 0, 0]
    assert off_lines(bought, "cheapest", every=3) == [0, 80, 0, 0, 0]


def test_one_more_cheap_product_takes_nothing_away() -> None:
    three = [line("A", 100), line("B", 90), line("C", 80)]

    assert off(basket(*three), "cheapest", every=3) == 80
    assert off(basket(*three, line("D", 10)), "cheapest", every=3) == 80


def from_cafe(bought: Basket, **told: Any) -> list[int]:
    return off_lines(
        bought,
        "buy_get",
        products=products(categories=["drinks"]),
        given_products=products(categories=["cakes"]),
        **told,
    )


BIG_CAKE = line("BC", 120_000, 2, category="cakes")


@pytest.mark.parametrize(
    ("told", "parts"),
    [
        ({"buy": 3}, [0, 0, 80_000, 0]),
        ({"buy": 2}, [0, 0, 80_000, 0]),
        ({"buy": 1}, [0, 0, 80_000, 240_000]),
        ({"buy": 1, "times": 2}, [0, 0, 80_000, 120_000]),
        ({"buy": 3, "get": 2}, [0, 0, 80_000, 120_000]),
        ({"buy": 1, "given_percent": 25}, [0, 0, 20_000, 60_000]),
        ({"buy": 1, "at_most": 100_000}, [0, 0, 25_000, 75_000]),
        ({"buy": 4}, [0, 0, 0, 0]),
    ],
)
def test_buy_one_thing_get_another(told: dict[str, Any], parts: list[int]) -> None:
    assert from_cafe(basket(COFFEE, TEA, CAKE, BIG_CAKE), **told) == parts


def test_what_is_missing_for_buy_and_get() -> None:
    sets = {
        "products": products(categories=["drinks"]),
        "given_products": products(categories=["cakes"]),
    }
    assert reason(basket(COFFEE), "buy_get", **sets) == "no_given"
    assert reason(basket(TEA, CAKE), "buy_get", buy=2, **sets) == "pieces"
    assert reason(basket(CAKE), "buy_get", **sets) == "no_product"


def test_a_piece_that_is_in_both_sets() -> None:
    """Buy a drink, get anything of Phúc: tea is both."""
    sets = {
        "products": products(categories=["drinks"]),
        "given_products": products(brands=["phúc"]),
    }
    # Two coffees bought; the cake, which can only be given, and then the tea.
    assert off_lines(CAFE, "buy_get", **sets) == [0, 30_000, 80_000]
    # Tea has to be bought, so only the cake is given.
    assert off_lines(basket(TEA, CAKE), "buy_get", **sets) == [0, 80_000]
    assert reason(basket(TEA), "buy_get", **sets) == "no_given"


# --- The cheapest of several --------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "parts"),
    [
        ({"every": 5}, [0, 0, 0]),
        ({"every": 4}, [0, 30_000, 0]),
        ({"every": 3}, [45_000, 0, 0]),
        ({"every": 2}, [45_000, 30_000, 0]),
        ({"every": 2, "times": 1}, [45_000, 0, 0]),
        ({"every": 2, "given_percent": 50}, [22_500, 15_000, 0]),
        ({"every": 3, "on": ["drinks"]}, [0, 30_000, 0]),
        ({"every": 4, "on": ["drinks"]}, [0, 0, 0]),
        ({"every": 2, "excluded": products(skus=["CK"])}, [45_000, 0, 0]),
    ],
)
def test_the_cheapest_of_several(told: dict[str, Any], parts: list[int]) -> None:
    """Laid out: cake 80, coffee 45, coffee 45, tea 30."""
    assert off_lines(CAFE, "cheapest", **told) == parts


# --- Bands --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("price", "taken"),
    [
        (99_999, 0),
        (100_000, 5_000),
        (199_999, 9_999),
        (200_000, 30_000),
        (499_999, 30_000),
        (500_000, 75_000),
    ],
)
def test_bands_by_value(price: int, taken: int) -> None:
    bands = [(100_000, 5), (200_000, None, 30_000), (500_000, 15)]

    assert off(basket(line("A", price)), "bands", bands=bands) == taken


@pytest.mark.parametrize(
    ("quantity", "taken"),
    [(1, 0), (2, 2_000), ("2.999", 2_999), (3, 6_000), (10, 20_000)],
)
def test_bands_by_quantity(quantity: int | str, taken: int) -> None:
    bought = basket(line("A", 10_000, quantity))

    assert off(bought, "bands", bands_by="quantity", bands=[(2, 10), (3, 20)]) == taken


def test_bands_look_at_what_they_take_off_from() -> None:
    bands = [(3, 10), (4, 50)]
    told = {"bands_by": "quantity", "bands": bands}

    assert off_lines(CAFE, "bands", **told) == [45_000, 15_000, 40_000]
    assert off_lines(CAFE, "bands", on=["drinks"], **told) == [9_000, 3_000, 0]
    left_out = products(skus=["te"])
    assert off_lines(CAFE, "bands", excluded=left_out, **told) == [9_000, 0, 8_000]


def test_what_is_missing_for_a_band() -> None:
    assert reason(CAFE, "bands", bands=[(200_001, 5)]) == "band_value"
    assert reason(CAFE, "bands", bands_by="quantity", bands=[(5, 5)]) == "band_quantity"


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (
            {"kind": "bands", "bands": [(250_000, 5), (400_000, 9)]},
            ["It begins at 250.000 ₫; 50.000 ₫ more is needed."],
        ),
        (
            {"kind": "bands", "bands_by": "quantity", "bands": [(5, 5), (9, 9)]},
            ["It begins at 5 pieces; the basket has 4."],
        ),
        (
            {"kind": "bands", "bands": [(100_000, 5), (150_000, 10), (900_000, 20)]},
            ["200.000 ₫ reaches the band from 150.000 ₫.", "10% of 200.000 ₫."],
        ),
        (
            {"kind": "buy_get", "buy": 4},
            ["It needs 5 pieces that no other voucher counts; there are 4."],
        ),
        (
            {"kind": "cheapest", "every": 9},
            ["It needs 9 pieces that no other voucher counts; there are 4."],
        ),
        ({"percent": 20, "at_most": 40_000}, ["20% of 200.000 ₫."]),
        ({"percent": 20, "at_most": 39_999}, ["20% of 200.000 ₫.", "At most 39.999 ₫."]),
    ],
)
def test_how_it_came_about(told: dict[str, Any], said: list[str]) -> None:
    (voucher,) = ask(CAFE, asked("V", **told)).vouchers

    assert [one.sentence for one in voucher.said] == said


def test_what_a_lowest_price_keeps_is_said() -> None:
    bought = basket(line("A", 100_000, floor=95_000), line("B", 100_000))
    (voucher,) = ask(bought, asked("V", percent=20)).vouchers

    assert [one.code for one in voucher.said] == ["percent", "left_over"]
    assert voucher.said[1].facts == {"lost": Decimal(15_000)}


# --- Partners, and terms that are not finished --------------------------------------------


def test_a_partner_s_code_takes_nothing_off_here() -> None:
    assert off(CAFE, "partner") == 0
    assert reason(CAFE, "partner") == "partner"


def test_incomplete_terms_take_nothing_off() -> None:
    assert reason(CAFE) == "incomplete"
    assert reason(CAFE, "bands") == "incomplete"
    assert reason(CAFE, percent=101) == "incomplete"


def test_an_empty_basket() -> None:
    assert reason(basket(), percent=10) == "no_product"
    assert ask(basket(delivery=10_000)).paid == 10_000
