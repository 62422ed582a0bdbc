"""One reward: what it means before it is taken, and taking it, once."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from activities.models import Store
from core.clock import local_date
from members.models import Member, Segment
from points.models import Wallet
from points.queries import balances
from portal.views import rewards as view
from rewards.choices import wants_itself
from rewards.errors import RewardUnavailable
from rewards.models import (
    Benefit,
    Booking,
    Fulfilment,
    GivenBenefit,
    Redemption,
    Reward,
    Slot,
    Tally,
    Voucher,
    VoucherType,
)
from rewards.services import redeem_reward
from tests.points.helpers import assert_proved, give
from tests.portal.conftest import SignIn
from tests.rewards.helpers import limit, make_benefit, make_reward, make_voucher_type

pytestmark = pytest.mark.django_db
HOME = {
    "method": "delivery",
    "recipient": "Nguyễn Thị Mai",
    "phone": "0912 345 678",
    "address": "12 Lê Lợi, phường Sài Gòn",
    "province": "TP. Hồ Chí Minh",
}


@pytest.fixture
def at() -> datetime:
    return timezone.now()


@pytest.fixture
def browser(mai: Member, wallet: Wallet, at: datetime, signed_in: SignIn) -> Client:
    """Mai's browser; she has 250 points."""
    give(mai, 250, "opening", at)
    client = signed_in(mai)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


@pytest.fixture
def store(db: None) -> Store:
    return Store.objects.create(
        code="nh", name="Sông Nguyễn Huệ", address="12 Nguyễn Huệ", province="TP. HCM"
    )


def page_of(client: Client, code: str = "coffee") -> str:
    response = client.get(f"/rewards/{code}/")
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def form_of(page: str) -> dict[str, str]:
    """Return what the form carries without being seen."""
    fields = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page)
    return {name: value for name, value in fields if name in ("token", "price")}


def take(client: Client, code: str = "coffee", **fields: str) -> HttpResponse:
    """Open the page and redeem."""
    told = {**form_of(page_of(client, code)), **fields}
    response: HttpResponse = client.post(f"/rewards/{code}/", told)
    return response


def points(member: Member) -> int:
    return balances([member.pk])[member.pk]


def assert_nothing_happened(member: Member, left: int = 250) -> None:
    assert points(member) == left
    assert not Redemption.objects.exists()
    assert not GivenBenefit.objects.exists()
    assert not Tally.objects.exists()
    assert not Reward.objects.filter(taken__gt=0).exists()
    assert_proved()


# --- Before -----------------------------------------------------------------------------


def test_says_what_it_means_before_it_is_taken(
    browser: Client, mai: Member, at: datetime
) -> None:
    voucher_type = make_voucher_type(valid_days=30)
    benefit = make_benefit(voucher_type=voucher_type)
    reward = make_reward(
        benefit,
        description="Một ly cà phê sữa.",
        fine_print="Không quy đổi thành tiền.",
        stock=3,
        active_until=at + timedelta(days=40),
    )
    limit(reward, 1, period="month")
    limit(reward, 10, per="everyone", period="day")
    page = page_of(browser)
    last_day = local_date(at) + timedelta(days=30)

    assert "<h1>Free coffee</h1>" in page
    assert "Một ly cà phê sữa." in page
    assert "Không quy đổi thành tiền." in page
    assert "<dt>You have</dt><dd>250 điểm</dd>" in page
    assert "<dt>You keep</dt><dd>150 điểm</dd>" in page
    assert "once a month" in page
    assert "10 a day for all members" in page
    assert "3 left" in page
    assert f"<dt>Voucher usable until</dt><dd>{last_day:%d/%m/%Y}" in page
    assert "Redeem for 100 điểm" in page
    assert "Points that are used do not come back." in page
    assert_nothing_happened(mai)


def test_what_is_missing_stands_where_the_button_would(
    browser: Client, mai: Member
) -> None:
    make_reward(price_points=600)
    page = page_of(browser)

    assert "350 điểm still missing" in page
    assert 'aria-valuenow="41"' in page
    assert "250 điểm of 600 điểm." in page
    assert "<form" not in page


