"""Giving points to a friend: shown first, proved by a code of its own, made once."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from core.models import Programme, RateLimit
from members.models import Identifier, Member
from messaging.models import Message, MessageTemplate
from points.models import Transfer, Wallet
from points.queries import balances
from points.services import gift_points, spend_points
from portal.models import SignInCode
from portal.sign_in import request_code
from portal.views import giving
from tests import factories
from tests.points.helpers import assert_proved, give, lots
from tests.portal.conftest import SignIn, shown

pytestmark = pytest.mark.django_db
MAI, BINH, NOBODY = "+84912345678", "0987 654 321", "0355 555 555"
UNKNOWN = "Nobody with this number can receive points."


@pytest.fixture(autouse=True)
def _template(template: MessageTemplate) -> None:
    pass


@pytest.fixture
def wallet(db: None) -> Wallet:
    return factories.make_wallet(transfers_allowed=True, transfer_fee_percent=Decimal(10))


@pytest.fixture
def browser(mai: Member, binh: Member, wallet: Wallet, signed_in: SignIn) -> Client:
    """Mai's browser; she has 100 points that end on 31/12/2089."""
    give(mai, 100, "earned", timezone.now(), date(2089, 12, 31))
    client = signed_in(mai)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def fill_in(client: Client, **fields: str) -> HttpResponse:
    told = {"phone": BINH, "amount": "50", "note": "", **fields}
    response: HttpResponse = client.post("/points/give/", told)
    return response


def ask_for_code(client: Client) -> str:
    client.post("/points/give/code/")
    return str(Message.objects.latest("pk").context["otp"])


def confirm(client: Client, code: str, token: str = "") -> HttpResponse:
    told = {"token": token or token_of(client), "code": code}
    response: HttpResponse = client.post("/points/give/confirm/", told)
    return response


def token_of(client: Client) -> str:
    return str(client.session["gift"]["token"])


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


def assert_nothing_moved(mai: Member, binh: Member) -> None:
    assert balances([mai.pk, binh.pk]) == {mai.pk: 100, binh.pk: 0}
    assert not Transfer.objects.filter(kind__in=["gift", "fee"]).exists()


# --- The way ----------------------------------------------------------------------------


def test_the_points_page_leads_here_only_where_the_wallet_allows_it(
    browser: Client, wallet: Wallet
) -> None:
    assert 'href="/points/give/"' in browser.get("/points/").content.decode()
    Wallet.objects.update(transfers_allowed=False)

    assert 'href="/points/give/"' not in browser.get("/points/").content.decode()


def test_the_form_says_the_terms(browser: Client, wallet: Wallet) -> None:
    Wallet.objects.update(transfer_minimum=10, transfer_daily_limit=5000)
    page = browser.get("/points/give/").content.decode()

    assert "100 điểm" in page
    assert "At least 10 điểm, at most 5.000 điểm a day." in page
    assert "A fee of 10 % comes on top." in page


def test_says_what_it_means_before_it_is_done(
    browser: Client, mai: Member, binh: Member
) -> None:
    response = fill_in(browser, note="Mừng sinh nhật")
    assert (response.status_code, response["Location"]) == (302, "/points/give/confirm/")
    page = shown(browser.get("/points/give/confirm/"))

    assert "Trần V. B…" in page
    assert "Bình" not in page
    assert "0987 654 321" in page
    assert "50 điểm" in page
    assert "Mừng sinh nhật" in page
    assert "<dt>Fee</dt><dd>5 điểm</dd>" in page
    assert "<dt>You keep</dt><dd>45 điểm</dd>" in page
    assert "You cannot take a gift back." in page
    assert "09•• ••• 678" in page
    assert 'name="code"' not in page
    assert_nothing_moved(mai, binh)


