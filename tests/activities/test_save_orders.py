"""Saving orders: each once, with what its member's purchases come to."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from activities.models import Order, PurchaseSummary
from activities.services import OrderFact, OrderLineFact, save_orders
from members.models import Member


def fact(
    member: Member, number: str, total: str, at: datetime, **more: object
) -> OrderFact:
    return OrderFact("pos", number, member.pk, at, Decimal(total), **more)


def test_saves_an_order_with_its_lines(mai: Member, now: datetime) -> None:
    lines = (
        OrderLineFact("CF01", "Cà phê sữa đá", "Cà phê", Decimal(2), Decimal(29000)),
        OrderLineFact("BM01", "Bánh mì", total=Decimal(15000)),
    )

    (saved,) = save_orders([fact(mai, "A1", "73000", now, lines=lines)], at=now)

    assert saved.is_new
    order = Order.objects.get()
    assert (order.total, order.placed_on) == (Decimal(73000), date(2026, 3, 2))
    assert list(order.lines.values_list("position", "sku", "quantity")) == [
        (1, "CF01", Decimal(2)),
        (2, "BM01", Decimal(1)),
    ]


def test_the_day_is_the_programmes_day(mai: Member, now: datetime) -> None:
    late_evening_utc = datetime(2026, 2, 28, 18, 30, tzinfo=UTC)

    (saved,) = save_orders([fact(mai, "A1", "1000", late_evening_utc)], at=now)

    assert saved.placed_on == date(2026, 3, 1)
    assert PurchaseSummary.objects.get().last_order_on == date(2026, 3, 1)


def test_a_repeat_is_known_and_changes_nothing(mai: Member, now: datetime) -> None:
    (first,) = save_orders([fact(mai, "A1", "1000", now)], at=now)
    (again,) = save_orders([fact(mai, "A1", "1000.00", now)], at=now)

    assert (again.outcome, again.order_id) == ("known", first.order_id)
    assert PurchaseSummary.objects.get().num_orders == 1


@pytest.mark.parametrize("field", ["total", "member", "placed_at"])
def test_the_same_number_with_other_content_is_refused(
    mai: Member, binh: Member, now: datetime, field: str
) -> None:
    save_orders([fact(mai, "A1", "1000", now)], at=now)
    changed = {
        "total": fact(mai, "A1", "1001", now),
        "member": fact(binh, "A1", "1000", now),
        "placed_at": fact(mai, "A1", "1000", now - timedelta(seconds=1)),
    }[field]

    (saved,) = save_orders([changed], at=now)

    assert (saved.outcome, saved.code) == ("refused", "conflict")
    assert Order.objects.get().total == Decimal(1000)


def test_the_same_purchase_called_off_is_known_and_says_so(
    mai: Member, now: datetime
) -> None:
    save_orders([fact(mai, "A1", "1000", now)], at=now)

    (saved,) = save_orders([fact(mai, "A1", "1000", now, status="cancelled")], at=now)

    assert (saved.outcome, saved.cancels) == ("known", True)
    # What was told stands; what is called off comes back as a refund (flows.record).
    assert Order.objects.get().status == "completed"


def test_numbers_are_unique_within_a_source_only(mai: Member, now: datetime) -> None:
    save_orders([fact(mai, "A1", "1000", now)], at=now)

    (saved,) = save_orders([fact(mai, "A1", "2000", now)._replace(source="web")], at=now)

    assert saved.is_new
    assert Order.objects.count() == 2


def test_one_batch_may_tell_an_order_twice(mai: Member, now: datetime) -> None:
    one = fact(mai, "A1", "1000", now)

    saved = save_orders([one, one, one._replace(total=Decimal(5))], at=now)

    assert [s.outcome for s in saved] == ["new", "known", "refused"]
    assert Order.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"total": Decimal(-1)}, "negative_total"),
        ({"total": Decimal("NaN")}, "negative_total"),
        ({"total": Decimal("1.005")}, "invalid_total"),
        ({"total": Decimal(10) ** 14}, "total_too_large"),
        ({"external_id": ""}, "invalid_order_id"),
        ({"external_id": "x" * 81}, "invalid_order_id"),
        ({"external_id": "a\0b"}, "invalid_order_id"),
        ({"status": "lost"}, "unknown_status"),
        ({"channel": "pigeon"}, "unknown_channel"),
    ],
)
def test_refuses_nonsense_and_keeps_the_rest(
    mai: Member, now: datetime, change: dict[str, object], code: str
) -> None:
    good = fact(mai, "A1", "1000", now)
    bad = fact(mai, "A2", "1000", now)._replace(**change)

    saved = save_orders([bad, good], at=now)

    assert [s.outcome for s in saved] == ["refused", "new"]
    assert saved[0].code == code
    assert saved[0].reason.endswith(".")
    assert Order.objects.get().external_id == "A1"


def test_refuses_the_future_beyond_a_day(mai: Member, now: datetime) -> None:
    tomorrow = now + timedelta(days=1)

    saved = save_orders(
        [
            fact(mai, "A1", "1", tomorrow),
            fact(mai, "A2", "1", tomorrow + timedelta(seconds=1)),
        ],
        at=now,
    )

    assert [s.code for s in saved] == ["", "in_the_future"]


def test_adds_purchases_up_in_any_order(mai: Member, now: datetime) -> None:
    for number, days in (("A1", 10), ("A2", 40), ("A3", 2)):
        save_orders([fact(mai, number, "1000", now - timedelta(days=days))], at=now)
    save_orders([fact(mai, "A4", "9", now, status="cancelled")], at=now)

    summary = PurchaseSummary.objects.get()
    assert (summary.num_orders, summary.spend) == (3, Decimal(3000))
    assert summary.first_order_on == date(2026, 1, 21)
    assert summary.last_order_on == date(2026, 2, 28)
    assert summary.last_order_at == now - timedelta(days=2)


def test_a_batch_costs_a_constant_number_of_queries(
    mai: Member, now: datetime, django_assert_max_num_queries: object
) -> None:
    facts = [fact(mai, f"A{n}", "1000", now) for n in range(500)]
    with django_assert_max_num_queries(8):
        save_orders(facts, at=now)