def test_what_is_no_longer_offered_leads_back_to_the_shelf(browser: Client) -> None:
    make_reward(is_active=False)
    for code in ("coffee", "nothing"):
        response = browser.get(f"/rewards/{code}/")
        assert response.status_code == 404
        assert "This reward is no longer offered" in response.content.decode()
        assert 'href="/rewards/"' in response.content.decode()


def test_tells_who_took_one_a_moment_ago(
    browser: Client, mai: Member, binh: Member, at: datetime
) -> None:
    reward = make_reward(price_points=0)
    redeem_reward(member=binh, reward=reward, key="b", at=at)
    assert "You took one" not in page_of(browser)
    old = at - timedelta(hours=25)
    redeem_reward(member=mai, reward=reward, key="old", at=old)
    assert "You took one" not in page_of(browser)
    taken = redeem_reward(member=mai, reward=reward, key="m", at=at)

    assert f'href="/redemptions/{taken.code}/"' in page_of(browser)


# --- Taking -----------------------------------------------------------------------------


def test_one_tap_leads_to_the_voucher(browser: Client, mai: Member) -> None:
    make_reward()
    response = take(browser)
    voucher = Voucher.objects.get()

    assert (response.status_code, response["Location"]) == (
        302,
        f"/vouchers/{voucher.code}/",
    )
    assert voucher.member == mai
    assert points(mai) == 150
    redemption = Redemption.objects.get()
    assert (redemption.actor, redemption.state) == ("portal", "done")
    page = browser.get(response["Location"]).content.decode()
    assert "It is yours. Enjoy it!" in page
    assert_proved()


def test_two_taps_are_one_redemption(browser: Client, mai: Member) -> None:
    make_reward(stock=1)
    told = form_of(page_of(browser))
    first = browser.post("/rewards/coffee/", told)
    # The last one is gone by now, and the first tap has it.
    second = browser.post("/rewards/coffee/", told)

    assert first["Location"] == second["Location"]
    assert Redemption.objects.count() == 1
    assert points(mai) == 150


