"""Points: the balance, and how many end on which day."""

from datetime import date

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from members.models import Member
from points.models import Wallet
from points.services import Grant, grant_points
from tests.portal.conftest import SignIn, shown

pytestmark = pytest.mark.django_db


def give(member: Member, amount: int, expires_on: date | None, key: str) -> None:
    grant = Grant(member_id=member.pk, amount=amount, key=key, expires_on=expires_on)
    grant_points(grants=[grant], at=timezone.now())


def test_lists_what_ends_when_and_what_does_not_end(
    mai: Member, wallet: Wallet, signed_in: SignIn
) -> None:
    give(mai, 30, date(2090, 5, 1), "later")
    give(mai, 120, date(2089, 12, 31), "sooner")
    give(mai, 7, date(2089, 12, 31), "the same day")
    give(mai, 500, None, "no end")
    page = signed_in(mai).get("/points/").content.decode()

    assert "<strong>657</strong>" in page
    assert page.index("31/12/2089") < page.index("01/05/2090")
    assert page.count("31/12/2089") == 1
    assert 'class="day-points">127<' in page
    assert 'class="day-points">30<' in page
    assert 'class="day-points">500<' in page


def test_folds_what_is_far_away(mai: Member, wallet: Wallet, signed_in: SignIn) -> None:
    for n in range(1, 10):
        give(mai, n, date(2089, 12, n), f"g{n}")
    page = signed_in(mai).get("/points/").content.decode()

    assert page.count('class="day"') == 9
    assert page.index("06/12/2089") < page.index("<details") < page.index("07/12/2089")


def test_a_very_large_balance_is_written_smaller(
    mai: Member, wallet: Wallet, signed_in: SignIn
) -> None:
    give(mai, 1_234_567_890, None, "g")
    page = signed_in(mai).get("/points/").content.decode()

    assert '<strong class="is-long">1.234.567.890</strong>' in page


def test_an_empty_account_says_what_to_do_first(
    mai: Member, wallet: Wallet, signed_in: SignIn
) -> None:
    assert 'class="empty"' in signed_in(mai).get("/points/").content.decode()


def test_a_stranger_sees_only_their_own(
    mai: Member, binh: Member, wallet: Wallet, signed_in: SignIn
) -> None:
    give(mai, 777, date(2089, 12, 31), "g")
    page = shown(signed_in(binh).get("/points/"))

    assert "777" not in page
    assert "31/12/2089" not in page


def test_a_visitor_is_asked_to_sign_in_and_comes_back(client: Client) -> None:
    response = client.get("/points/?x=1")

    assert response.status_code == 302
    assert response["Location"] == "/sign-in/?next=%2Fpoints%2F%3Fx%3D1"


def test_refuses_other_methods(mai: Member, signed_in: SignIn) -> None:
    assert signed_in(mai).post("/points/").status_code == 405


def test_asks_the_database_no_more_for_many_days(
    mai: Member,
    wallet: Wallet,
    signed_in: SignIn,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    client = signed_in(mai)
    give(mai, 1, date(2089, 12, 31), "g")
    with django_assert_num_queries(10):
        client.get("/points/")
    grants = [
        Grant(mai.pk, 1, f"g{n}", expires_on=date(2089, 1 + n % 12, 1 + n % 28))
        for n in range(200)
    ]
    grant_points(grants=grants, at=timezone.now())
    with django_assert_num_queries(10):
        client.get("/points/")
