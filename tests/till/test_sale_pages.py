"""From voucher or member to the done page: shown first, done once, kept when refused."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from activities.models import Order
from members.models import Member
from points.models import Wallet
from points.queries import balances
from rewards.models import Voucher, VoucherType, VoucherUse
from tests.points.helpers import give
from tests.rewards.helpers import make_voucher_type
from tests.till.helpers import Till, make_voucher, state_of, text_of
from till.models import TillAct

pytestmark = pytest.mark.django_db
CODE = "DEMO2024X"


@pytest.fixture
def voucher(off20: VoucherType, mai: Member, wallet: Wallet) -> Voucher:
    return make_voucher(off20, CODE, mai)


@pytest.fixture
def rich(mai: Member, wallet: Wallet, card: str) -> Member:
    give(mai, 500, "opening", timezone.now())
    return mai


def shown_on(till: Till, address: str) -> str:
    found = re.search(r'name="shown" value="([^"]*)"', till.get(address).content.decode())
    assert found is not None
    return found[1]


def test_voucher_total_confirm_done(till: Till, voucher: Voucher) -> None:
    sale = till.act(till.look_up(CODE), total="100.000")
    page = text_of(till.get(sale))
    assert "Voucher 20% of 100.000 ₫. −20.000 ₫" in page
    assert "To pay 80.000 ₫" in page
    assert "not recorded: no order number" in page

    done = till.confirm(sale)

    page = text_of(till.get(done))
    assert "Voucher used Take 80.000 ₫." in page
    assert VoucherUse.objects.get().state == "used"
    assert not Order.objects.exists()


def test_with_a_number_its_owner_earns(till: Till, voucher: Voucher, mai: Member) -> None:
    sale = till.act(till.look_up(CODE), total="100000", number=" HD-1 ")
    assert "recorded for Nguyễn Thị Mai" in text_of(till.get(sale))

    page = text_of(till.get(till.confirm(sale)))

    assert "Order number HD-1" in page
    assert "Earned +8 điểm" in page
    assert "The member has now 8 điểm" in page
    assert TillAct.objects.get().proof == "voucher"


def test_a_second_tap_does_nothing_more(till: Till, voucher: Voucher) -> None:
    sale = till.act(till.look_up(CODE), total="100000", number="HD1")
    shown = shown_on(till, sale)
    first = till.act(sale, shown=shown)

    again = till.act(sale, shown=shown)

    assert again == first
    assert (VoucherUse.objects.count(), Order.objects.count()) == (1, 1)
    # Going back with the browser's own button leads to what was done.
    assert till.get(sale)["Location"] == first


def test_used_at_another_till_meanwhile(
    till: Till, other_till: Till, voucher: Voucher
) -> None:
    sale = till.act(till.look_up(CODE), total="100000")
    shown = shown_on(till, sale)
    other = other_till.act(other_till.look_up(CODE), total="50000")
    other_till.confirm(other)

    response = till.post(sale, {"shown": shown})

    assert response.status_code == 400
    assert state_of(response) == ("red", "used")
    assert VoucherUse.objects.count() == 1


def test_changing_it_finds_what_was_typed(till: Till, voucher: Voucher) -> None:
    sale = till.act(till.look_up(CODE), total="100000", number="HD1")
    body = till.get(sale).content.decode()
    back = re.search(r'href="(/till/voucher/[^"]+\?from=[^"]+)"', body)
    assert back is not None

    body = till.get(back[1]).content.decode()

    assert 'value="100.000"' in body
    assert 'value="HD1"' in body


def test_a_members_order(till: Till, rich: Member, card: str) -> None:
    member = till.look_up(card)
    sale = till.act(f"{member}order/", total="120.000", number="HD1")

    page = text_of(till.get(till.confirm(sale)))

    assert "Order recorded Take 120.000 ₫." in page
    assert "Earned +12 điểm" in page
    assert "The member has now 512 điểm" in page
    assert TillAct.objects.get().proof == "card"


def test_paying_with_points(till: Till, rich: Member, card: str) -> None:
    member = till.look_up(card)
    page = text_of(till.get(f"{member}order/"))
    assert "Điểm: 500 điểm · 10 điểm pay 1.000 ₫, in whole blocks" in page

    sale = till.act(f"{member}order/", total="80000", pay_points="on")
    page = text_of(till.get(sale))
    assert "Paid with points 400 điểm −40.000 ₫" in page

    page = text_of(till.get(till.confirm(sale)))
    assert "Take 40.000 ₫." in page
    assert Order.objects.get().points_amount == 40_000


def test_fewer_points_than_asked_for_say_why(till: Till, rich: Member, card: str) -> None:
    member = till.look_up(card)

    told = {"total": "80000", "pay_points": "on", "points": "455"}
    page = text_of(till.get(till.act(f"{member}order/", **told)))

    assert "Only 400 points can pay: whole blocks of 10." in page


def test_by_phone_number_neither_points_nor_vouchers_are_offered(
    till: Till, rich: Member, voucher: Voucher
) -> None:
    member = till.look_up("0912345678")
    page = text_of(till.get(f"{member}order/"))
    assert "scan the member’s card first" in page
    assert "Pay with points" not in page

    # Nor taken from who sends them anyway.
    told = {"total": "80000", "pay_points": "on", "code": CODE}
    sale = till.act(f"{member}order/", **told)
    response = till.get(sale)

    assert response.status_code == 403
    assert "A phone number alone spends nothing." in text_of(response)
    assert not VoucherUse.objects.exists()


def test_a_voucher_chosen_with_the_order(
    till: Till, rich: Member, voucher: Voucher, card: str
) -> None:
    member = till.look_up(card)

    told = {"total": "100000", "code": CODE, "pay_points": "on", "points": "100"}
    sale = till.act(f"{member}order/", **told)
    page = text_of(till.get(sale))
    assert "To pay 70.000 ₫" in page

    till.confirm(sale)

    assert VoucherUse.objects.get().order == Order.objects.get()
    assert balances([rich.pk]) == {rich.pk: 500 - 100 + 7}


def test_a_voucher_that_asks_for_more_goes_to_its_own_page(
    till: Till, rich: Member, card: str
) -> None:
    make_voucher(make_voucher_type(terms={"kind": "cheapest", "every": 2}), CODE, rich)
    member = till.look_up(card)

    address = till.act(f"{member}order/", total="100000", code=CODE)

    assert address.startswith("/till/voucher/")
    told = {"quantity": ["2"], "price": ["30000"], "pay_points": "on", "points": "100"}
    sale = till.act(address, **told)
    page = text_of(till.get(sale))
    assert "recorded for Nguyễn Thị Mai" in page
    assert "To pay 20.000 ₫" in page


def test_somebody_elses_voucher_is_no_choice(
    till: Till, rich: Member, binh: Member, off20: VoucherType, card: str
) -> None:
    make_voucher(off20, "BINHS111", binh)
    member = till.look_up(card)

    response = till.post(f"{member}order/", {"total": "100000", "code": "BINHS111"})

    assert response.status_code == 404
    assert "no longer there" in text_of(response)


def test_a_known_number_is_said_so(till: Till, rich: Member, card: str) -> None:
    member = till.look_up(card)
    till.confirm(till.act(f"{member}order/", total="120000", number="HD1"))
    sale = till.act(f"{member}order/", total="90000", number="HD1")

    response = till.post(sale, {"shown": shown_on(till, sale)})

    assert response.status_code == 409
    assert "Order HD1 was recorded before" in text_of(response)
    assert (Order.objects.count(), TillAct.objects.count()) == (1, 1)


def test_new_amounts_have_to_be_confirmed_anew(
    till: Till, rich: Member, card: str, today: datetime
) -> None:
    member = till.look_up(card)
    sale = till.act(f"{member}order/", total="200000", pay_points="on")
    shown = shown_on(till, sale)
    give(rich, 200, "meanwhile", today)

    response = till.post(sale, {"shown": shown})

    assert response.status_code == 409
    page = text_of(response)
    assert "It comes to something else now." in page
    assert "−70.000 ₫" in page
    assert not Order.objects.exists()
    till.confirm(sale)
    assert Order.objects.get().points_amount == 70_000


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"total": ""}, "Type the total"),
        ({"total": "5000", "number": "x" * 61}, "at most 60 signs"),
        ({"total": "5000", "pay_points": "on", "points": "0"}, "above zero"),
        ({"total": "5000", "pay_points": "on", "points": "many"}, "is no amount"),
    ],
)
def test_what_makes_no_sense_is_refused_and_kept(
    till: Till, rich: Member, card: str, told: dict[str, str], says: str
) -> None:
    response = till.post(f"{till.look_up(card)}order/", told)

    assert response.status_code == 400
    assert says in text_of(response)
    if told["total"]:
        assert f'value="{told["total"]}"' in response.content.decode()


def test_undo_from_the_done_page(till: Till, voucher: Voucher, mai: Member) -> None:
    done = till.confirm(till.act(till.look_up(CODE), total="100000", number="HD1"))
    assert "Undo" in text_of(till.get(done))

    assert till.act(f"{done}undo/") == done

    page = text_of(till.get(done))
    assert "Undone Give 80.000 ₫ back if it was paid." in page
    assert VoucherUse.objects.get().state == "rolled_back"
    assert till.act(f"{done}undo/") == done
    assert state_of(till.get(till.look_up(CODE))) == ("green", "")


def test_undo_too_late_says_who_can(till: Till, voucher: Voucher) -> None:
    done = till.confirm(till.act(till.look_up(CODE), total="100000"))
    long_ago = timezone.now() - timedelta(minutes=11)
    TillAct.objects.update(happened_at=long_ago)
    assert "Undo" not in text_of(till.get(done))

    response = till.post(f"{done}undo/")

    assert response.status_code == 409
    assert "Customer care can" in text_of(response)
    assert VoucherUse.objects.get().state == "used"