def test_a_tap_that_looked_too_early_finds_what_the_first_one_took(
    browser: Client, mai: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_reward(stock=1)
    told = form_of(page_of(browser))
    first = browser.post("/rewards/coffee/", told)
    # The second looked before the first was written, and is refused after it.
    answers = iter([None])
    look = view.redeemed_by
    monkeypatch.setattr(
        view, "redeemed_by", lambda member, told: next(answers, look(member, told))
    )
    monkeypatch.setattr(view, "redeem", _refuse)
    second = browser.post("/rewards/coffee/", told)

    assert second["Location"] == first["Location"]
    assert points(mai) == 150


def _refuse(**_asked: Any) -> Redemption:
    raise RewardUnavailable("All of them are taken.")


def test_another_tab_takes_nothing_by_itself(browser: Client, mai: Member) -> None:
    make_reward()
    make_reward(make_benefit(Benefit.Kind.DONATION), code="tree", price_points=50)
    one, other = form_of(page_of(browser)), form_of(page_of(browser, "tree"))
    assert one["token"] != other["token"]
    browser.post("/rewards/tree/", other)

    assert points(mai) == 200
    assert Redemption.objects.get().reward.code == "tree"
    browser.post("/rewards/coffee/", one)
    assert points(mai) == 100


def test_a_form_is_good_for_its_own_reward_only(browser: Client, mai: Member) -> None:
    make_reward()
    make_reward(make_benefit(Benefit.Kind.DONATION), code="tree", price_points=100)
    told = form_of(page_of(browser))
    first = browser.post("/rewards/coffee/", told)
    # The number is used: it answers what it was used for, and takes nothing else.
    second = browser.post("/rewards/tree/", told)

    assert second["Location"] == first["Location"]
    assert points(mai) == 150


def test_numbers_of_others_are_nothing_to_me(
    browser: Client, mai: Member, binh: Member, at: datetime, signed_in: SignIn
) -> None:
    give(binh, 100, "binh", at)
    make_reward()
    told = form_of(page_of(browser))
    browser.post("/rewards/coffee/", told)
    theirs = signed_in(binh).post("/rewards/coffee/", told)

    mine, his = Voucher.objects.order_by("pk")
    assert theirs["Location"] == f"/vouchers/{his.code}/"
    assert (mine.member, his.member) == (mai, binh)


@pytest.mark.parametrize(
    ("kind", "fields", "words"),
    [
        ("points", {"amount": 50}, "It is in your wallet"),
        ("donation", {"cause": "Rừng Cần Giờ"}, "Rừng Cần Giờ receives 20.000 ₫"),
    ],
)
def test_what_is_no_voucher_is_told_on_its_own_page(
    browser: Client, wallet: Wallet, kind: str, fields: dict[str, Any], words: str
) -> None:
    extra = {"wallet": wallet} if kind == "points" else {}
    make_reward(make_benefit(kind, **extra, **fields))
    response = take(browser)
    redemption = Redemption.objects.get()

    assert response["Location"] == f"/redemptions/{redemption.code}/"
    page = " ".join(browser.get(response["Location"]).content.decode().split())
    assert words in page
    assert ">100 điểm<" in page


def test_a_free_one_needs_no_points(browser: Client, mai: Member) -> None:
    make_reward(price_points=0)
    assert "Take it, free of charge" in page_of(browser)
    take(browser)

    assert points(mai) == 250
    assert Voucher.objects.get().member == mai


def test_who_pays_as_well_is_told_how_and_until_when(browser: Client, mai: Member) -> None:
    make_reward(price_amount=Decimal(50000), payment_hours=24)
    page = page_of(browser)
    assert "Keep it for me · 100 điểm" in page
    assert "Pay 50.000 ₫ at the till by" in page
    response = take(browser)
    redemption = Redemption.objects.get()
    page = " ".join(browser.get(response["Location"]).content.decode().split())
    until = timezone.localtime(redemption.pay_until)

    assert response["Location"] == f"/redemptions/{redemption.code}/"
    assert (redemption.state, points(mai)) == ("unpaid", 150)
    assert "Kept for you." in page
    assert "Pay 50.000 ₫ at the till" in page
    assert f"by {until:%H:%M %d/%m/%Y}" in page
    assert 'aria-label="QR code for the till"' in page
    assert not Voucher.objects.exists()


# --- Refusals ---------------------------------------------------------------------------


def test_points_spent_meanwhile_take_nothing(browser: Client, mai: Member) -> None:
    make_reward(price_points=200, stock=5)
    told = form_of(page_of(browser))
    give_away = make_reward(
        make_benefit(Benefit.Kind.DONATION), code="tree", price_points=150
    )
    redeem_reward(member=mai, reward=give_away, key="k", at=timezone.now())
    response = browser.post("/rewards/coffee/", told)
    page = response.content.decode()

    assert response.status_code == 409
    assert "100 điểm still missing" in page
    assert points(mai) == 100
    assert Redemption.objects.count() == 1
    assert Reward.objects.get(code="coffee").taken == 0


def test_the_last_one_gone_meanwhile_is_said(
    browser: Client, mai: Member, binh: Member
) -> None:
    reward = make_reward(price_points=0, stock=1)
    told = form_of(page_of(browser))
    redeem_reward(member=binh, reward=reward, key="b", at=timezone.now())
    response = browser.post("/rewards/coffee/", told)

    assert response.status_code == 409
    assert "All of them are taken." in response.content.decode()
    assert Redemption.objects.get().member == binh


@pytest.mark.parametrize("change", [{"price_points": 120}, {"price_amount": 1000}])
def test_only_the_price_that_was_read_is_taken(
    browser: Client, mai: Member, change: dict[str, int]
) -> None:
    make_reward()
    told = form_of(page_of(browser))
    Reward.objects.update(**change)
    response = browser.post("/rewards/coffee/", told)
    page = response.content.decode()

    assert response.status_code == 409
    assert "The price has changed meanwhile." in page
    assert_nothing_happened(mai)
    browser.post("/rewards/coffee/", form_of(" ".join(page.split())))
    assert Redemption.objects.count() == 1


@pytest.mark.parametrize("token", ["", "short", "x" * 41, "not a token at all!", "é" * 20])
def test_a_form_without_its_number_takes_nothing(
    browser: Client, mai: Member, token: str
) -> None:
    make_reward()
    response = take(browser, token=token)

    assert response.status_code == 400
    assert "Please try once more." in response.content.decode()
    assert_nothing_happened(mai)


def test_a_pool_without_codes_takes_nothing(browser: Client, mai: Member) -> None:
    pool = make_voucher_type(codes=VoucherType.Codes.POOL)
    make_reward(make_benefit(voucher_type=pool), stock=5)
    response = take(browser)

    assert response.status_code == 409
    assert "There are no codes left" in response.content.decode()
    assert_nothing_happened(mai)


# --- Gifts ------------------------------------------------------------------------------


def test_a_gift_is_sent_where_its_member_says(browser: Client, mai: Member) -> None:
    make_reward(make_benefit(Benefit.Kind.GIFT, delivery_fee=Decimal(25000)))
    page = page_of(browser)
    assert "You pay 25.000 ₫ to the carrier." in page
    assert 'value="0912 345 678"' in page
    assert 'value="Nguyễn Thị Mai"' in page
    assert "You can cancel until it is packed" in page
    response = take(browser, **HOME)
    gift = Fulfilment.objects.get()

    assert response["Location"] == f"/redemptions/{Redemption.objects.get().code}/"
    assert (gift.state, gift.method, gift.phone) == ("new", "delivery", "+84912345678")
    assert (gift.recipient, gift.address) == (HOME["recipient"], HOME["address"])
    page = " ".join(browser.get(response["Location"]).content.decode().split())
    assert HOME["address"] in page
    assert "25.000 ₫" in page


def test_a_gift_is_picked_up_in_a_store(browser: Client, mai: Member, store: Store) -> None:
    Store.objects.create(code="shut", name="Sông Đã Đóng", is_active=False)
    make_reward(make_benefit(Benefit.Kind.GIFT))
    page = page_of(browser)
    assert '<optgroup label="TP. HCM">' in page
    assert "Sông Nguyễn Huệ – 12 Nguyễn Huệ" in page
    assert "Sông Đã Đóng" not in page
    take(browser, method="pick_up", store=str(store.pk))

    gift = Fulfilment.objects.get()
    assert (gift.method, gift.store, gift.address) == ("pick_up", store, "")


def test_the_next_gift_knows_the_last_address(browser: Client, mai: Member) -> None:
    make_reward(make_benefit(Benefit.Kind.GIFT), price_points=10)
    take(browser, **HOME | {"recipient": "Cô Ba"})
    page = page_of(browser)

    assert 'value="Cô Ba"' in page
    assert ">12 Lê Lợi, phường Sài Gòn</textarea>" in page
    assert 'value="delivery" required checked' in page


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"method": ""}, "Choose delivery or pick-up."),
        ({"method": "drone"}, "Choose delivery or pick-up."),
        ({"method": "pick_up", "store": ""}, "Choose the store"),
        ({"method": "pick_up", "store": "x"}, "Choose the store"),
        ({"method": "pick_up", "store": "99999999999999999999"}, "Choose the store"),
        ({"address": " "}, "Write who receives it and the full address."),
        ({"recipient": "\x00"}, "Write who receives it and the full address."),
        ({"phone": "113"}, "no Vietnamese mobile number"),
    ],
)
def test_an_incomplete_wish_keeps_what_was_typed_and_takes_nothing(
    browser: Client, mai: Member, fields: dict[str, str], words: str
) -> None:
    make_reward(make_benefit(Benefit.Kind.GIFT), stock=3)
    response = take(browser, **HOME | {"province": "Huế"} | fields)
    page = response.content.decode()

    assert response.status_code == 400
    assert words in page
    assert 'value="Huế"' in page
    assert_nothing_happened(mai)


