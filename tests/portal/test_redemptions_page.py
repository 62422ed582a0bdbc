"""My gifts: what waits for me, what is on its way, and giving one up in time."""

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
from core.models import Programme
from members.models import Member
from points.models import Wallet
from points.queries import balances
from portal.pictures import qr_code
from portal.views import redemptions
from rewards.booking import choose_slot
from rewards.giving import Giving, give_benefit
from rewards.models import (
    Benefit,
    Booking,
    Fulfilment,
    FulfilmentEvent,
    GivenBenefit,
    Redemption,
    Reward,
    Slot,
)
from rewards.services import choose_handover, confirm_payment, redeem_reward
from tests.points.helpers import assert_proved, give
from tests.portal.conftest import SignIn
from tests.rewards.helpers import make_benefit, make_reward, reread

pytestmark = pytest.mark.django_db
HOME = {
    "method": "delivery",
    "recipient": "Nguyễn Thị Mai",
    "phone": "0912345678",
    "address": "12 Lê Lợi",
    "province": "Huế",
}


@pytest.fixture
def at() -> datetime:
    return timezone.now()


@pytest.fixture
def browser(mai: Member, wallet: Wallet, at: datetime, signed_in: SignIn) -> Client:
    """Mai's browser; she has 1.000 points."""
    give(mai, 1000, "opening", at)
    client = signed_in(mai)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


@pytest.fixture
def mug(db: None) -> Reward:
    return make_reward(make_benefit(Benefit.Kind.GIFT), code="mug", name="A mug", stock=5)


@pytest.fixture
def lesson(db: None) -> Benefit:
    return make_benefit(Benefit.Kind.EXPERIENCE, name="A lesson")


def redeem(member: Member, reward: Reward, key: str = "k", **fields: Any) -> Redemption:
    at = fields.pop("at", timezone.now())
    return redeem_reward(member=member, reward=reward, key=key, at=at, **fields)


def given(member: Member, benefit: Benefit, key: str = "tier:1") -> GivenBenefit:
    """Give a benefit that nobody redeemed."""
    return give_benefit(Giving(benefit, member.pk, key, "tier"), at=timezone.now())


def make_slot(lesson: Benefit, at: datetime, **fields: Any) -> Slot:
    return Slot.objects.create(
        benefit=lesson,
        **{"starts_at": at, "ends_at": at + timedelta(hours=1), "capacity": 2} | fields,
    )


def text_of(response: HttpResponse) -> str:
    return " ".join(response.content.decode().split())


def page_of(client: Client, path: str = "/redemptions/") -> str:
    response = client.get(path)
    assert response.status_code == 200
    return text_of(response)


def detail(client: Client, redemption: Redemption) -> str:
    return page_of(client, f"/redemptions/{redemption.code}/")


def section(page: str, title: str) -> list[str]:
    _before, _title, rest = page.partition(f">{title}</h2>")
    return re.findall(r'href="(/(?:redemptions|gifts)/[\w-]+/)"', rest.partition("<h2")[0])


def points(member: Member) -> int:
    return balances([member.pk])[member.pk]


# --- The list ---------------------------------------------------------------------------


def test_what_waits_for_me_comes_first(
    browser: Client, mai: Member, mug: Reward, lesson: Benefit, at: datetime
) -> None:
    paid = make_reward(mug.benefit, code="bag", price_amount=Decimal(50000))
    unpaid = redeem(mai, paid, "unpaid", wishes=HOME)
    asked = given(mai, mug.benefit)
    sent = redeem(mai, mug, "sent", wishes=HOME)
    later = given(mai, lesson, "tier:2")
    booked = given(mai, lesson, "tier:3")
    slot = make_slot(lesson, at + timedelta(days=1))
    choose_slot(Booking.objects.get(given=booked), slot_id=slot.pk, at=at)
    tree = redeem(mai, make_reward(make_benefit(Benefit.Kind.DONATION), code="tree"), "t")
    voucher = redeem(mai, make_reward(code="tea"), "v")
    page = page_of(browser)

    assert set(section(page, "Waiting for you")) == {
        f"/redemptions/{unpaid.code}/",
        f"/gifts/{asked.pk}/",
        f"/gifts/{later.pk}/",
    }
    assert set(section(page, "On their way, and booked")) == {
        f"/redemptions/{sent.code}/",
        f"/gifts/{booked.pk}/",
    }
    assert section(page, "Done") == [f"/redemptions/{tree.code}/"]
    assert voucher.code not in page
    assert 'Gifts <span class="count is-calling">5</span>' in page


