"""The way in: the console's passwords and their lock-out, short shifts, own stores only."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from activities.models import Store
from tests.till.helpers import PASSWORD, Till, make_shop_staff, text_of
from till.models import TillStaff

pytestmark = pytest.mark.django_db


def test_name_and_password_open_the_till(lan: User) -> None:
    till = Till()

    response = till.sign_in("lan")

    assert response["Location"] == "/till/"
    page = till.get("/till/")
    assert page.status_code == 200
    assert "Sông Nguyễn Huệ" in page.content.decode()


def test_goes_on_where_the_visitor_wanted_to_go(lan: User) -> None:
    till = Till()
    assert till.get("/till/day/")["Location"] == "/till/sign-in/?next=%2Ftill%2Fday%2F"

    told = {"username": "lan", "password": PASSWORD, "next": "/till/day/"}
    assert till.post("/till/sign-in/", told)["Location"] == "/till/day/"


@pytest.mark.parametrize(
    "wanted",
    [
        "https://bad.example/till/",
        "//bad.example/till/",
        "/admin/",
        "/till//bad.example",
        "/till/\\bad",
    ],
)
def test_never_leads_anywhere_else(lan: User, wanted: str) -> None:
    told = {"username": "lan", "password": PASSWORD, "next": wanted}

    assert Till().post("/till/sign-in/", told)["Location"] == "/till/"


def test_wrong_passwords_are_counted_and_lock_the_name_out(lan: User) -> None:
    till = Till()
    for _try in range(4):
        response = till.sign_in("lan", "wrong")
        assert response.status_code == 400
        assert "The name or the password is wrong." in text_of(response)

    assert till.sign_in("lan", "wrong").status_code == 429
    assert till.sign_in("lan").status_code == 429
    assert Client().get("/till/")["Location"].startswith("/till/sign-in/")


def test_without_the_permission_nobody_enters(store: Store) -> None:
    user = make_shop_staff("lan", store)
    user.user_permissions.clear()
    till = Till()

    response = till.sign_in("lan")

    assert response.status_code == 403
    assert "serves at no till" in text_of(response)
    assert "_auth_user_id" not in till.session


def test_without_an_open_store_nobody_enters(lan: User, store: Store) -> None:
    Store.objects.filter(pk=store.pk).update(is_active=False)

    assert Till().sign_in("lan").status_code == 403


def test_who_loses_the_store_is_out_at_once(till: Till, lan: User) -> None:
    TillStaff.objects.get(user=lan).stores.clear()

    response = till.get("/till/")

    assert response.status_code == 403
    assert "Ask your manager" in text_of(response)


def test_the_console_alone_does_not_open_the_till(lan: User) -> None:
    client = Client()
    client.force_login(lan)

    assert client.get("/till/")["Location"] == "/till/sign-in/?next=%2Ftill%2F"


def test_shop_staff_do_not_enter_the_console(till: Till) -> None:
    assert till.get("/admin/")["Location"].startswith("/admin/login/")


@pytest.mark.parametrize(("name", "hours"), [("seen", 2.01), ("since", 12.01)])
def test_a_shift_ends_when_idle_and_after_twelve_hours(
    till: Till, name: str, hours: float
) -> None:
    till.age(**{name: hours})

    assert till.get("/till/")["Location"] == "/till/sign-in/?next=%2Ftill%2F"
    assert "_auth_user_id" not in till.session


def test_a_shift_goes_on_while_somebody_works(till: Till) -> None:
    till.age(seen=1.9, since=11.9)
    assert till.get("/till/").status_code == 200
    till.age(seen=1.9)

    assert till.get("/till/").status_code == 200


def test_several_stores_are_asked_for_and_remembered(
    store: Store, other_store: Store
) -> None:
    make_shop_staff("hoa", store, other_store)
    till = Till("hoa")
    assert till.get("/till/")["Location"] == "/till/store/"
    page = text_of(till.get("/till/store/"))
    assert "Sông Nguyễn Huệ" in page
    assert "Sông Bạch Đằng" in page

    assert till.act("/till/store/", store="bd") == "/till/"

    assert "Sông Bạch Đằng" in till.get("/till/").content.decode()


def test_only_own_stores_can_be_chosen(store: Store, other_store: Store) -> None:
    third = Store.objects.create(code="third", name="Third")
    make_shop_staff("hoa", store, other_store)
    till = Till("hoa")

    assert till.post("/till/store/", {"store": third.code}).status_code == 200
    assert till.get("/till/")["Location"] == "/till/store/"


def test_signing_out_ends_it(till: Till) -> None:
    assert till.act("/till/sign-out/") == "/till/sign-in/"

    assert till.get("/till/")["Location"].startswith("/till/sign-in/")


def test_pages_are_never_stored_and_ask_for_the_camera_only(till: Till) -> None:
    response = till.get("/till/")

    assert "no-store" in response["Cache-Control"]
    assert response["Permissions-Policy"] == "camera=(self), microphone=(), geolocation=()"
    assert "script-src 'self'" in response["Content-Security-Policy"]