def test_gives_with_the_right_code(
    browser: Client, mai: Member, binh: Member, signed_in: SignIn
) -> None:
    fill_in(browser, note="Mừng sinh nhật")
    response = confirm(browser, ask_for_code(browser))
    gift = Transfer.objects.get(kind="gift")
    assert response["Location"] == f"/points/give/done/{gift.pk}/"
    page = browser.get(response["Location"]).content.decode()

    assert "Trần V. B… has your <strong>50 điểm</strong>." in page
    assert "<dt>You have now</dt><dd>45 điểm</dd>" in page
    assert balances([mai.pk, binh.pk]) == {mai.pk: 45, binh.pk: 50}
    assert lots(binh) == [(date(2089, 12, 31), 50)]
    assert (gift.actor, gift.note) == ("portal", "Mừng sinh nhật")
    assert SignInCode.objects.get().used_at is not None
    assert RateLimit.objects.get(key__startswith="sign-in-failures").count == 0
    assert_proved()

    theirs = signed_in(binh).get("/history/", headers={"accept-language": "en"})
    assert "Points received" in theirs.content.decode()
    assert "+50<" in theirs.content.decode()
    assert "Nguyễn T. M…" in theirs.content.decode()
    assert "Mừng sinh nhật" in theirs.content.decode()
    mine = browser.get("/history/").content.decode()
    assert "Points given" in mine
    assert "−50<" in mine
    assert "Trần V. B…" in mine
    assert "−5<" in mine


def test_the_code_goes_to_the_givers_own_phone_proved_last(
    browser: Client, mai: Member
) -> None:
    Identifier.objects.create(
        member=mai, kind="phone", value="+84399999999", verified_at=timezone.now()
    )
    fill_in(browser)
    ask_for_code(browser)

    assert Message.objects.get().address == "+84399999999"
    assert SignInCode.objects.get().purpose == "gift"


def test_money_is_typed_and_shown_as_money(
    mai: Member, binh: Member, wallet: Wallet, signed_in: SignIn
) -> None:
    Programme.objects.update(currency="USD")
    Wallet.objects.update(kind="cashback", transfer_fee_percent=0)
    give(mai, 2500, "earned", timezone.now())
    client = signed_in(mai)
    fill_in(client, amount="10.50")
    page = client.get("/points/give/confirm/").content.decode()

    assert "10,50 $" in page
    assert "14,50 $" in page
    confirm(client, ask_for_code(client))
    assert balances([mai.pk, binh.pk]) == {mai.pk: 1450, binh.pk: 1050}


def test_what_was_typed_is_there_to_be_changed(browser: Client) -> None:
    fill_in(browser, amount="50", note="Chào")
    page = browser.get("/points/give/").content.decode()

    assert 'value="0987 654 321"' in page
    assert 'value="50"' in page
    assert 'value="Chào"' in page


# --- Codes ------------------------------------------------------------------------------


def test_a_wrong_code_moves_nothing(browser: Client, mai: Member, binh: Member) -> None:
    fill_in(browser)
    response = confirm(browser, wrong(ask_for_code(browser)))

    assert response.status_code == 400
    assert "You can try 4 more times." in response.content.decode()
    assert "Trần V. B…" in response.content.decode()
    assert_nothing_moved(mai, binh)


def test_after_five_wrong_codes_the_right_one_no_longer_counts(
    browser: Client, mai: Member, binh: Member
) -> None:
    fill_in(browser)
    code = ask_for_code(browser)
    for _time in range(5):
        confirm(browser, wrong(code))
    response = confirm(browser, code)

    assert response.status_code == 429
    assert_nothing_moved(mai, binh)


def test_an_expired_code_moves_nothing(browser: Client, mai: Member, binh: Member) -> None:
    fill_in(browser)
    code = ask_for_code(browser)
    SignInCode.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    response = confirm(browser, code)

    assert "This code is no longer valid." in response.content.decode()
    assert_nothing_moved(mai, binh)


def test_without_a_code_nothing_moves(browser: Client, mai: Member, binh: Member) -> None:
    fill_in(browser)

    assert confirm(browser, "").status_code == 400
    assert confirm(browser, "123456").status_code == 400
    assert_nothing_moved(mai, binh)