def test_what_ended_is_remembered_for_ninety_days(
    browser: Client, mai: Member, mug: Reward, lesson: Benefit, at: datetime
) -> None:
    tree = make_reward(make_benefit(Benefit.Kind.DONATION), code="tree")
    redeem(mai, tree, "old", at=at - timedelta(days=91))
    new = redeem(mai, tree, "new", at=at - timedelta(days=89))
    done = redeem(mai, mug, "done", wishes=HOME, at=at - timedelta(days=200))
    Fulfilment.objects.update(state="done", changed_at=at - timedelta(days=91))
    been = given(mai, lesson)
    slot = make_slot(lesson, at - timedelta(days=2))
    Booking.objects.update(state="attended", slot=slot)
    page = page_of(browser)

    assert set(section(page, "Done")) == {
        f"/redemptions/{new.code}/",
        f"/gifts/{been.pk}/",
    }
    assert done.code not in page


def test_too_late_to_pay_is_over_before_the_night_says_so(
    browser: Client, mai: Member, mug: Reward, at: datetime
) -> None:
    Reward.objects.update(price_amount=Decimal(1000), payment_hours=24)
    late = redeem(mai, mug, wishes=HOME, at=at - timedelta(hours=25))
    page = page_of(browser)

    assert section(page, "Done") == [f"/redemptions/{late.code}/"]
    assert "not paid in time" in page
    page = detail(browser, late)
    assert "paper-qr" not in page
    assert "Your 100 điểm come back to you." in page
    assert "cancel/" not in page


def test_nothing_yet_says_what_would_stand_here(browser: Client) -> None:
    page = page_of(browser)

    assert "No gifts yet" in page
    assert 'href="/rewards/"' in page


