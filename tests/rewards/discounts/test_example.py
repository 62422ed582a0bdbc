"""The worked example that staff read before they publish a voucher."""

from __future__ import annotations

from rewards.discounts.example import ExampleRow, ExampleVoucher, worked_example
from tests.rewards.discounts.helpers import asked, basket, context, line

COFFEE = line("CF", 45_000, 2, category="drinks", name="Cà phê sữa")
CAKE = line("CK", 80_000, category="cakes")


def row(name: str, quantity: int, price: int, taken: list[int], paid: int) -> ExampleRow:
    return ExampleRow(name, quantity, price, tuple(taken), paid)


def test_rows_columns_and_reasons() -> None:
    """20% of two coffees; of 182,000 that remain with delivery, the fee; no minimum."""
    drinks = asked("DRINKS", percent=20, on=["drinks"], at_most=15_000)
    ship = asked("SHIP", "free_delivery", priority=200)
    big = asked("BIG", percent=50, minimum_value=500_000, priority=300)
    example = worked_example(
        [big, ship, drinks], basket(COFFEE, CAKE, delivery=30_000), context()
    )

    assert list(example.rows) == [
        row("Cà phê sữa", 2, 90_000, [15_000, 0, 0], 75_000),
        row("CK", 1, 80_000, [0, 0, 0], 80_000),
        row("Delivery", 1, 30_000, [0, 30_000, 0], 0),
    ]
    assert list(example.vouchers) == [
        ExampleVoucher(
            "DRINKS",
            "20% off drinks, at most 15.000 ₫.",
            15_000,
            ("20% of 90.000 ₫.", "At most 15.000 ₫."),
        ),
        ExampleVoucher(
            "SHIP",
            "Free delivery.",
            30_000,
            ("Of the delivery fee of 30.000 ₫.",),
        ),
        ExampleVoucher(
            "BIG",
            "50% off the order, for orders from 500.000 ₫.",
            0,
            ("It works from 500.000 ₫; 330.000 ₫ more is needed.",),
        ),
    ]
    assert (example.price, example.taken, example.paid) == (200_000, 45_000, 155_000)


def test_without_delivery_there_is_no_row_for_it() -> None:
    example = worked_example([asked("V", percent=10)], basket(CAKE), context())

    assert [r.name for r in example.rows] == ["CK"]


def test_how_pieces_and_bands_are_told() -> None:
    vouchers = [
        asked("BANDS", "bands", bands=[(100_000, 5)], priority=1),
        asked("GET", "buy_get", priority=2),
        asked("HALF", "cheapest", every=2, given_percent=50, priority=3),
    ]
    example = worked_example(vouchers[:1], basket(COFFEE, CAKE), context())
    assert example.vouchers[0].reasons == (
        "170.000 ₫ reaches the band from 100.000 ₫.",
        "5% of 170.000 ₫.",
    )
    example = worked_example(vouchers[1:2], basket(COFFEE, CAKE), context())
    assert example.vouchers[0].reasons == ("1 free, worth 45.000 ₫.",)
    example = worked_example(vouchers[2:], basket(COFFEE, CAKE), context())
    assert example.vouchers[0].reasons == ("1 at 50% off, worth 45.000 ₫.",)
    by_pieces = asked("Q", "bands", bands_by="quantity", bands=[(2, None, 9_000)])
    example = worked_example([by_pieces], basket(COFFEE, CAKE), context())
    assert example.vouchers[0].reasons == (
        "3 pieces reach the band from 2.",
        "9.000 ₫ off.",
    )
