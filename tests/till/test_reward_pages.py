"""Rewards at the counter: redeemed after a look at the consequence, paid, handed over."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from activities.models import Store
from members.models import Member
from points.models import Wallet
from points.queries import balances
from rewards.models import Fulfilment, FulfilmentEvent, Redemption, Reward, Voucher
from rewards.services import lapse_unpaid, redeem_reward
from tests.points.helpers import assert_proved, give
from tests.rewards.helpers import make_benefit, make_reward
from tests.till.helpers import Till, state_of, text_of
from till.models import TillAct

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _rich(mai: Member, wallet: Wallet, card: str) -> None:
    give(mai, 500, "opening", timezone.now())


@pytest.fixture
def mug(db: None) -> Reward:
    """A mug for 150 points and 20.000 ₫."""
    gift = make_benefit("gift", name="Mug")
    return make_reward(
        gift, code="mug", name="The mug", price_points=150, price_amount=Decimal(20_000)
    )


def choose(till: Till, card: str, code: str) -> str:
    return till.act(f"{till.look_up(card)}reward/", code=code)


def points(member: Member) -> int:
    return balances([member.pk])[member.pk]


def test_before_and_after_are_shown_first(till: Till, card: str, mai: Member) -> None:
    make_reward()
    address = choose(till, card, "coffee")

    page = text_of(till.get(address))

    assert "Nguyễn Thị Mai has 500 điểm" in page
    assert "Price −100 điểm" in page
    assert "Keeps 400 điểm" in page
    assert not Redemption.objects.exists()


def test_a_voucher_is_redeemed_and_can_be_used_at_once(
    till: Till, card: str, mai: Member
) -> None:
    make_reward()
    address = choose(till, card, "coffee")

    done = till.act(address)

    page = text_of(till.get(done))
    voucher = Voucher.objects.get()
    assert "Redeemed Free coffee" in page
    assert "The member has now 400 điểm" in page
    assert f'value="{voucher.code}"' in till.get(done).content.decode()
    act = TillAct.objects.get()
    assert (act.kind, act.proof, act.paid_points) == ("redemption", "card", 100)
    assert Redemption.objects.get().actor == "lan"
    assert till.look_up(voucher.code).startswith("/till/voucher/")
    assert_proved()


def test_a_second_tap_redeems_nothing_more(till: Till, card: str, mai: Member) -> None:
    make_reward()
    address = choose(till, card, "coffee")
    first = till.act(address)

    assert till.act(address) == first
    assert till.get(address)["Location"] == first
    assert (Redemption.objects.count(), points(mai)) == (1, 400)


def test_what_cannot_be_had_says_why(till: Till, card: str, mai: Member) -> None:
    reward = make_reward(stock=1)
    address = choose(till, card, "coffee")
    Reward.objects.filter(pk=reward.pk).update(taken=1)

    for response in (till.get(address), till.post(address)):
        assert response.status_code == 409
        assert "All of them are taken." in text_of(response)
    assert points(mai) == 500
    assert not TillAct.objects.exists()


def test_with_money_it_is_kept_until_paid(
    till: Till, card: str, mug: Reward, mai: Member, store: Store
) -> None:
    member = till.look_up(card)
    done = till.act(till.act(f"{member}reward/", code="mug"))
    page = text_of(till.get(done))
    assert "Kept for the member Take 20.000 ₫ now" in page
    redemption = Redemption.objects.get()
    assert redemption.state == "unpaid"
    assert "The mug until" in text_of(till.get(member))

    pay = till.act(f"{member}redemption/", code=redemption.code)
    assert "Take 20.000 ₫" in text_of(till.get(pay))
    paid = till.act(pay)

    assert "Paid The mug" in text_of(till.get(paid))
    redemption.refresh_from_db()
    assert (redemption.state, redemption.paid_to) == ("done", "Sông Nguyễn Huệ")
    gift = Fulfilment.objects.get()
    assert (gift.method, gift.store, gift.state) == ("pick_up", store, "new")
    assert till.act(pay) == paid
    assert TillAct.objects.filter(kind="payment").count() == 1


@pytest.fixture
def from_home(mug: Reward, mai: Member) -> Redemption:
    """The mug as mai redeemed it on her own phone."""
    return redeem_reward(member=mai, reward=mug, key="k", at=timezone.now())


def test_a_number_shown_on_their_phone_is_paid(till: Till, from_home: Redemption) -> None:
    address = till.look_up(from_home.code)
    response = till.get(address)
    assert state_of(response)[0] == "green"

    till.act(address)

    act = TillAct.objects.get()
    assert (act.kind, act.proof, act.to_pay) == ("payment", "voucher", 20_000)


def test_paid_already_says_when_and_where(
    till: Till, other_till: Till, from_home: Redemption
) -> None:
    till.act(till.look_up(from_home.code))

    response = other_till.get(other_till.look_up(from_home.code))

    assert state_of(response)[0] == "amber"
    assert "Paid already" in text_of(response)
    assert "Sông Nguyễn Huệ" in text_of(response)


def test_not_paid_in_time_takes_no_money(
    till: Till, from_home: Redemption, mai: Member
) -> None:
    address = till.look_up(from_home.code)
    Redemption.objects.update(pay_until=timezone.now() - timedelta(seconds=1))
    lapse_unpaid(at=timezone.now())

    page = text_of(till.get(address))
    assert "Not paid in time Take no money." in page
    refused = till.post(address)
    assert refused.status_code == 409
    assert points(mai) == 500
    assert not TillAct.objects.exists()


def test_a_gift_that_waits_is_handed_over(
    till: Till, card: str, from_home: Redemption, store: Store, lan: User
) -> None:
    till.act(till.look_up(from_home.code))
    Fulfilment.objects.update(method="pick_up", store=store, state=Fulfilment.State.READY)
    member = till.look_up(card)
    page = till.get(member).content.decode()
    key = Fulfilment.objects.get().given.key
    assert f'value="{key}"' in page

    address = till.act(f"{member}gift/", gift=key)
    assert "This cannot be undone." in text_of(till.get(address))
    done = till.act(address)

    assert "Handed over Mug" in text_of(till.get(done))
    assert Fulfilment.objects.get().state == "done"
    event = FulfilmentEvent.objects.order_by("-pk")[0]
    assert (event.state, event.by) == ("done", lan)
    assert till.act(address) == done
    refused = till.post(f"{done}undo/")
    assert refused.status_code == 409


def test_a_gift_that_is_not_packed_goes_all_its_steps(
    till: Till, card: str, mug: Reward
) -> None:
    member = till.look_up(card)
    till.act(till.act(f"{member}reward/", code="mug"))
    code = Redemption.objects.get().code
    till.act(till.act(f"{member}redemption/", code=code))
    address = till.act(f"{member}gift/", gift=Fulfilment.objects.get().given.key)
    assert "not marked as ready yet" in text_of(till.get(address))

    till.act(address)

    states = FulfilmentEvent.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == ["new", "packed", "ready", "done"]


def test_a_phone_number_hands_over_nothing(
    till: Till, from_home: Redemption, store: Store
) -> None:
    till.act(till.look_up(from_home.code))
    Fulfilment.objects.update(method="pick_up", store=store, state="ready")
    member = till.look_up("0912345678")
    key = Fulfilment.objects.get().given.key
    assert key not in till.get(member).content.decode()

    assert till.post(f"{member}gift/", {"gift": key}).status_code == 404
    assert Fulfilment.objects.get().state == "ready"


def test_a_gift_of_another_store_is_not_here(
    till: Till, card: str, from_home: Redemption, other_store: Store
) -> None:
    till.act(till.look_up(from_home.code))
    Fulfilment.objects.update(method="pick_up", store=other_store, state="ready")
    member = till.look_up(card)

    key = Fulfilment.objects.get().given.key
    assert till.post(f"{member}gift/", {"gift": key}).status_code == 404


def test_the_number_of_a_redemption_opens_its_gift(
    till: Till, from_home: Redemption, store: Store
) -> None:
    till.act(till.look_up(from_home.code))
    Fulfilment.objects.update(method="pick_up", store=store, state="ready")
    redemption = till.look_up(from_home.code)
    token = redemption.split("/")[-2]
    key = Fulfilment.objects.get().given.key
    assert f"/till/member/{token}/gift/" in till.get(redemption).content.decode()

    till.act(till.act(f"/till/member/{token}/gift/", gift=key))

    assert TillAct.objects.get(kind="gift").proof == "voucher"
