"""Which pieces are given, against a model that lays every single piece on the table."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rewards.discounts.basket import Basket
from tests.rewards.discounts.helpers import ask, asked, basket, line, products

PRICES = st.integers(1, 6)
LINES = st.lists(st.tuples(PRICES, st.integers(1, 4), st.sampled_from("abc")), max_size=6)


def bought_of(lines: list[tuple[int, int, str]]) -> Basket:
    labels = {"a": ("A",), "b": ("B",), "c": ("A", "B")}
    return basket(
        *(line(f"L{n}", p, q, labels=labels[c]) for n, (p, q, c) in enumerate(lines))
    )


def single_pieces(lines: list[tuple[int, int, str]]) -> list[tuple[int, str]]:
    """Return every piece with its price, dearest first."""
    return sorted(
        ((price, words) for price, count, words in lines for _ in range(count)),
        key=lambda piece: -piece[0],
    )


def taken(lines: list[tuple[int, int, str]], kind: str, **told: Any) -> int:
    return int(ask(bought_of(lines), asked("V", kind, **told)).taken)


@given(LINES, st.integers(1, 3), st.integers(1, 3), st.none() | st.integers(1, 3))
@settings(deadline=None)
def test_groups(
    lines: list[tuple[int, int, str]], buy: int, get: int, times: int | None
) -> None:
    prices = [price for price, _words in single_pieces(lines)]
    groups = [prices[i : i + buy + get] for i in range(0, len(prices), buy + get)]
    expected = sum(sum(group[buy:]) for group in groups[:times])

    assert taken(lines, "buy_get", buy=buy, get=get, times=times) == expected
    if get == 1:
        assert taken(lines, "cheapest", every=buy + 1, times=times) == expected


@given(LINES, PRICES, st.integers(2, 4))
@settings(deadline=None)
def test_buying_more_never_makes_it_take_off_less(
    lines: list[tuple[int, int, str]], price: int, every: int
) -> None:
    before = taken(lines, "cheapest", every=every)

    assert taken([*lines, (price, 1, "a")], "cheapest", every=every) >= before


@given(LINES, st.integers(1, 4))
@settings(deadline=None)
def test_the_cheapest_are_free(lines: list[tuple[int, int, str]], get: int) -> None:
    fitting = [price for price, words in single_pieces(lines) if words != "b"]
    told = {"products": products(labels=["A"]), "get": get}

    assert taken(lines, "free_product", **told) == sum(fitting[::-1][:get])


@given(LINES, st.integers(1, 3), st.integers(1, 3), st.none() | st.integers(1, 3))
@settings(deadline=None, max_examples=300)
def test_two_sets(
    lines: list[tuple[int, int, str]], buy: int, get: int, times: int | None
) -> None:
    """Try every number of rounds: the fewest that give the most pieces."""
    pieces = single_pieces(lines)
    to_buy = sorted((p for p in pieces if p[1] != "b"), key=lambda p: p[1] == "c")
    best: list[int] = []
    rounds = 1
    while rounds * buy <= len(to_buy) and (times is None or rounds <= times):
        left = list(pieces)
        for piece in to_buy[: rounds * buy]:
            left.remove(piece)
        only = [p for p in reversed(left) if p[1] == "b"]
        both = [p for p in reversed(left) if p[1] == "c"]
        given = [price for price, _words in [*only, *both][: rounds * get]]
        best = given if len(given) > len(best) else best
        rounds += 1
    told = {"products": products(labels=["A"]), "given_products": products(labels=["B"])}

    assert taken(lines, "buy_get", buy=buy, get=get, times=times, **told) == sum(best)
