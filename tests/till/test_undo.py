"""Undoing within ten minutes: everything goes back, or nothing does."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from activities.models import Order, Refund
from members.models import Member
from points.models import Wallet
from points.queries import balances
from rewards.errors import CannotTakeBack
from rewards.models import Redemption, Reward, Voucher, VoucherType, VoucherUse
from tests.points.helpers import assert_proved, give
from tests.rewards.helpers import make_benefit, make_reward
from tests.till.helpers import desk_of, make_shop_staff, make_voucher
from till.access import Desk
from till.acts import act_of, can_undo, undo
from till.errors import CannotUndo
from till.models import TillAct
from till.rewarding import pay, redeem
from till.sales import Sale
from till.selling import quote_sale, sell
from till.serving import Serving

pytestmark = pytest.mark.django_db
CODE = "DEMO2024X"


@pytest.fixture
def sale(off20: VoucherType, mai: Member, wallet: Wallet, today: datetime) -> Sale:
    give(mai, 500, "opening", today)
    make_voucher(off20, CODE, mai)
    return Sale(
        total=Decimal(200_000),
        member_id=mai.pk,
        proof=TillAct.Proof.CARD,
        since=today.isoformat(),
        code=CODE,
        number="HD1",
        points=300,
        records=True,
    )


def do(desk: Desk, sale: Sale, at: datetime, token: str = "T1") -> TillAct:
    shown = quote_sale(desk, sale, at=at).print
    return sell(desk=desk, token=token, sale=sale, shown=shown, at=at)


def points(member: Member) -> int:
    return balances([member.pk])[member.pk]


def test_a_sale_goes_back_whole(
    desk: Desk, sale: Sale, mai: Member, today: datetime
) -> None:
    do(desk, sale, today)
    later = today + timedelta(minutes=9)

    act = undo(desk=desk, token="T1", at=later)

    assert act.undone_at == later
    assert VoucherUse.objects.get().state == "rolled_back"
    assert Voucher.objects.get().uses == 0
    refund = Refund.objects.get()
    assert (refund.total, refund.reason, refund.order_number) == (165_000, "undone", "HD1")
    assert points(mai) == 500
    assert_proved()


def test_undoing_twice_is_undoing_once(
    desk: Desk, sale: Sale, mai: Member, today: datetime
) -> None:
    do(desk, sale, today)
    undo(desk=desk, token="T1", at=today)

    undo(desk=desk, token="T1", at=today)

    assert (Refund.objects.count(), points(mai)) == (1, 500)


def test_a_voucher_alone_can_be_used_again(desk: Desk, sale: Sale, today: datetime) -> None:
    alone = replace(sale, records=False, number="", points=0)
    do(desk, alone, today)
    undo(desk=desk, token="T1", at=today)

    do(desk, alone, today, token="T2")

    states = VoucherUse.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == ["rolled_back", "used"]


def test_the_number_of_what_was_undone_can_be_told_again(
    desk: Desk, sale: Sale, mai: Member, today: datetime
) -> None:
    do(desk, replace(sale, total=Decimal(2_000_000)), today)
    undo(desk=desk, token="T1", at=today)

    do(desk, sale, today, token="T2")

    numbers = Order.objects.order_by("pk").values_list("external_id", flat=True)
    assert list(numbers) == ["HD1", "HD1/2"]
    assert_proved()


def test_a_repeat_after_undoing_does_nothing(
    desk: Desk, sale: Sale, mai: Member, today: datetime
) -> None:
    shown = quote_sale(desk, sale, at=today).print
    do(desk, sale, today)
    undo(desk=desk, token="T1", at=today)

    act = sell(desk=desk, token="T1", sale=sale, shown=shown, at=today)

    assert act.is_undone
    assert (Order.objects.count(), points(mai)) == (1, 500)


def test_after_ten_minutes_it_stands(
    desk: Desk, sale: Sale, mai: Member, today: datetime
) -> None:
    do(desk, sale, today)
    left = points(mai)

    with pytest.raises(CannotUndo, match="no longer"):
        undo(desk=desk, token="T1", at=today + timedelta(minutes=10, seconds=1))

    assert (points(mai), Refund.objects.count()) == (left, 0)
    assert VoucherUse.objects.get().state == "used"


def test_only_who_did_it_may_undo_it(
    desk: Desk, sale: Sale, mai: Member, today: datetime
) -> None:
    do(desk, sale, today)
    other = desk_of(make_shop_staff("hoa", desk.store), desk.store)

    with pytest.raises(CannotUndo):
        undo(desk=other, token="T1", at=today)

    assert VoucherUse.objects.get().state == "used"


def test_a_voucher_that_does_not_come_back_keeps_the_sale(
    desk: Desk, sale: Sale, mai: Member, today: datetime
) -> None:
    VoucherType.objects.update(returns_on_refund=False)
    do(desk, sale, today)
    act = act_of(desk, "T1")

    assert act is not None
    assert not can_undo(act, at=today)
    with pytest.raises(CannotUndo):
        undo(desk=desk, token="T1", at=today)


@pytest.fixture
def serving(mai: Member, today: datetime) -> Serving:
    return Serving("S", mai, TillAct.Proof.CARD.value, today)


@pytest.fixture
def mug(wallet: Wallet) -> Reward:
    gift = make_benefit("gift")
    return make_reward(gift, code="mug", price_points=150, price_amount=Decimal(20_000))


def test_a_redemption_goes_back(
    desk: Desk, serving: Serving, mai: Member, wallet: Wallet, today: datetime
) -> None:
    give(mai, 500, "opening", today)
    redeem(desk=desk, token="T1", serving=serving, reward=make_reward(), at=today)
    assert points(mai) == 400

    undo(desk=desk, token="T1", at=today)

    assert points(mai) == 500
    redemption = Redemption.objects.get()
    assert (redemption.state, redemption.ended_by) == ("cancelled", "lan")
    assert Voucher.objects.get().state == "cancelled"
    assert_proved()


def test_what_was_used_keeps_the_redemption(
    desk: Desk, serving: Serving, mai: Member, wallet: Wallet, today: datetime
) -> None:
    give(mai, 500, "opening", today)
    redeem(desk=desk, token="T1", serving=serving, reward=make_reward(), at=today)
    Voucher.objects.update(uses=1)

    with pytest.raises(CannotTakeBack):
        undo(desk=desk, token="T1", at=today)

    assert (points(mai), TillAct.objects.get().undone_at) == (400, None)


def test_undoing_a_payment_undoes_the_redemption_of_this_till(
    desk: Desk, serving: Serving, mug: Reward, mai: Member, today: datetime
) -> None:
    give(mai, 500, "opening", today)
    act = redeem(desk=desk, token="T1", serving=serving, reward=mug, at=today)
    assert act.redemption is not None
    pay(desk=desk, token="T2", redemption=act.redemption, at=today)

    undo(desk=desk, token="T2", at=today)

    assert points(mai) == 500
    assert Redemption.objects.get().state == "cancelled"
    assert not TillAct.objects.filter(undone_at__isnull=True).exists()
    assert_proved()
