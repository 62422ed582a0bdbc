"""Earning: rules become points, once for each order."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from core.errors import DomainError
from members.models import Member
from points.audit import verify_ledger
from points.earning.basket import Basket
from points.ledger import Posting, post
from points.models import Account, Lot, Transfer
from points.queries import balances
from points.services import (
    earn_points,
    member_accounts,
    points_of_orders,
    programme_account,
)
from tests.factories import make_earn_rule, make_wallet


def order(number: int, member: Member, total: str, at: datetime) -> Basket:
    return Basket(number, member.pk, at, at.date(), Decimal(total))


@pytest.mark.parametrize(
    ("total", "rounding", "points"),
    [
        ("19999", "down", 1),
        ("20000", "down", 2),
        ("14999", "half_up", 1),
        ("15000", "half_up", 2),
        ("10001", "up", 2),
        ("0", "up", 0),
    ],
)
def test_rounds_as_the_rule_says(
    mai: Member, now: datetime, total: str, rounding: str, points: int
) -> None:
    make_earn_rule(wallet=make_wallet(), rounding=rounding)
    assert earn_points([order(1, mai, total, now)]).get(1, 0) == points


def test_gives_points_and_a_lot_that_expires(mai: Member, now: datetime) -> None:
    make_earn_rule(wallet=make_wallet(expiry_months=12))

    earned = earn_points([order(1, mai, "125000", now)])

    assert earned == {1: 12}
    assert balances([mai.pk]) == {mai.pk: 12}
    lot = Lot.objects.get()
    assert (lot.amount, lot.remaining, lot.expires_on) == (12, 12, date(2027, 3, 2))
    transfer = Transfer.objects.get()
    assert transfer.key == "order:1:per-amount"
    assert (transfer.source_type, transfer.source_id) == ("order", 1)
    assert transfer.rule_version == 1
    assert transfer.happened_at == now


def test_repeats_nothing(mai: Member, now: datetime) -> None:
    make_earn_rule(wallet=make_wallet())
    orders = [order(1, mai, "50000", now), order(2, mai, "70000", now)]

    assert earn_points(orders) == earn_points(orders) == {1: 5, 2: 7}
    assert Transfer.objects.count() == 2
    assert balances([mai.pk]) == {mai.pk: 12}
    assert points_of_orders([1, 2]) == {1: 5, 2: 7}


def test_adds_up_several_orders_of_one_member(
    mai: Member, binh: Member, now: datetime
) -> None:
    make_earn_rule(wallet=make_wallet())

    earn_points([order(n, mai if n % 2 else binh, "10000", now) for n in range(1, 2002)])

    assert balances([mai.pk, binh.pk]) == {mai.pk: 1001, binh.pk: 1000}
    assert verify_ledger().ok


def test_keeps_to_the_rules_window_and_minimum(mai: Member, now: datetime) -> None:
    make_earn_rule(
        wallet=make_wallet(),
        starts_at=now,
        ends_at=now + timedelta(days=1),
        minimum_total=Decimal(50000),
    )

    earned = earn_points(
        [
            order(1, mai, "90000", now - timedelta(seconds=1)),
            order(2, mai, "49999", now),
            order(3, mai, "50000", now),
            order(4, mai, "90000", now + timedelta(days=1)),
        ]
    )

    assert earned == {3: 5}


def test_an_inactive_rule_gives_nothing(mai: Member, now: datetime) -> None:
    make_earn_rule(wallet=make_wallet(), is_active=False)
    assert earn_points([order(1, mai, "90000", now)]) == {}
    assert not Transfer.objects.exists()


def test_two_rules_both_give(mai: Member, now: datetime) -> None:
    wallet = make_wallet()
    make_earn_rule(wallet=wallet)
    make_earn_rule(wallet=wallet, code="double", points=2)

    assert earn_points([order(1, mai, "30000", now)]) == {1: 9}
    assert Transfer.objects.count() == 2


def test_refuses_a_key_with_other_content(mai: Member, now: datetime) -> None:
    wallet = make_wallet()
    issued = programme_account(wallet, Account.Kind.ISSUED)
    account = member_accounts(wallet, [mai.pk])[mai.pk]
    posting = Posting("k", "earn", issued, account, 5, now)
    post([posting])

    # The ledger has no savepoint of its own; its verbs do.
    with pytest.raises(DomainError, match="used before"), transaction.atomic():
        post([posting._replace(amount=6)])

    assert balances([mai.pk]) == {mai.pk: 5}
    assert Transfer.objects.count() == 1


def test_a_posting_costs_a_constant_number_of_queries(
    mai: Member, binh: Member, now: datetime, django_assert_max_num_queries: object
) -> None:
    make_earn_rule(wallet=make_wallet())
    earn_points([order(1, mai, "10000", now), order(2, binh, "10000", now)])

    with django_assert_max_num_queries(14):
        earn_points([order(n, mai, "10000", now) for n in range(3, 503)])


def test_several_rules_write_the_ledger_in_one_batch(
    mai: Member, binh: Member, now: datetime
) -> None:
    """Two batches, one for each rule, could lock the same accounts crosswise."""
    wallet = make_wallet()
    make_earn_rule(wallet=wallet)
    make_earn_rule(wallet=wallet, code="big", points=5, amount=50000, minimum_total=50000)
    orders = [order(1, mai, "20000", now), order(2, binh, "100000", now)]

    with CaptureQueriesContext(connection) as queries:
        earned = earn_points(orders)

    assert earned == {1: 2, 2: 10 + 10}
    inserts = [q for q in queries if "INSERT INTO points_transfer" in q["sql"]]
    assert len(inserts) == 1
    assert balances([mai.pk, binh.pk]) == {mai.pk: 2, binh.pk: 20}
    assert verify_ledger().ok
