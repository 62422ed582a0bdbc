"""Selling: voucher, points and purchase together or not at all, and once."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from activities.models import Order
from activities.services import RefundFact
from core.errors import Conflict
from flows.record import record_refunds
from members.models import Member
from points.models import Reservation, Transfer, Wallet
from points.queries import balances
from rewards.models import Voucher, VoucherType, VoucherUse
from tests.points.helpers import assert_proved, give
from tests.rewards.helpers import make_voucher_type
from tests.till.helpers import desk_of, make_shop_staff, make_voucher
from till.access import Desk
from till.errors import (
    MembershipClosed,
    NotProved,
    OrderKnown,
    OwnMembership,
    SaleChanged,
    SaleRefused,
    ServedTooOften,
)
from till.models import TillAct, TillStaff
from till.sales import LineTold, Sale
from till.selling import AS_MANY_AS_POSSIBLE, quote_sale, sell

pytestmark = pytest.mark.django_db
CODE = "DEMO2024X"


@pytest.fixture
def voucher(off20: VoucherType, mai: Member) -> Voucher:
    return make_voucher(off20, CODE, mai)


@pytest.fixture
def order(mai: Member, wallet: Wallet, today: datetime) -> Sale:
    """An order of 200.000 ₫ of mai's, who has shown her card and has 500 points."""
    give(mai, 500, "opening", today)
    return Sale(
        total=Decimal(200_000),
        member_id=mai.pk,
        proof=TillAct.Proof.CARD,
        since=today.isoformat(),
        number="HD1",
        records=True,
    )


def do(desk: Desk, sale: Sale, at: datetime, token: str = "TOKEN1") -> TillAct:
    shown = quote_sale(desk, sale, at=at).print
    return sell(desk=desk, token=token, sale=sale, shown=shown, at=at)


def points(member: Member) -> int:
    return balances([member.pk])[member.pk]


def assert_nothing_happened(mai: Member, left: int = 500) -> None:
    assert not TillAct.objects.exists()
    assert not Order.objects.exists()
    assert not VoucherUse.objects.exists()
    assert not Reservation.objects.exists()
    assert points(mai) == left


def test_a_voucher_alone_is_used(
    desk: Desk, voucher: Voucher, mai: Member, today: datetime
) -> None:
    sale = Sale(Decimal(100_000), member_id=mai.pk, proof="voucher", code=CODE)

    act = do(desk, sale, today)

    use = VoucherUse.objects.get()
    assert (use.state, use.discount, use.order) == ("used", Decimal(20_000), None)
    assert (use.source, use.reference, use.actor) == (desk.source, "TOKEN1", "lan")
    assert (use.store, use.member) == (desk.store, mai)
    assert (act.total, act.discount, act.to_pay) == (100_000, 20_000, 80_000)
    assert (act.voucher_use, act.order, act.user, act.store) == (
        use,
        None,
        desk.user,
        desk.store,
    )
    assert not Order.objects.exists()


def test_a_code_of_nobody_is_used_for_nobody(
    desk: Desk, off20: VoucherType, today: datetime
) -> None:
    make_voucher(off20, CODE)

    act = do(desk, Sale(Decimal(50_000), code=CODE), today)

    assert (act.member, act.discount) == (None, 10_000)
    assert VoucherUse.objects.get().member is None


def test_an_order_earns(desk: Desk, order: Sale, mai: Member, today: datetime) -> None:
    act = do(desk, order, today)

    told = Order.objects.get()
    assert (told.source, told.external_id, told.member) == (desk.source, "HD1", mai)
    assert (told.total, told.store, told.channel) == (200_000, desk.store, "store")
    assert (act.order, act.earned_points, act.to_pay) == (told, 20, 200_000)
    assert points(mai) == 520
    assert_proved()


def test_without_a_number_the_token_is_its_number(
    desk: Desk, order: Sale, today: datetime
) -> None:
    do(desk, replace(order, number=""), today)

    assert Order.objects.get().external_id == "TOKEN1"


