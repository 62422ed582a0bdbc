"""Points: the balance, and how many end on which day."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from activities.models import Order, Store
from activities.services import OrderFact
from core.clock import local_date
from core.models import Programme
from flows.record import record
from members.models import Member
from points.models import Reservation, Transfer, Wallet
from points.services import (
    Grant,
    adjust_points,
    grant_points,
    reserve_points,
    reverse_transfer,
    spend_points,
)
from tests import factories
from tests.points.helpers import hold
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
    with django_assert_num_queries(12):
        client.get("/points/")
    grants = [
        Grant(mai.pk, 1, f"g{n}", expires_on=date(2089, 1 + n % 12, 1 + n % 28))
        for n in range(200)
    ]
    grant_points(grants=grants, at=timezone.now())
    with django_assert_num_queries(12):
        client.get("/points/")


# --- On their way -----------------------------------------------------------------------


def english(client: Client, path: str = "/points/") -> str:
    page: str = client.get(path, headers={"accept-language": "en"}).content.decode()
    return page


def buy(member: Member, order: str, *, in_store: bool = True) -> Order:
    """Record a purchase that gives no points of itself."""
    store = Store.objects.get_or_create(code="nh", defaults={"name": "Sông Nguyễn Huệ"})[0]
    fact = OrderFact(
        source="pos",
        external_id=order,
        member_id=member.pk,
        placed_at=timezone.now(),
        total=Decimal(45000),
        store_id=store.pk if in_store else None,
        channel="store" if in_store else "web",
    )
    record([fact], at=timezone.now())
    return Order.objects.get(external_id=order)


def test_says_what_is_on_its_way_when_and_for_what(
    mai: Member, wallet: Wallet, signed_in: SignIn
) -> None:
    now, order = timezone.now(), buy(mai, "HD-1")
    soon = local_date(now) + timedelta(days=3)
    hold(mai, 20, "a", now, wallet=wallet, matures_on=soon, order_id=order.pk)
    hold(mai, 5, "b", now, wallet=wallet, matures_on=soon, order_id=order.pk)
    hold(mai, 7, "c", now, wallet=wallet, matures_on=date(2089, 5, 1))
    hold(mai, 12, "d", now, wallet=wallet, days_after_delivery=3)
    page = english(signed_in(mai))

    assert "On their way" in page
    assert 'class="block-sum">44 điểm<' in page
    assert "<strong>0</strong>" in page
    # Two rules for one purchase are one line.
    assert page.index(f"{soon:%d/%m/%Y}") < page.index("3 days left")
    assert f"Purchase on {local_date(now):%d/%m/%Y} · Sông Nguyễn Huệ" in page
    assert 'class="day-points">25<' in page
    assert page.index('day-points">25<') < page.index('day-points">7<')
    assert page.index('day-points">7<') < page.index("After delivery")
    assert page.index("After delivery") < page.index('day-points">12<')
    # A far day is told by its date alone.
    assert page.count("days left") == 1


def test_two_purchases_of_a_day_are_two_lines(
    mai: Member, wallet: Wallet, signed_in: SignIn
) -> None:
    now, day = timezone.now(), date(2089, 5, 1)
    for number in ("HD-1", "HD-2"):
        order = buy(mai, number, in_store=False)
        hold(mai, 20, number, now, wallet=wallet, matures_on=day, order_id=order.pk)

    page = english(signed_in(mai))
    assert page.count('day-points">20<') == 2
    assert " · Web" in page


def test_what_has_matured_is_on_its_way_no_longer(
    mai: Member, wallet: Wallet, signed_in: SignIn
) -> None:
    now = timezone.now()
    earned = hold(mai, 20, "a", now, wallet=wallet, matures_on=date(2089, 5, 1))
    reverse_transfer(transfer=earned, key="back", at=now)

    assert "On their way" not in english(signed_in(mai))


def test_folds_what_is_on_its_way_later(
    mai: Member, wallet: Wallet, signed_in: SignIn
) -> None:
    for n in range(1, 10):
        day = date(2089, 12, n)
        hold(mai, n, f"h{n}", timezone.now(), wallet=wallet, matures_on=day)
    page = english(signed_in(mai))

    assert page.index("06/12/2089") < page.index("3 more") < page.index("07/12/2089")


def test_what_others_wait_for_is_not_shown(
    mai: Member, binh: Member, wallet: Wallet, signed_in: SignIn
) -> None:
    hold(mai, 777, "a", timezone.now(), wallet=wallet, matures_on=date(2089, 5, 1))

    assert "777" not in shown(signed_in(binh).get("/points/"))


# --- Debt and reservations --------------------------------------------------------------


def test_a_debt_is_a_sentence(mai: Member, signed_in: SignIn) -> None:
    wallet = factories.make_wallet(allows_debt=True)
    give(mai, 100, None, "g")
    spend_points(member=mai, amount=100, key="s", at=timezone.now())
    earned = Transfer.objects.get(key="g")
    reverse_transfer(transfer=earned, key="r", at=timezone.now())
    page = english(signed_in(mai))

    assert "You owe 100 điểm after a return; your next purchases repay them." in page
    assert "<strong>−100</strong>" in page
    assert "-100" not in page
    assert 'class="empty"' not in page
    assert wallet.allows_debt


def test_says_what_a_till_holds_and_until_when(
    mai: Member, wallet: Wallet, signed_in: SignIn
) -> None:
    now = timezone.now()
    give(mai, 200, None, "g")
    for number, amount in (("1", 100), ("2", 20)):
        reserve_points(
            member=mai, amount=amount, source="pos", reference=number, at=now, wallet=wallet
        )
    until = timezone.localtime(now + timedelta(minutes=15))
    client = signed_in(mai)

    assert f"120 điểm are held by a till until {until:%H:%M}." in english(client)
    Reservation.objects.update(expires_at=now - timedelta(seconds=1))
    assert "120 điểm were held by a till and come back to you" in english(client)


# --- Several wallets --------------------------------------------------------------------


@pytest.fixture
def three(mai: Member, wallet: Wallet) -> None:
    """Mai has 657 points, 125.000 ₫ of cashback and 7 stamps."""
    now = timezone.now()
    stamps = factories.make_wallet(
        code="stamps", name="Tem", kind="stamps", unit_name="tem"
    )
    cash = factories.make_wallet(code="cash", name="Hoàn tiền", kind="cashback")
    give(mai, 657, date(2089, 12, 31), "g")
    for owner, amount, key in ((stamps, 7, "s"), (cash, 125_000, "c")):
        adjust_points(
            member=mai, wallet=owner, amount=amount, key=key, at=now, reason="prize",
            note="x", actor="x",
        )  # fmt: skip
    hold(mai, 15_000, "h", now, wallet=cash, matures_on=date(2089, 5, 1))


def test_shows_every_wallet_the_first_one_large(
    mai: Member, three: None, signed_in: SignIn
) -> None:
    page = english(signed_in(mai))

    assert "<strong>657</strong> <span>điểm</span>" in page
    assert 'class="purse-amount">125.000 ₫<' in page
    assert 'class="purse-amount">7 tem<' in page
    assert "15.000 ₫ on their way" in page
    assert "31/12/2089" in page
    assert "01/05/2089" not in page
    assert 'href="/history/"' in page


def test_a_chosen_wallet_shows_its_own_days_and_history(
    mai: Member, three: None, signed_in: SignIn
) -> None:
    page = english(signed_in(mai), "/points/?wallet=cash")

    assert "<strong>125.000 ₫</strong>" in page
    assert 'class="day-points">125.000 ₫<' in page
    assert 'class="day-points">15.000 ₫<' in page
    assert "01/05/2089" in page
    assert "31/12/2089" not in page
    assert 'class="purse" href="/points/"' in page
    assert 'href="/history/?wallet=cash"' in page


def test_money_with_cents_is_written_with_them(
    mai: Member, three: None, signed_in: SignIn
) -> None:
    Programme.objects.update(currency="USD")

    assert "<strong>1.250,00 $</strong>" in english(signed_in(mai), "/points/?wallet=cash")


@pytest.mark.parametrize("code", ["nothing", "%00", "<b>", "points", "old"])
def test_any_other_wallet_means_the_first(
    mai: Member, three: None, signed_in: SignIn, code: str
) -> None:
    factories.make_wallet(code="old", name="Ví cũ", is_active=False)
    page = english(signed_in(mai), f"/points/?wallet={code}")

    assert "<strong>657</strong>" in page
    assert "Ví cũ" not in page


def test_one_wallet_alone_says_nothing_of_wallets(
    mai: Member, wallet: Wallet, signed_in: SignIn
) -> None:
    give(mai, 5, None, "g")
    page = english(signed_in(mai))

    assert "You have" in page
    assert 'class="purse' not in page
    assert 'href="/history/"' in page


def test_works_before_the_programme_is_set_up(mai: Member, signed_in: SignIn) -> None:
    Programme.objects.all().delete()

    assert "<strong>0</strong>" in english(signed_in(mai))


def test_asks_the_database_no_more_for_many_wallets_and_holds(
    mai: Member,
    wallet: Wallet,
    signed_in: SignIn,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    client, now = signed_in(mai), timezone.now()
    hold(mai, 1, "h", now, wallet=wallet, order_id=buy(mai, "HD-0").pk)
    with django_assert_num_queries(13):
        client.get("/points/")
    for n in range(1, 8):
        other = factories.make_wallet(code=f"w{n}")
        hold(mai, n, f"o{n}", now, wallet=other)
        hold(mai, n, f"h{n}", now, wallet=wallet, order_id=buy(mai, f"HD-{n}").pk)
    with django_assert_num_queries(13):
        client.get("/points/")
