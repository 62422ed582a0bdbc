"""A member at the counter: what is shown, what their number opens, the code that proves."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from activities.models import Store
from members.models import Member
from messaging.models import Message, MessageTemplate
from points.models import Wallet
from points.services import Grant, grant_points
from portal.models import SignInCode
from rewards.models import Voucher, VoucherType
from tests import factories
from tests.points.helpers import give
from tests.rewards.helpers import make_benefit, make_reward
from tests.tiers.helpers import make_ladder
from tests.till.helpers import Till, make_shop_staff, make_voucher, state_of, text_of
from till.models import TillStaff

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _wallet(wallet: Wallet) -> None:
    pass


@pytest.fixture
def template(db: None) -> MessageTemplate:
    """The template that carries one-time codes."""
    return MessageTemplate.objects.create(
        code="sign-in-code",
        name="Mã",
        purpose=MessageTemplate.Purpose.ONE_TIME_CODE,
        zalo_template_id="400002",
        sends_by_uid=False,
        body="Mã của bạn là <otp>.",
    )


def test_name_points_money_and_vouchers(
    till: Till, mai: Member, card: str, off20: VoucherType
) -> None:
    give(mai, 1250, "a", timezone.now())
    cash = factories.make_wallet(code="cash", name="Hoàn tiền", kind=Wallet.Kind.CASHBACK)
    grant = Grant(mai.pk, 45_000, "cash", None)
    grant_points(grants=[grant], at=timezone.now(), wallet=cash)
    make_voucher(off20, "DEMO2024X", mai)
    make_voucher(off20, "OLD11111", mai, valid_until=timezone.now())
    make_voucher(off20, "USED1111", mai, uses=1)

    page = text_of(till.get(till.look_up(card)))

    assert "Nguyễn Thị Mai" in page
    assert "1.250 điểm" in page
    assert "Hoàn tiền: 45.000 ₫" in page
    assert "09•• ••• 678" in page
    assert "912345678" not in page
    assert "1234 5678 9012" in page
    assert page.count("20% off drinks") == 1


def test_the_tier_and_its_perks(till: Till, mai: Member, card: str) -> None:
    ladder = make_ladder()
    name = ladder.tiers.order_by("pk").first()

    page = text_of(till.get(till.look_up(card)))

    assert name is not None
    assert name.name in page


def test_rewards_they_can_have_now(till: Till, mai: Member, card: str) -> None:
    give(mai, 120, "a", timezone.now())
    make_reward()
    make_reward(make_benefit("gift"), code="mug", name="Mug", price_points=500)

    page = text_of(till.get(till.look_up(card)))

    assert "Free coffee 100 điểm" in page
    assert "Mug" not in page


def test_what_is_missing_for_the_nearest_reward(till: Till, mai: Member, card: str) -> None:
    give(mai, 40, "a", timezone.now())
    make_reward()

    page = text_of(till.get(till.look_up(card)))

    assert "Free coffee: 60 điểm are still missing." in page


def test_a_phone_number_opens_nothing_that_is_spent(
    till: Till, mai: Member, off20: VoucherType
) -> None:
    give(mai, 500, "a", timezone.now())
    make_voucher(off20, "DEMO2024X", mai)
    make_reward()
    address = till.look_up("0912345678")
    body = till.get(address).content.decode()
    assert "DEMO2024X" not in body
    assert 'name="code"' not in body

    # Nor for who sends the forms anyway.
    assert till.act(f"{address}voucher/", code="DEMO2024X") == address
    reward = till.act(f"{address}reward/", code="coffee")
    response = till.post(reward)

    assert response.status_code == 403
    assert "A phone number alone spends nothing." in text_of(response)
    assert Voucher.objects.count() == 1


def test_the_card_counts_for_fifteen_minutes(
    till: Till, mai: Member, card: str, off20: VoucherType
) -> None:
    make_voucher(off20, "DEMO2024X", mai)
    address = till.look_up(card)
    token = address.split("/")[-2]
    session = till.session
    facts = session["till"]["shown"][token]
    facts["since"] = (timezone.now() - timedelta(minutes=15, seconds=1)).isoformat()
    session["till"] = session["till"]
    session.save()

    assert "number only" in text_of(till.get(address))
    assert till.act(f"{address}voucher/", code="DEMO2024X") == address


def test_a_code_to_their_phone_proves_them(
    till: Till, mai: Member, template: MessageTemplate, off20: VoucherType
) -> None:
    make_voucher(off20, "DEMO2024X", mai)
    address = till.look_up("0912345678")

    assert till.act(f"{address}send-code/") == f"{address}code/"
    page = text_of(till.get(f"{address}code/"))
    assert "the Zalo of 09•• ••• 678" in page
    code = str(Message.objects.get().context["otp"])
    other = "000000" if code != "000000" else "111111"
    wrong = till.post(f"{address}code/", {"code": other})
    assert wrong.status_code == 400
    assert "That is not the code we sent." in text_of(wrong)

    assert till.act(f"{address}code/", code=code) == address

    assert "Showed who they are." in text_of(till.get(address))
    assert till.act(f"{address}voucher/", code="DEMO2024X").startswith("/till/voucher/")
    # The code was good once.
    again = till.post(f"{address}code/", {"code": code})
    assert "no longer valid" in text_of(again)


def test_the_code_is_good_for_this_serving_only(
    till: Till, mai: Member, template: MessageTemplate, store: Store
) -> None:
    address = till.look_up("0912345678")
    till.act(f"{address}send-code/")
    code = str(Message.objects.get().context["otp"])
    assert SignInCode.objects.get().purpose == "till"

    other = till.look_up("0912345678")
    assert till.post(f"{other}code/", {"code": code}).status_code == 400

    make_shop_staff("hoa", store)
    colleague = Till("hoa")
    theirs = colleague.look_up("0912345678")
    assert colleague.post(f"{theirs}code/", {"code": code}).status_code == 400


def test_codes_are_bounded(till: Till, mai: Member, template: MessageTemplate) -> None:
    address = till.look_up("0912345678")
    till.act(f"{address}send-code/")

    refused = till.post(f"{address}send-code/")

    assert refused.status_code == 429
    assert "You have just asked for a code." in text_of(refused)
    assert Message.objects.count() == 1


def test_who_has_no_phone_is_told_so(till: Till, template: MessageTemplate) -> None:
    factories.make_member(code="NOPHONE", name="Không Số")
    address = till.look_up("NOPHONE")

    refused = till.post(f"{address}send-code/")

    assert "We know no phone of yours" in text_of(refused)


@pytest.mark.parametrize("state", [Member.State.BLOCKED, Member.State.LEFT])
def test_a_closed_membership_is_not_served(till: Till, mai: Member, state: str) -> None:
    Member.objects.filter(pk=mai.pk).update(state=state)
    address = till.look_up("0912345678")

    response = till.get(address)

    assert response.status_code == 403
    assert state_of(response)[0] == "red"
    assert "This membership is closed." in text_of(response)
    order = till.post(f"{address}order/", {"total": "5000"})
    assert order.status_code == 403


def test_ones_own_membership_is_for_a_colleague(
    till: Till, other_till: Till, mai: Member, lan: User
) -> None:
    TillStaff.objects.filter(user=lan).update(own_phone="+84912345678")

    response = till.get(till.look_up("0912345678"))

    assert response.status_code == 403
    assert "A colleague has to serve you." in text_of(response)
    assert other_till.get(other_till.look_up("0912345678")).status_code == 200


def test_what_a_member_has_adds_no_queries(
    till: Till,
    mai: Member,
    card: str,
    off20: VoucherType,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    give(mai, 500, "a", timezone.now())
    for number in range(8):
        make_voucher(off20, f"DEMO000{number}", mai)
        benefit = make_benefit("gift", code=f"gift{number}")
        make_reward(benefit, code=f"r{number}", price_amount=Decimal(number))
    address = till.look_up(card)

    with django_assert_max_num_queries(28):
        till.get(address)