def test_a_code_to_sign_in_gives_nothing(
    browser: Client, mai: Member, binh: Member
) -> None:
    fill_in(browser)
    signin = request_code(phone=MAI, browser=token_of(browser), ip=None, at=timezone.now())
    code = Message.objects.get(key=f"code:{signin.pk}").context["otp"]
    response = confirm(browser, code)

    assert "This code is no longer valid." in response.content.decode()
    assert_nothing_moved(mai, binh)


def test_a_code_to_give_signs_nobody_in(browser: Client, client: Client) -> None:
    client.post("/sign-in/", {"phone": MAI})
    to_sign_in = Message.objects.get().context["otp"]
    fill_in(browser)
    code = ask_for_code(browser)
    assert code != to_sign_in, "one in a million"
    SignInCode.objects.filter(purpose="gift").update(
        browser=client.session["sign_in_browser"]
    )
    client.post("/sign-in/code/", {"code": code})

    assert "member_id" not in client.session


def test_a_code_is_good_for_the_gift_that_was_shown_only(
    browser: Client, mai: Member, binh: Member
) -> None:
    fill_in(browser, amount="10")
    code = ask_for_code(browser)
    fill_in(browser, amount="90")
    response = confirm(browser, code)

    assert "This code is no longer valid." in response.content.decode()
    assert_nothing_moved(mai, binh)


def test_a_form_of_another_tab_gives_nothing(
    browser: Client, mai: Member, binh: Member
) -> None:
    fill_in(browser, amount="10")
    old = token_of(browser)
    fill_in(browser, amount="20")
    response = confirm(browser, ask_for_code(browser), token=old)

    assert response["Location"] == "/points/give/confirm/"
    assert_nothing_moved(mai, binh)


def test_codes_keep_the_limits_of_signing_in(browser: Client) -> None:
    fill_in(browser)
    ask_for_code(browser)
    response = browser.post("/points/give/code/")

    assert response.status_code == 429
    assert int(response["Retry-After"]) <= 60
    assert SignInCode.objects.count() == 1


def test_codes_of_both_kinds_count_together(browser: Client) -> None:
    now = timezone.now()
    for minute in range(5, 0, -1):
        at = now - timedelta(minutes=minute)
        request_code(phone=MAI, browser="b", ip=None, at=at)
    fill_in(browser)

    assert browser.post("/points/give/code/").status_code == 429


def test_who_has_just_signed_in_need_not_wait_for_the_code(browser: Client) -> None:
    request_code(phone=MAI, browser="b", ip=None, at=timezone.now())
    fill_in(browser)

    assert browser.post("/points/give/code/").status_code == 302
    # The code to sign in still counts: it is another one's.
    assert SignInCode.objects.filter(expires_at__gt=timezone.now()).count() == 2


def test_without_a_phone_of_ones_own_there_is_no_code(browser: Client, mai: Member) -> None:
    fill_in(browser)
    mai.identifiers.all().delete()
    response = browser.post("/points/give/code/")

    assert response.status_code == 409
    assert "We know no phone of yours" in response.content.decode()
    assert SignInCode.objects.count() == 0


# --- Once -------------------------------------------------------------------------------


def test_a_second_tap_shows_the_same_gift(
    browser: Client, mai: Member, binh: Member
) -> None:
    fill_in(browser)
    code, token = ask_for_code(browser), token_of(browser)
    first = confirm(browser, code, token)
    second = confirm(browser, code, token)

    assert second["Location"] == first["Location"]
    assert balances([mai.pk, binh.pk]) == {mai.pk: 45, binh.pk: 50}


