"""A voucher at a glance: its light, the reason, what it takes off, whose it is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from activities.models import Product, Store
from members.models import Member
from rewards.models import Voucher, VoucherLimit, VoucherType
from tests.rewards.helpers import make_voucher_type
from tests.till.helpers import Till, make_voucher, state_of, text_of
from till.models import TillStaff

pytestmark = pytest.mark.django_db
CODE = "DEMO2024X"


@pytest.fixture
def voucher(off20: VoucherType, mai: Member) -> Voucher:
    return make_voucher(off20, CODE, mai)


def look(till: Till, code: str = CODE) -> Any:
    return till.get(till.look_up(code))


def with_terms(member: Member | None = None, **terms: Any) -> Voucher:
    return make_voucher(make_voucher_type(terms=terms), CODE, member)


def test_green_with_what_it_takes_off(till: Till, voucher: Voucher) -> None:
    response = look(till)

    page = text_of(response)
    assert state_of(response) == ("green", "")
    assert "Usable" in page
    assert "20% off the order, at most 35.000 ₫." in page
    assert "DEMO 2024 X" in page


def test_the_owner_is_shown_by_half_a_name(till: Till, voucher: Voucher) -> None:
    page = text_of(look(till))

    assert "Nguyễn T. M…" in page
    assert "Nguyễn Thị Mai" not in page
    assert "0912" not in page


@pytest.mark.parametrize(
    ("fields", "state", "says"),
    [
        ({"valid_until": -1}, ("red", "over"), "This voucher ended on"),
        ({"valid_from": 1}, ("amber", "not_yet"), "This voucher can be used from"),
        ({"state": "cancelled"}, ("red", "cancelled"), "This voucher was cancelled."),
        ({"uses": 1}, ("red", "used"), "This voucher was used already."),
    ],
)
def test_red_or_amber_with_the_reason(
    till: Till, voucher: Voucher, fields: dict[str, Any], state: tuple[str, str], says: str
) -> None:
    now = timezone.now()
    told = {
        name: now + timedelta(hours=value) if name.startswith("valid") else value
        for name, value in fields.items()
    }
    if "state" in told:
        told["cancelled_at"] = now
    Voucher.objects.filter(pk=voucher.pk).update(**told)

    response = look(till)

    assert state_of(response) == state
    assert says in text_of(response)
    assert 'name="total"' not in response.content.decode()


def test_a_type_that_is_switched_off(till: Till, voucher: Voucher) -> None:
    VoucherType.objects.update(is_active=False)

    assert state_of(look(till)) == ("red", "inactive")


def test_of_another_store(till: Till, mai: Member, other_store: Store) -> None:
    with_terms(mai, kind="percent", percent="10", store_ids=[other_store.pk])

    response = look(till)

    assert state_of(response) == ("red", "store")
    assert "Not in this store" in text_of(response)


def test_for_a_partner(till: Till, mai: Member) -> None:
    with_terms(mai, kind="partner")

    assert state_of(look(till)) == ("red", "partner")


def test_another_weekday_waits(till: Till, mai: Member) -> None:
    tomorrow = (timezone.localtime() + timedelta(days=1)).isoweekday()
    with_terms(mai, kind="percent", percent="10", weekdays=[tomorrow])

    assert state_of(look(till)) == ("amber", "weekday")


def test_terms_that_nobody_can_read(till: Till, mai: Member) -> None:
    with_terms(mai, kind="nonsense")

    assert state_of(look(till))[0] == "red"


def test_a_code_for_everyone_with_a_limit_asks_for_the_card(till: Till) -> None:
    shared = make_voucher_type(
        terms={"kind": "percent", "percent": "10"},
        codes=VoucherType.Codes.SHARED,
        owner_only=False,
    )
    VoucherLimit.objects.create(voucher_type=shared, per="member", times=1)
    make_voucher(shared, CODE, max_uses=None)

    response = look(till)

    assert state_of(response) == ("amber", "member_unknown")
    assert "Scan the card first" in text_of(response)


def test_what_the_basket_lacks_says_nothing_before_its_total(
    till: Till, mai: Member
) -> None:
    with_terms(mai, kind="amount", amount="35000", minimum_value="100000")
    address = till.look_up(CODE)
    assert state_of(till.get(address)) == ("green", "")

    response = till.get(till.act(address, total="65.000"))

    assert state_of(response) == ("amber", "minimum_value")
    assert "It works from 100.000 ₫; 35.000 ₫ more is needed." in text_of(response)
    assert 'name="shown"' not in response.content.decode()


def test_somebody_elses_while_another_is_served(
    till: Till, voucher: Voucher, binh: Member, card: str
) -> None:
    served = till.look_up("BINH").split("/")[-2]

    response = till.get(till.look_up(CODE, served=served))

    assert state_of(response) == ("red", "not_yours")
    assert "Somebody else’s" in text_of(response)


def test_of_a_closed_membership(till: Till, voucher: Voucher, mai: Member) -> None:
    Member.objects.filter(pk=mai.pk).update(state=Member.State.BLOCKED)

    assert state_of(look(till)) == ("red", "membership_closed")


def test_ones_own_is_for_a_colleague(till: Till, voucher: Voucher, lan: User) -> None:
    TillStaff.objects.filter(user=lan).update(own_phone="+84912345678")

    response = look(till)

    assert state_of(response) == ("red", "own_membership")
    assert "A colleague has to serve you." in text_of(response)


def test_used_says_when_where_and_by_whom(till: Till, voucher: Voucher) -> None:
    sale = till.act(till.look_up(CODE), total="100000")
    till.confirm(sale)

    page = text_of(look(till))

    assert "Already used" in page
    assert f"{timezone.localtime():%d/%m/%Y} · Sông Nguyễn Huệ" in page
    assert "lan" in page


def test_kinds_that_count_pieces_ask_for_lines(till: Till, mai: Member) -> None:
    Product.objects.create(sku="TS1", name="Trà sữa", category="Trà")
    with_terms(mai, kind="buy_get", buy=1, get=1, products={"skus": ["TS1"]})
    address = till.look_up(CODE)
    body = till.get(address).content.decode()
    assert "This voucher looks at what is bought." in body
    assert '<option value="sku:TS1" selected>Trà sữa</option>' in body

    told = {"quantity": ["2", "1"], "price": ["45.000", "20.000"], "word": ["sku:TS1", ""]}
    page = text_of(till.get(till.act(address, **told)))

    assert "Order not recorded: no order number 110.000 ₫" in page
    assert "−45.000 ₫" in page
    assert "To pay 65.000 ₫" in page


def test_lines_that_make_no_sense_are_refused_and_kept(till: Till, mai: Member) -> None:
    with_terms(mai, kind="cheapest", every=2)
    address = till.look_up(CODE)

    for told, says in (
        ({"quantity": ["1"], "price": [""]}, "Type what is bought"),
        ({"quantity": ["0"], "price": ["5000"]}, "write 1 or more"),
        ({"quantity": ["x"], "price": ["5000"]}, "is no quantity"),
        ({"quantity": ["1"], "price": ["much"]}, "is no amount"),
        ({"quantity": ["1"] * 31, "price": ["5000"] * 31}, "At most 30 lines"),
    ):
        response = till.post(address, told)
        assert response.status_code == 400
        assert says in text_of(response)
        assert f'value="{told["price"][0]}"' in response.content.decode()


@pytest.mark.parametrize(
    ("total", "says"),
    [
        ("", "Type the total"),
        ("lots", "is no amount"),
        ("-5", "is no amount"),
        ("0,5", "is no amount of money"),
        ("99999999999999", "too large"),
    ],
)
def test_a_total_that_makes_no_sense_is_refused(
    till: Till, voucher: Voucher, total: str, says: str
) -> None:
    response = till.post(till.look_up(CODE), {"total": total})

    assert response.status_code == 400
    assert says in text_of(response)


def test_how_it_is_paid_is_asked_where_the_terms_ask(till: Till, mai: Member) -> None:
    with_terms(mai, kind="percent", percent="10", payment_methods=["MoMo"])
    address = till.look_up(CODE)
    assert state_of(till.get(address)) == ("green", "")

    by_cash = till.get(till.act(address, total="100000", payment_method=""))
    by_momo = till.get(till.act(address, total="100000", payment_method="MoMo"))

    assert state_of(by_cash) == ("amber", "payment_method")
    assert "To pay 90.000 ₫" in text_of(by_momo)


def test_delivery_is_asked_where_it_is_taken_off(till: Till, mai: Member) -> None:
    with_terms(mai, kind="free_delivery")
    address = till.look_up(CODE)

    page = text_of(till.get(till.act(address, total="120000", delivery="20000")))

    assert "To pay 100.000 ₫" in page
    too_much = till.post(address, {"total": "10000", "delivery": "20000"})
    assert "part of the total" in text_of(too_much)


def test_a_page_needs_the_same_few_queries(
    till: Till, voucher: Voucher, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    address = till.look_up(CODE)

    with django_assert_max_num_queries(16):
        till.get(address)