def test_a_closed_store_is_refused(browser: Client, mai: Member, store: Store) -> None:
    make_reward(make_benefit(Benefit.Kind.GIFT))
    Store.objects.update(is_active=False)
    response = take(browser, method="pick_up", store=str(store.pk))

    assert response.status_code == 400
    assert_nothing_happened(mai)


def test_a_gift_that_goes_one_way_asks_for_nothing_else(
    browser: Client, store: Store
) -> None:
    make_reward(make_benefit(Benefit.Kind.GIFT, handover="pick_up"))
    page = page_of(browser)
    assert 'name="method"' not in page
    assert 'name="address"' not in page
    take(browser, store=str(store.pk), method="delivery", address="x")

    assert Fulfilment.objects.get().method == "pick_up"


def test_a_gift_to_be_paid_is_asked_for_at_once(browser: Client, mai: Member) -> None:
    make_reward(make_benefit(Benefit.Kind.GIFT), price_amount=Decimal(1000))

    assert take(browser, **HOME | {"address": ""}).status_code == 400
    assert_nothing_happened(mai)
    response = take(browser, **HOME)
    page = browser.get(response["Location"]).content.decode()
    assert "Nguyễn Thị Mai, 12 Lê Lợi, phường Sài Gòn, TP. Hồ Chí Minh" in page