def test_voucher_points_and_order_together(
    desk: Desk, order: Sale, voucher: Voucher, mai: Member, today: datetime
) -> None:
    act = do(desk, replace(order, code=CODE, points=300), today)

    told = Order.objects.get()
    assert (told.total, told.voucher_discount) == (165_000, 35_000)
    assert told.points_amount == 30_000
    use = VoucherUse.objects.get()
    assert (use.state, use.order, use.reference) == ("used", told, "HD1")
    assert (act.discount, act.points_value, act.to_pay) == (35_000, 30_000, 135_000)
    assert act.paid_points == 300
    reservation = Reservation.objects.get()
    assert (reservation.state, reservation.captured) == ("captured", 300)
    capture = Transfer.objects.get(kind="capture")
    assert (capture.source_type, capture.source_id) == ("order", told.pk)
    assert points(mai) == 500 - 300 + act.earned_points
    assert_proved()


def test_as_many_points_as_possible(
    desk: Desk, order: Sale, mai: Member, today: datetime
) -> None:
    act = do(desk, replace(order, total=Decimal(66_000), points=AS_MANY_AS_POSSIBLE), today)

    # At most half of the order, in whole blocks of 10 points.
    assert (act.paid_points, act.points_value) == (330, 33_000)


def test_lines_are_recorded(desk: Desk, order: Sale, today: datetime) -> None:
    lines = (
        LineTold(Decimal(2), Decimal(45_000), "sku:TS1"),
        LineTold(Decimal(1), Decimal(5)),
    )

    do(desk, replace(order, total=Decimal(90_005), lines=lines), today)

    told = list(Order.objects.get().lines.values_list("sku", "quantity", "total"))
    assert told == [("TS1", 2, 90_000), ("", 1, 5)]


def test_a_repeat_of_the_token_changes_nothing(
    desk: Desk, order: Sale, voucher: Voucher, mai: Member, today: datetime
) -> None:
    sale = replace(order, code=CODE, points=300)
    shown = quote_sale(desk, sale, at=today).print
    first = sell(desk=desk, token="T", sale=sale, shown=shown, at=today)
    left = points(mai)

    # By now the voucher is used and the points are fewer; a repeat asks for nothing anew.
    again = sell(
        desk=desk, token="T", sale=sale, shown=shown, at=today + timedelta(seconds=5)
    )

    assert again == first
    assert (Order.objects.count(), VoucherUse.objects.count(), points(mai)) == (1, 1, left)


def test_a_token_of_somebody_else_is_refused(
    desk: Desk, order: Sale, today: datetime
) -> None:
    do(desk, order, today)
    other = desk_of(make_shop_staff("hoa", desk.store), desk.store)

    with pytest.raises(Conflict):
        do(other, replace(order, number="HD2"), today)

    assert Order.objects.count() == 1


def test_a_known_number_says_when_and_how_much(
    desk: Desk, order: Sale, mai: Member, today: datetime
) -> None:
    do(desk, order, today)

    with pytest.raises(OrderKnown, match=r"Order HD1 was recorded before: .*200\.000 ₫"):
        do(desk, replace(order, total=Decimal(5)), today, token="TOKEN2")

    assert (Order.objects.count(), TillAct.objects.count(), points(mai)) == (1, 1, 520)


def test_the_same_number_in_another_store_is_another_order(
    desk: Desk, order: Sale, other_store: object, today: datetime
) -> None:
    do(desk, order, today)
    other = desk_of(make_shop_staff("hoa", other_store), other_store)  # type: ignore[arg-type]

    do(other, order, today, token="TOKEN2")

    assert Order.objects.filter(external_id="HD1").count() == 2


def test_another_amount_than_was_shown_is_shown_again(
    desk: Desk, order: Sale, mai: Member, today: datetime
) -> None:
    sale = replace(order, points=AS_MANY_AS_POSSIBLE)
    shown = quote_sale(desk, sale, at=today).print
    give(mai, 400, "meanwhile", today)

    with pytest.raises(SaleChanged):
        sell(desk=desk, token="T", sale=sale, shown=shown, at=today)

    assert_nothing_happened(mai, 900)