def test_asks_the_database_no_more_for_many_things(
    browser: Client,
    mai: Member,
    mug: Reward,
    lesson: Benefit,
    at: datetime,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    store = Store.objects.create(code="nh", name="Sông Nguyễn Huệ")
    tree = make_reward(make_benefit(Benefit.Kind.DONATION), code="tree", price_points=0)
    Reward.objects.update(stock=None, price_points=0)

    def add(number: int) -> None:
        redeem(mai, mug, f"m{number}", wishes=HOME)
        redeem(mai, tree, f"t{number}")
        given(mai, mug.benefit, f"g{number}")
        booking = Booking.objects.get(given=given(mai, lesson, f"b{number}"))
        slot = make_slot(lesson, at + timedelta(days=1, hours=number), store=store)
        choose_slot(booking, slot_id=slot.pk, at=at)

    add(0)
    with django_assert_num_queries(7):
        browser.get("/redemptions/")
    for number in range(1, 13):
        add(number)
    with django_assert_num_queries(7):
        browser.get("/redemptions/")


# --- One --------------------------------------------------------------------------------


def test_an_unpaid_one_shows_the_till_what_to_ask_for(
    browser: Client, mai: Member, mug: Reward
) -> None:
    Reward.objects.update(price_amount=Decimal(50000))
    redemption = redeem(mai, mug, wishes=HOME)
    page = detail(browser, redemption)
    until = timezone.localtime(redemption.pay_until)

    assert f'd="{qr_code(redemption.code).path}"' in page
    assert "Pay 50.000 ₫ at the till" in page
    assert f"by {until:%H:%M %d/%m/%Y}" in page
    assert "your 100 điểm come back" in page
    assert "Nguyễn Thị Mai, 12 Lê Lợi, Huế" in page


def test_after_paying_it_says_so(browser: Client, mai: Member, mug: Reward) -> None:
    Reward.objects.update(price_amount=Decimal(50000))
    redemption = redeem(mai, mug, wishes=HOME)
    confirm_payment(redemption=redemption, at=timezone.now(), paid_to="till 1")
    page = detail(browser, redemption)

    assert "paper-qr" not in page
    assert "<dt>Paid</dt>" in page
    assert "100 điểm + 50.000 ₫" in page
    assert "till 1" not in page


def test_a_gift_tells_how_far_it_is(
    browser: Client, mai: Member, mug: Reward, at: datetime
) -> None:
    redemption = redeem(mai, mug, wishes=HOME)
    gift = Fulfilment.objects.get()
    for hours, state in enumerate(("packed", "shipped"), start=1):
        FulfilmentEvent.objects.create(
            fulfilment=gift, state=state, happened_at=at + timedelta(hours=hours)
        )
    Fulfilment.objects.update(state="shipped", carrier="GHN", tracking="GHN123")
    page = detail(browser, redemption)
    steps = re.findall(r"<li( class=\"is-reached\")?( aria-current=\"step\")?>", page)

    assert [bool(reached) for reached, _now in steps] == [True, True, True, False]
    assert [bool(now) for _reached, now in steps] == [False, False, True, False]
    assert "<dt>GHN</dt><dd>GHN123</dd>" in page
    # It is on its way: no form to change the address any more.
    assert "/address/" not in page


def test_one_that_came_back_says_whom_to_ask(
    browser: Client, mai: Member, mug: Reward
) -> None:
    Programme.objects.update(support_phone="1900 1234")
    redemption = redeem(mai, mug, wishes=HOME)
    Fulfilment.objects.update(state="returned")

    assert "Please call 1900 1234." in detail(browser, redemption)


def test_staff_s_own_words_stay_with_them(
    browser: Client, mai: Member, mug: Reward
) -> None:
    redemption = redeem(mai, mug, wishes=HOME)
    Fulfilment.objects.update(note="khách khó tính")
    FulfilmentEvent.objects.update(note="rang rồi")
    page = detail(browser, redemption)

    assert "khách khó tính" not in page
    assert "rang rồi" not in page


@pytest.mark.parametrize("code", ["NOTHING", "x" * 300])
def test_an_unknown_number_is_not_found(browser: Client, code: str) -> None:
    assert browser.get(f"/redemptions/{code}/").status_code == 404


def test_strangers_find_and_change_nothing(
    browser: Client, mai: Member, binh: Member, mug: Reward, lesson: Benefit, at: datetime
) -> None:
    give(binh, 1000, "binh", at)
    theirs = redeem(binh, mug)
    gift, booking = theirs.given, given(binh, lesson)
    assert gift is not None
    slot = make_slot(lesson, at + timedelta(days=1))
    answers = [
        browser.get(f"/redemptions/{theirs.code}/"),
        browser.get(f"/redemptions/{theirs.code}/cancel/"),
        browser.post(f"/redemptions/{theirs.code}/cancel/"),
        browser.get(f"/gifts/{gift.pk}/"),
        browser.post(f"/gifts/{gift.pk}/address/", HOME),
        browser.post(f"/gifts/{booking.pk}/time/", {"slot": str(slot.pk)}),
        browser.get(f"/gifts/{'9' * 30}/"),
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert reread(theirs).state == "done"
    assert Fulfilment.objects.get().state == "asked"
    assert Booking.objects.get().state == "open"


@pytest.mark.parametrize(
    "path", ["redemptions/", "redemptions/X/", "redemptions/X/cancel/", "gifts/1/"]
)
def test_a_visitor_is_asked_to_sign_in(client: Client, path: str) -> None:
    assert client.get(f"/{path}")["Location"].startswith("/sign-in/?next=")


def test_refuses_other_methods(browser: Client) -> None:
    assert browser.post("/redemptions/").status_code == 405
    assert browser.post("/redemptions/X/").status_code == 405
    assert browser.put("/redemptions/X/cancel/").status_code == 405
    assert browser.get("/gifts/1/address/").status_code == 405
    assert browser.get("/gifts/1/time/").status_code == 405


def test_needs_the_token_of_the_site(browser: Client, mai: Member, mug: Reward) -> None:
    redemption = redeem(mai, mug)
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = browser.cookies

    assert strict.post(f"/redemptions/{redemption.code}/cancel/").status_code == 403
    assert reread(redemption).state == "done"


# --- Where it goes ----------------------------------------------------------------------


def test_a_gift_without_an_address_asks_for_it(
    browser: Client, mai: Member, mug: Reward
) -> None:
    gift = given(mai, mug.benefit)
    page = page_of(browser, f"/gifts/{gift.pk}/")
    assert "A gift waits for you." in page
    assert 'value="Nguyễn Thị Mai"' in page
    response = browser.post(f"/gifts/{gift.pk}/address/", HOME)

    assert response["Location"] == f"/gifts/{gift.pk}/"
    assert Fulfilment.objects.get().address == "12 Lê Lợi"
    page = page_of(browser, f"/gifts/{gift.pk}/")
    assert "Noted. We get it ready for you." in page
    assert "being prepared" in page


def test_it_can_be_changed_until_it_is_packed(
    browser: Client, mai: Member, mug: Reward
) -> None:
    redemption = redeem(mai, mug, wishes=HOME)
    address = f"/gifts/{redemption.given_id}/address/"
    assert f'action="{address}"' in detail(browser, redemption)
    response = browser.post(address, HOME | {"address": "1 Hàng Bài"})
    assert response["Location"] == f"/redemptions/{redemption.code}/"
    assert Fulfilment.objects.get().address == "1 Hàng Bài"

    Fulfilment.objects.update(state="packed")
    response = browser.post(address, HOME | {"address": "2 Hàng Bài"})
    assert response.status_code == 409
    assert "The gift is packed already" in text_of(response)
    assert Fulfilment.objects.get().address == "1 Hàng Bài"


def test_an_incomplete_address_keeps_what_was_typed(
    browser: Client, mai: Member, mug: Reward
) -> None:
    gift = given(mai, mug.benefit)
    told = HOME | {"address": "", "province": "Cần Thơ"}
    response = browser.post(f"/gifts/{gift.pk}/address/", told)

    assert response.status_code == 400
    assert "Write who receives it and the full address." in text_of(response)
    assert 'value="Cần Thơ"' in text_of(response)
    assert Fulfilment.objects.get().state == "asked"


def test_a_booking_has_no_address_and_a_gift_no_time(
    browser: Client, mai: Member, mug: Reward, lesson: Benefit
) -> None:
    gift, booking = given(mai, mug.benefit), given(mai, lesson, "tier:2")

    assert browser.post(f"/gifts/{booking.pk}/address/", HOME).status_code == 404
    assert browser.post(f"/gifts/{gift.pk}/time/", {"slot": "1"}).status_code == 404


def test_what_has_a_redemption_is_shown_there(
    browser: Client, mai: Member, mug: Reward
) -> None:
    redemption = redeem(mai, mug)
    response = browser.get(f"/gifts/{redemption.given_id}/")

    assert response["Location"] == f"/redemptions/{redemption.code}/"


def test_points_that_were_given_have_no_page_here(
    browser: Client, mai: Member, wallet: Wallet
) -> None:
    gift = given(mai, make_benefit(Benefit.Kind.POINTS, wallet=wallet))

    assert browser.get(f"/gifts/{gift.pk}/").status_code == 404


# --- When -------------------------------------------------------------------------------


def test_a_time_is_chosen_and_moved(
    browser: Client, mai: Member, lesson: Benefit, at: datetime
) -> None:
    store = Store.objects.create(code="nh", name="Sông Nguyễn Huệ", address="12 NH")
    one = make_slot(lesson, at + timedelta(days=1), store=store, host="Hoàng Anh")
    two = make_slot(lesson, at + timedelta(days=2))
    booking = given(mai, lesson)
    path = f"/gifts/{booking.pk}/"
    assert "Book this time" in page_of(browser, path)
    response = browser.post(f"{path}time/", {"slot": str(one.pk)})
    assert response["Location"] == path
    page = page_of(browser, path)
    assert "Booked. See you then!" in page
    assert f"{timezone.localtime(one.starts_at):%d/%m/%Y}" in page
    assert "Sông Nguyễn Huệ" in page
    assert "Hoàng Anh" in page
    # The one that is booked is not offered again.
    assert re.findall(r'name="slot" value="(\d+)"', page) == [str(two.pk)]

    browser.post(f"{path}time/", {"slot": str(two.pk)})
    assert Booking.objects.get().slot == two
    assert list(Slot.objects.order_by("pk").values_list("taken", flat=True)) == [0, 1]


@pytest.mark.parametrize("slot", ["", "x", "999999"])
def test_a_time_that_is_none_is_refused(
    browser: Client, mai: Member, lesson: Benefit, at: datetime, slot: str
) -> None:
    make_slot(lesson, at + timedelta(days=1))
    booking = given(mai, lesson)
    response = browser.post(f"/gifts/{booking.pk}/time/", {"slot": slot})

    assert response.status_code == 400
    assert 'role="alert"' in text_of(response)
    assert Booking.objects.get().state == "open"


def test_a_time_that_has_begun_is_not_moved(
    browser: Client, mai: Member, lesson: Benefit, at: datetime
) -> None:
    begun = make_slot(lesson, at - timedelta(minutes=5), taken=1)
    free = make_slot(lesson, at + timedelta(days=1))
    booking = given(mai, lesson)
    Booking.objects.update(state="booked", slot=begun)
    path = f"/gifts/{booking.pk}/"

    assert 'name="slot"' not in page_of(browser, path)
    response = browser.post(f"{path}time/", {"slot": str(free.pk)})
    assert response.status_code == 409
    assert Booking.objects.get().slot == begun


def test_without_free_times_it_says_so(
    browser: Client, mai: Member, lesson: Benefit
) -> None:
    booking = given(mai, lesson)

    assert "There are no free times yet." in page_of(browser, f"/gifts/{booking.pk}/")


# --- Giving up --------------------------------------------------------------------------


def test_says_what_cancelling_means_and_does_it_on_the_second_tap(
    browser: Client, mai: Member, mug: Reward
) -> None:
    redemption = redeem(mai, mug, wishes=HOME)
    path = f"/redemptions/{redemption.code}/cancel/"
    assert f'href="{path}"' in detail(browser, redemption)
    page = page_of(browser, path)
    assert "<dt>Comes back to you</dt><dd>100 điểm</dd>" in page
    assert points(mai) == 900

    response = browser.post(path)
    assert response["Location"] == f"/redemptions/{redemption.code}/"
    assert points(mai) == 1000
    assert (reread(redemption).state, reread(redemption).ended_by) == (
        "cancelled",
        "portal",
    )
    mug.refresh_from_db()
    assert mug.taken == 0
    page = detail(browser, redemption)
    assert "Cancelled. Your points are back." in page
    assert "12 Lê Lợi" not in page
    assert_proved()

    # A second tap changes nothing.
    browser.post(path)
    assert points(mai) == 1000


def test_what_is_unpaid_can_be_given_up(browser: Client, mai: Member, mug: Reward) -> None:
    Reward.objects.update(price_amount=Decimal(50000))
    redemption = redeem(mai, mug, wishes=HOME)
    page = page_of(browser, f"/redemptions/{redemption.code}/cancel/")
    assert "<dt>Nothing more to pay</dt><dd>50.000 ₫</dd>" in page
    browser.post(f"/redemptions/{redemption.code}/cancel/")

    assert reread(redemption).state == "cancelled"
    assert points(mai) == 1000


@pytest.mark.parametrize("state", ["packed", "shipped", "ready", "done", "returned"])
def test_what_is_packed_is_not_given_up(
    browser: Client, mai: Member, mug: Reward, state: str
) -> None:
    redemption = redeem(mai, mug, wishes=HOME)
    Fulfilment.objects.update(state=state)
    path = f"/redemptions/{redemption.code}/cancel/"

    assert path not in detail(browser, redemption)
    assert browser.get(path)["Location"] == f"/redemptions/{redemption.code}/"
    assert browser.post(path)["Location"] == f"/redemptions/{redemption.code}/"
    assert reread(redemption).state == "done"
    assert points(mai) == 900


@pytest.mark.parametrize("kind", ["voucher", "experience", "donation", "points"])
def test_nor_what_is_no_gift(
    browser: Client, mai: Member, wallet: Wallet, kind: str
) -> None:
    fields = {"wallet": wallet} if kind == "points" else {}
    redemption = redeem(mai, make_reward(make_benefit(kind, **fields)))
    browser.post(f"/redemptions/{redemption.code}/cancel/")

    assert reread(redemption).state == "done"


def test_nor_what_was_paid_for_with_money(
    browser: Client, mai: Member, mug: Reward
) -> None:
    Reward.objects.update(price_amount=Decimal(50000))
    redemption = redeem(mai, mug, wishes=HOME)
    confirm_payment(redemption=redemption, at=timezone.now(), paid_to="till 1")
    browser.post(f"/redemptions/{redemption.code}/cancel/")

    assert reread(redemption).state == "done"
    assert points(mai) == 900


def test_one_packed_after_the_look_is_refused_under_the_lock(
    browser: Client, mai: Member, mug: Reward, monkeypatch: pytest.MonkeyPatch
) -> None:
    redemption = redeem(mai, mug, wishes=HOME)
    cancel = redemptions.cancel_own

    def pack_first(**asked: Any) -> Redemption:
        Fulfilment.objects.update(state="packed")
        return cancel(**asked)

    monkeypatch.setattr(redemptions, "cancel_own", pack_first)
    browser.post(f"/redemptions/{redemption.code}/cancel/")

    assert "This can no longer be cancelled here." in detail(browser, redemption)
    assert reread(redemption).state == "done"
    assert points(mai) == 900
    assert Fulfilment.objects.get().state == "packed"


def test_runs_nothing_that_was_typed(browser: Client, mai: Member, mug: Reward) -> None:
    redemption = redeem(mai, mug, wishes=HOME)
    wishes = HOME | {"recipient": "<script>alert(1)</script>"}
    choose_handover(fulfilment=Fulfilment.objects.get(), wishes=wishes, at=timezone.now())

    assert "<script>alert" not in detail(browser, redemption)