# --- Experiences ------------------------------------------------------------------------


@pytest.fixture
def lesson(db: None) -> Benefit:
    return make_benefit(Benefit.Kind.EXPERIENCE)


def make_slot(lesson: Benefit, at: datetime, **fields: Any) -> Slot:
    return Slot.objects.create(
        benefit=lesson,
        **{"starts_at": at, "ends_at": at + timedelta(hours=1), "capacity": 4} | fields,
    )


def test_a_time_is_chosen_with_the_reward(
    browser: Client, mai: Member, lesson: Benefit, store: Store, at: datetime
) -> None:
    make_reward(lesson)
    slot = make_slot(lesson, at + timedelta(days=1), store=store, host="Hoàng Anh", taken=1)
    make_slot(lesson, at + timedelta(days=2), taken=4)
    make_slot(lesson, at - timedelta(minutes=1))
    make_slot(lesson, at + timedelta(days=1), is_open=False)
    page = page_of(browser)
    assert re.findall(r'name="slot" value="(\w+)"', page) == [str(slot.pk), "later"]
    assert "3 places left" in page
    assert "with Hoàng Anh" in page
    assert "tomorrow" in page
    take(browser, slot=str(slot.pk))

    booking = Booking.objects.get()
    assert (booking.state, booking.slot, booking.member) == ("booked", slot, mai)
    slot.refresh_from_db()
    assert slot.taken == 2


def test_or_later(browser: Client, lesson: Benefit, at: datetime) -> None:
    make_reward(lesson)
    make_slot(lesson, at + timedelta(days=1))
    take(browser, slot="later")

    assert Booking.objects.get().state == "open"


@pytest.mark.parametrize("slot", ["", "x", "-1", "999999", "9" * 30])
def test_a_time_that_is_none_takes_nothing(
    browser: Client, mai: Member, lesson: Benefit, at: datetime, slot: str
) -> None:
    make_reward(lesson)
    make_slot(lesson, at + timedelta(days=1))

    assert take(browser, slot=slot).status_code == 400
    assert_nothing_happened(mai)
    assert not Booking.objects.exists()


def test_a_time_of_something_else_takes_nothing(
    browser: Client, mai: Member, lesson: Benefit, at: datetime
) -> None:
    make_reward(lesson)
    other = make_benefit(Benefit.Kind.EXPERIENCE, code="other")
    slot = make_slot(other, at + timedelta(days=1))

    assert take(browser, slot=str(slot.pk)).status_code == 400
    assert_nothing_happened(mai)
    slot.refresh_from_db()
    assert slot.taken == 0


def test_who_pays_first_chooses_the_time_afterwards(
    browser: Client, lesson: Benefit, at: datetime
) -> None:
    make_reward(lesson, price_amount=Decimal(1000))
    make_slot(lesson, at + timedelta(days=1))

    assert 'name="slot"' not in page_of(browser)
    take(browser)
    assert Redemption.objects.get().wishes == {}


