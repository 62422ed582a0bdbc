"""Two taps and two tills at once: one use, one order, nothing lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal
from threading import Barrier

import pytest
from django.db import connections

from activities.models import Order
from core.errors import DomainError
from members.models import Member
from points.models import Wallet
from points.queries import balances
from rewards.models import Voucher, VoucherType, VoucherUse
from tests.points.helpers import assert_proved, give
from tests.till.helpers import make_voucher
from till.access import Desk
from till.models import TillAct
from till.sales import Sale
from till.selling import quote_sale, sell

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]
THREADS = 10


@pytest.fixture
def sale(off20: VoucherType, mai: Member, wallet: Wallet, today: datetime) -> Sale:
    give(mai, 500, "opening", today)
    make_voucher(off20, "DEMO2024X", mai)
    return Sale(
        total=Decimal(200_000),
        member_id=mai.pk,
        proof=TillAct.Proof.CARD,
        since=today.isoformat(),
        code="DEMO2024X",
        points=300,
        records=True,
    )


def at_once(act: Callable[[int], str]) -> Counter[str]:
    """Do something from many threads that start together; count the outcomes."""
    barrier = Barrier(THREADS)

    def worker(number: int) -> str:
        try:
            barrier.wait(timeout=20)
            return act(number)
        except DomainError as refusal:
            return refusal.code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(THREADS) as pool:
        return Counter(pool.map(worker, range(THREADS), timeout=60))


def selling_as(
    desk: Desk, sale: Sale, at: datetime, token: Callable[[int], str]
) -> Callable[[int], str]:
    shown = quote_sale(desk, sale, at=at).print

    def act(number: int) -> str:
        done = sell(desk=desk, token=token(number), sale=sale, shown=shown, at=at)
        return f"sold {done.pk}"

    return act


def test_ten_taps_on_one_button_sell_once(
    desk: Desk, sale: Sale, mai: Member, today: datetime
) -> None:
    outcomes = at_once(selling_as(desk, sale, today, lambda number: "TOKEN"))

    assert len(outcomes) == 1
    assert sum(outcomes.values()) == THREADS
    assert (Order.objects.count(), TillAct.objects.count()) == (1, 1)
    assert (VoucherUse.objects.count(), Voucher.objects.get().uses) == (1, 1)
    act = TillAct.objects.get()
    assert balances([mai.pk]) == {mai.pk: 500 - 300 + act.earned_points}
    assert_proved()


def test_ten_tills_use_one_voucher_once(
    desk: Desk, sale: Sale, mai: Member, today: datetime
) -> None:
    outcomes = at_once(selling_as(desk, sale, today, lambda number: f"TOKEN{number}"))

    sold = sum(n for outcome, n in outcomes.items() if outcome.startswith("sold"))
    assert (sold, sum(outcomes.values())) == (1, THREADS)
    assert (Order.objects.count(), VoucherUse.objects.count()) == (1, 1)
    assert TillAct.objects.count() == 1
    assert_proved()


def test_control_ten_tokens_are_ten_sales_up_to_the_limit(
    desk: Desk, mai: Member, wallet: Wallet, today: datetime
) -> None:
    """Without one token for all of them, taps add up; of one member five orders a day."""
    plain = Sale(Decimal(50_000), member_id=mai.pk, records=True)

    outcomes = at_once(selling_as(desk, plain, today, lambda number: f"TOKEN{number}"))

    assert outcomes.pop("served_too_often") == THREADS - 5
    assert len(outcomes) == 5
    assert (Order.objects.count(), TillAct.objects.count()) == (5, 5)
    assert balances([mai.pk]) == {mai.pk: 25}
    assert_proved()