def test_what_the_voucher_refuses_changes_nothing(
    desk: Desk, order: Sale, mai: Member, today: datetime
) -> None:
    terms = {"kind": "amount", "amount": "5000", "minimum_value": "300000"}
    make_voucher(make_voucher_type(terms=terms), CODE, mai)

    with pytest.raises(SaleRefused, match=r"100\.000 ₫ more is needed"):
        do(desk, replace(order, code=CODE, points=100), today)

    assert_nothing_happened(mai)


@pytest.mark.parametrize("proof", [TillAct.Proof.NONE, TillAct.Proof.VOUCHER])
def test_a_phone_number_alone_spends_no_points(
    desk: Desk, order: Sale, mai: Member, today: datetime, proof: str
) -> None:
    sale = replace(order, proof=str(proof), points=100)

    with pytest.raises(NotProved):
        sell(desk=desk, token="T", sale=sale, shown="", at=today)

    assert_nothing_happened(mai)


def test_a_card_that_was_shown_long_ago_spends_nothing(
    desk: Desk, order: Sale, mai: Member, today: datetime
) -> None:
    sale, later = replace(order, points=100), today + timedelta(minutes=15)

    with pytest.raises(NotProved):
        sell(desk=desk, token="T", sale=sale, shown="", at=later)

    assert_nothing_happened(mai)


def test_a_phone_number_alone_earns(
    desk: Desk, order: Sale, mai: Member, today: datetime
) -> None:
    do(desk, replace(order, proof=""), today)

    assert points(mai) == 520


def test_nobody_serves_themselves(
    desk: Desk, order: Sale, mai: Member, today: datetime
) -> None:
    TillStaff.objects.update(own_phone="+84912345678")
    desk = desk_of(desk.user, desk.store)

    with pytest.raises(OwnMembership):
        do(desk, order, today)

    assert_nothing_happened(mai)


def test_a_closed_membership_is_not_served(
    desk: Desk, order: Sale, mai: Member, today: datetime
) -> None:
    Member.objects.filter(pk=mai.pk).update(state=Member.State.BLOCKED)

    with pytest.raises(MembershipClosed):
        do(desk, order, today)

    assert_nothing_happened(mai)


def test_the_sixth_order_of_one_member_in_a_day_is_for_a_colleague(
    desk: Desk, order: Sale, mai: Member, binh: Member, today: datetime
) -> None:
    """T33: a cashier who puts strangers' purchases on one card is stopped."""
    for number in range(5):
        do(desk, replace(order, number=f"HD{number}"), today, token=f"T{number}")

    with pytest.raises(ServedTooOften):
        do(desk, replace(order, number="HD6"), today, token="T6")

    assert (points(mai), Order.objects.count()) == (600, 5)
    do(desk, replace(order, number="HD7", member_id=binh.pk), today, token="T7")
    colleague = desk_of(make_shop_staff("hoa", desk.store), desk.store)
    do(colleague, replace(order, number="HD8"), today, token="T8")
    do(desk, replace(order, number="HD9"), today + timedelta(days=1), token="T9")
    assert Order.objects.count() == 8


def test_a_merged_members_order_is_the_kept_ones(
    desk: Desk, order: Sale, mai: Member, binh: Member, today: datetime
) -> None:
    Member.objects.filter(pk=mai.pk).update(state="merged", merged_into=binh)

    do(desk, order, today)

    assert Order.objects.get().member == binh


def test_a_whole_refund_gives_voucher_and_points_back(
    desk: Desk, order: Sale, voucher: Voucher, mai: Member, today: datetime
) -> None:
    do(desk, replace(order, code=CODE, points=300), today)
    refund = RefundFact(
        desk.source, "R1", mai.pk, today, Decimal(165_000), order_number="HD1"
    )

    record_refunds([refund], at=today)

    assert VoucherUse.objects.get().state == "rolled_back"
    assert points(mai) == 500
    assert_proved()