# --- Who and how ------------------------------------------------------------------------


def test_a_visitor_is_asked_to_sign_in_and_takes_nothing(client: Client) -> None:
    make_reward(price_points=0)

    assert client.get("/rewards/coffee/")["Location"] == (
        "/sign-in/?next=%2Frewards%2Fcoffee%2F"
    )
    assert client.post("/rewards/coffee/")["Location"].startswith("/sign-in/")
    assert not Redemption.objects.exists()


def test_what_is_for_others_is_refused(browser: Client, mai: Member) -> None:
    group = Segment.objects.create(
        code="vip", name="VIP", conditions={"all": [{"field": "follows_oa", "is": "yes"}]}
    )
    reward = make_reward()
    told = form_of(page_of(browser))
    Reward.objects.filter(pk=reward.pk).update(audience=group)
    response = browser.post("/rewards/coffee/", told)

    assert response.status_code == 409
    assert "Only for: VIP." in response.content.decode()
    assert_nothing_happened(mai)


def test_needs_the_token_of_the_site(browser: Client, mai: Member) -> None:
    make_reward()
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = browser.cookies

    assert strict.post("/rewards/coffee/", form_of(page_of(browser))).status_code == 403
    assert_nothing_happened(mai)


def test_refuses_other_methods(browser: Client) -> None:
    assert browser.put("/rewards/coffee/").status_code == 405


def test_runs_nothing_that_is_written(browser: Client) -> None:
    make_reward(
        make_benefit(Benefit.Kind.GIFT),
        name="<script>alert(1)</script>",
        description="<img src=x>",
        fine_print="<b>x</b>",
    )
    page = take(browser, **HOME | {"phone": "", "address": "</textarea><img>"})
    text = page.content.decode()

    assert "<script>alert" not in text
    assert "<img" not in text
    assert "<b>x" not in text


def test_asks_the_database_no_more_for_many_times_and_stores(
    browser: Client,
    lesson: Benefit,
    store: Store,
    at: datetime,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    limit(make_reward(lesson), 3)
    make_reward(make_benefit(Benefit.Kind.GIFT), code="mug")
    make_slot(lesson, at + timedelta(days=1), store=store)
    with django_assert_num_queries(13):
        browser.get("/rewards/coffee/")
    with django_assert_num_queries(15):
        browser.get("/rewards/mug/")
    for n in range(30):
        other = Store.objects.create(code=f"s{n}", name=f"S {n}", province=f"P {n % 3}")
        make_slot(lesson, at + timedelta(days=n), store=other)
    with django_assert_num_queries(13):
        browser.get("/rewards/coffee/")
    with django_assert_num_queries(15):
        browser.get("/rewards/mug/")


# --- What redeems itself ------------------------------------------------------------------


def test_what_redeems_itself_can_be_switched_off_and_on(
    browser: Client, mai: Member, wallet: Wallet, at: datetime
) -> None:
    reward = make_reward(price_points=100, redeems_itself=True, redeems_from=500)
    page = browser.get("/rewards/coffee/").content.decode()
    assert "Redeems itself at 500" in page
    assert 'aria-checked="true"' in page

    browser.post("/rewards/coffee/itself/", {"wants": "off"})
    page = browser.get("/rewards/coffee/").content.decode()
    assert "Can redeem itself at 500" in page
    assert not wants_itself(mai.pk, reward)

    answer = browser.post("/rewards/coffee/itself/", {"wants": "on"}, follow=True)
    assert "You get it by itself when you have enough." in answer.content.decode()
    assert wants_itself(mai.pk, reward)


def test_what_does_not_redeem_itself_has_no_switch(browser: Client, wallet: Wallet) -> None:
    make_reward(price_points=100)
    assert 'role="switch"' not in browser.get("/rewards/coffee/").content.decode()
    assert browser.post("/rewards/coffee/itself/", {"wants": "on"}).status_code == 404