def test_a_second_tap_under_way_shows_the_same_gift(
    browser: Client, mai: Member, binh: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gift of the first tap is made after the second one has looked for it."""
    fill_in(browser)
    code, token = ask_for_code(browser), token_of(browser)
    kept = browser.session["gift"]
    first = confirm(browser, code, token)
    session = browser.session
    session["gift"] = kept
    session.save()
    answers = iter([None])
    look = giving.gift_of
    monkeypatch.setattr(
        giving, "gift_of", lambda member, key: next(answers, look(member, key))
    )
    second = confirm(browser, code, token)

    assert second["Location"] == first["Location"]
    assert balances([mai.pk, binh.pk]) == {mai.pk: 45, binh.pk: 50}


# --- Refusals ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"phone": "12345"}, "no Vietnamese mobile number"),
        ({"phone": "0912345678"}, "That is your own number."),
        ({"amount": ""}, "Write how many you want to give"),
        ({"amount": "0"}, "Write how many you want to give"),
        ({"amount": "-5"}, "Write how many you want to give"),
        ({"amount": "1,5"}, "Write how many you want to give"),
        ({"amount": "many"}, "is no amount"),
        ({"amount": "9" * 30}, "Write how many you want to give"),
        ({"amount": "95"}, "This takes 104 điểm, any fee included; you can use 100 điểm."),
        ({"phone": NOBODY}, UNKNOWN),
        ({"phone": "a\x00b"}, "no Vietnamese mobile number"),
    ],
)
def test_says_what_is_wrong_and_keeps_what_was_typed(
    browser: Client, mai: Member, binh: Member, fields: dict[str, str], words: str
) -> None:
    response = fill_in(browser, note="Chào", **fields)
    page = response.content.decode()

    assert response.status_code in (400, 404, 409)
    assert words in page
    assert 'value="Chào"' in page
    assert "gift" not in browser.session
    assert_nothing_moved(mai, binh)


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ({"transfer_minimum": 60}, "The smallest gift is 60 điểm."),
        ({"transfer_daily_limit": 49}, "At most 49 điểm a day"),
        ({"transfer_member_days": 9999}, "after 9999 days of membership"),
    ],
)
def test_the_wallets_terms_are_kept_before_anyone_is_looked_up(
    browser: Client, mai: Member, binh: Member, terms: dict[str, Any], words: str
) -> None:
    Wallet.objects.update(**terms)
    response = fill_in(browser, phone=NOBODY)

    assert response.status_code == 409
    assert words in response.content.decode()
    assert UNKNOWN not in response.content.decode()
    assert_nothing_moved(mai, binh)


def test_the_days_limit_counts_what_was_given(
    browser: Client, mai: Member, binh: Member, wallet: Wallet
) -> None:
    Wallet.objects.update(transfer_daily_limit=60, transfer_fee_percent=0)
    wallet.refresh_from_db()
    now = timezone.now()
    gift_points(giver=mai, receiver=binh, amount=20, key="g", at=now, wallet=wallet)

    assert "At most 60 điểm a day" in fill_in(browser, amount="41").content.decode()
    assert fill_in(browser, amount="40").status_code == 302


@pytest.mark.parametrize("state", [Member.State.BLOCKED, Member.State.LEFT])
def test_who_is_not_active_looks_like_nobody(
    browser: Client, binh: Member, state: str
) -> None:
    nobody = fill_in(browser, phone=NOBODY)
    Member.objects.filter(pk=binh.pk).update(state=state)
    blocked = fill_in(browser)

    assert blocked.status_code == nobody.status_code == 404
    told = shown(blocked).replace("0987 654 321", "").replace(NOBODY, "")
    assert told == shown(nobody).replace(NOBODY, "")


def test_nobody_can_try_many_numbers(browser: Client, mai: Member, binh: Member) -> None:
    for n in range(10):
        response = fill_in(browser, phone=f"035555550{n}")
        assert UNKNOWN in response.content.decode()
    known, unknown = fill_in(browser), fill_in(browser, phone=NOBODY)

    assert known.status_code == unknown.status_code == 429
    assert "You have tried many numbers." in known.content.decode()
    assert "You have tried many numbers." in unknown.content.decode()
    assert int(known["Retry-After"]) <= 3600
    assert "gift" not in browser.session


def test_finding_friends_counts_as_much_as_missing_them(browser: Client) -> None:
    for _time in range(10):
        assert fill_in(browser).status_code == 302

    assert fill_in(browser).status_code == 429


def test_others_are_not_held_up_by_ones_tries(
    browser: Client, binh: Member, signed_in: SignIn
) -> None:
    for n in range(11):
        fill_in(browser, phone=f"0355555{n:03d}")
    give(binh, 100, "binh", timezone.now())

    assert fill_in(signed_in(binh), phone=MAI).status_code == 302


def test_points_spent_meanwhile_are_missed_before_the_code(
    browser: Client, mai: Member, binh: Member
) -> None:
    fill_in(browser)
    code = ask_for_code(browser)
    spend_points(member=mai, amount=60, key="s", at=timezone.now())
    response = confirm(browser, code)

    assert response.status_code == 409
    assert balances([mai.pk, binh.pk]) == {mai.pk: 40, binh.pk: 0}
    # The code was right, and is not used up by what did not happen.
    assert SignInCode.objects.get().used_at is None
    assert "you can use 40 điểm" in browser.get("/points/give/confirm/").content.decode()


def test_a_wallet_switched_off_meanwhile_gives_nothing(
    browser: Client, mai: Member, binh: Member
) -> None:
    fill_in(browser)
    code = ask_for_code(browser)
    Wallet.objects.update(transfers_allowed=False)

    assert confirm(browser, code).status_code == 409
    assert_nothing_moved(mai, binh)


# --- Who --------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["", "confirm/", "code/", "done/1/"])
def test_a_visitor_is_asked_to_sign_in(client: Client, path: str) -> None:
    method = client.post if path == "code/" else client.get
    response = method(f"/points/give/{path}")

    assert response.status_code == 302
    assert response["Location"].startswith("/sign-in/?next=")


def test_only_the_giver_sees_the_result(
    browser: Client, binh: Member, signed_in: SignIn
) -> None:
    fill_in(browser)
    done = confirm(browser, ask_for_code(browser))["Location"]

    assert signed_in(binh).get(done)["Location"] == "/history/"
    earned = Transfer.objects.get(key="earned")
    assert browser.get(f"/points/give/done/{earned.pk}/")["Location"] == "/history/"
    assert browser.get(f"/points/give/done/{'9' * 30}/")["Location"] == "/history/"


def test_without_a_gift_on_the_screen_one_begins_at_the_form(browser: Client) -> None:
    assert browser.get("/points/give/confirm/")["Location"] == "/points/give/"
    assert browser.post("/points/give/code/")["Location"] == "/points/give/"


def test_where_gifts_are_not_allowed_one_is_led_back(browser: Client) -> None:
    Wallet.objects.update(transfers_allowed=False)

    assert browser.get("/points/give/")["Location"] == "/points/"
    assert fill_in(browser)["Location"] == "/points/"


def test_refuses_other_methods(browser: Client) -> None:
    assert browser.put("/points/give/").status_code == 405
    assert browser.put("/points/give/confirm/").status_code == 405
    assert browser.get("/points/give/code/").status_code == 405
    assert browser.post("/points/give/done/1/").status_code == 405


def test_needs_the_token_of_the_form(browser: Client, mai: Member) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = browser.cookies

    assert fill_in(strict).status_code == 403
    assert strict.post("/points/give/confirm/").status_code == 403


def test_runs_nothing_that_a_name_or_a_note_holds(browser: Client, binh: Member) -> None:
    Member.objects.filter(pk=binh.pk).update(name="<script>alert(1)</script>")
    fill_in(browser, note="<img src=x onerror=alert(1)>\x00\u202e")
    page = browser.get("/points/give/confirm/").content.decode()

    assert "<script>alert" not in page
    assert "<img" not in page
    assert browser.session["gift"]["note"] == "<img src=x onerror=alert(1)>"


def test_asks_the_database_no_more_for_many_wallets(
    browser: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    fill_in(browser)
    with django_assert_num_queries(13):
        browser.get("/points/give/confirm/")
    for n in range(5):
        factories.make_wallet(code=f"w{n}")
    with django_assert_num_queries(13):
        browser.get("/points/give/confirm/")
