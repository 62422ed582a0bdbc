"""The shelf: what I can have first, what is near next, and what is missing for the rest."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from core.clock import local_date, start_of_day
from core.models import Programme
from core.pictures import save_picture
from members.models import Member, Segment
from points.models import Wallet
from rewards import terms
from rewards.models import Benefit, Reward, RewardCategory
from rewards.services import redeem_reward
from rewards.terms import Terms
from tests import factories
from tests.pictures import jpeg
from tests.points.helpers import give
from tests.portal.conftest import SignIn
from tests.rewards.helpers import limit, make_benefit, make_reward

pytestmark = pytest.mark.django_db
NOBODY = {"all": [{"field": "follows_oa", "is": "yes"}]}


@pytest.fixture
def at() -> datetime:
    return timezone.now()


@pytest.fixture
def benefit(db: None) -> Benefit:
    return make_benefit(Benefit.Kind.GIFT)


@pytest.fixture
def browser(mai: Member, wallet: Wallet, at: datetime, signed_in: SignIn) -> Client:
    """Mai's browser; she has 250 points."""
    give(mai, 250, "opening", at)
    client = signed_in(mai)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def page_of(client: Client, query: str = "") -> str:
    response = client.get(f"/rewards/{query}")
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def shown_codes(page: str) -> list[str]:
    return re.findall(r'href="/rewards/([\w-]+)/"', page)


def section(page: str, title: str) -> list[str]:
    """Return the rewards under a heading."""
    _before, _title, rest = page.partition(f">{title}</h2>")
    return shown_codes(rest.partition("<h2")[0])


# --- Order ------------------------------------------------------------------------------


def test_what_i_can_have_comes_first_then_what_is_near_then_the_rest(
    browser: Client, benefit: Benefit
) -> None:
    for code, points in (("far", 2000), ("nearer", 260), ("near", 480), ("plain", 100)):
        make_reward(benefit, code=code, price_points=points)
    make_reward(benefit, code="best", price_points=200, is_featured=True)
    make_reward(benefit, code="gone", price_points=10, stock=0)
    make_reward(benefit, code="free", price_points=0)
    page = page_of(browser)

    assert section(page, "You can have now") == ["best", "free", "plain"]
    assert section(page, "Nearly there") == ["nearer", "near"]
    assert section(page, "For later") == ["far", "gone"]


def test_says_exactly_what_is_missing(
    browser: Client, benefit: Benefit, mai: Member, at: datetime
) -> None:
    opens = (at + timedelta(days=5)).replace(minute=0)
    group = Segment.objects.create(code="vip", name="Khách vàng", conditions=NOBODY)
    make_reward(benefit, code="far", price_points=1600)
    make_reward(benefit, code="gone", price_points=10, stock=0)
    make_reward(benefit, code="soon", price_points=10, active_from=opens)
    make_reward(benefit, code="vip", price_points=10, audience=group)
    once = make_reward(benefit, code="once", price_points=10)
    limit(once, 1, period="month")
    redeem_reward(member=mai, reward=once, key="k", at=at)
    page = page_of(browser)

    assert "1.360 điểm still missing" in page
    assert "width: 15%" in page
    assert "All of them are taken." in page
    assert f"Can be had from {timezone.localtime(opens):%H:%M %d/%m/%Y}." in page
    assert "Only for: Khách vàng." in page
    assert "You had it this month. You can have it again next month." in page


def test_prices_are_points_money_both_or_nothing(browser: Client, benefit: Benefit) -> None:
    make_reward(benefit, code="a", price_points=1250)
    make_reward(benefit, code="b", price_points=100, price_amount=Decimal(50000))
    make_reward(benefit, code="c", price_points=0, price_amount=Decimal(20000))
    make_reward(benefit, code="d", price_points=0)
    page = re.sub(r"<[^>]*>", "", page_of(browser))

    for price in ("1.250 điểm", "100 điểm + 50.000 ₫", "20.000 ₫", "Free"):
        assert price in page


def test_a_reward_of_another_wallet_is_priced_and_judged_in_it(
    browser: Client, benefit: Benefit, mai: Member, at: datetime
) -> None:
    cash = factories.make_wallet(code="cash", name="Hoàn tiền", kind="cashback")
    make_reward(benefit, price_points=50_000, wallet=cash)
    page = page_of(browser)

    assert "50.000 ₫ still missing" in page
    assert "50.000 điểm" not in page


def test_a_better_price_stands_beside_the_usual_one(
    browser: Client, benefit: Benefit, monkeypatch: pytest.MonkeyPatch
) -> None:
    reward = make_reward(benefit, price_points=300)
    own = {reward.pk: Terms(price_points=240, because="Gold price")}
    monkeypatch.setitem(terms.SOURCES, "test", lambda *_asked: own)
    page = page_of(browser)

    assert section(page, "You can have now") == ["coffee"]
    assert "</span>300 điểm</s>" in page
    assert ">240 điểm<" in page
    assert "Gold price" in page


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"stock": 20, "taken": 15}, "5 left"),
        ({"stock": 20, "taken": 14}, ""),
        ({"stock": 20, "taken": 9, "low_stock": 11}, "11 left"),
        ({"stock": 20, "taken": 15, "low_stock": 0}, ""),
        ({"stock": None}, ""),
    ],
)
def test_few_are_said_to_be_few(
    browser: Client, benefit: Benefit, fields: dict[str, Any], words: str
) -> None:
    make_reward(benefit, **fields)
    flags = re.findall(r'class="flag">([^<]*)<', page_of(browser))

    assert flags == ([words] if words else [])


@pytest.mark.parametrize(
    ("days", "words"),
    [(0, "today is the last day"), (3, "3 days left"), (6, "6 days left"), (7, "")],
)
def test_what_ends_soon_says_so(
    browser: Client, benefit: Benefit, at: datetime, days: int, words: str
) -> None:
    # It ends with the last day: at the midnight after it, which is not included.
    ends = start_of_day(local_date(at) + timedelta(days=days + 1))
    make_reward(benefit, active_until=ends)
    flags = re.findall(r'class="flag is-soon">([^<]*)<', page_of(browser))

    assert flags == ([words] if words else [])


def test_shows_its_picture_and_a_small_one_in_rows(
    browser: Client, benefit: Benefit, at: datetime
) -> None:
    picture = save_picture(content=jpeg(), at=at)
    make_reward(benefit, code="near", price_points=100, picture=picture)
    make_reward(benefit, code="far", price_points=9000, picture=picture)
    page = page_of(browser)

    assert re.findall(r'<img src="([^"]*)"', page) == [
        f"/pictures/{picture.pk}-card.webp",
        f"/pictures/{picture.pk}-thumbnail.webp",
    ]
    assert (
        f"/pictures/{picture.pk}-card.webp"
        in browser.get("/rewards/near/").content.decode()
    )


# --- Which ------------------------------------------------------------------------------


def test_a_category_shows_only_its_own(browser: Client, benefit: Benefit) -> None:
    drinks = RewardCategory.objects.create(code="drinks", name="Đồ uống", position=2)
    gifts = RewardCategory.objects.create(code="gifts", name="Quà tặng", position=1)
    RewardCategory.objects.create(code="empty", name="Trống")
    make_reward(benefit, code="tea", category=drinks)
    make_reward(benefit, code="mug", category=gifts)
    make_reward(benefit, code="loose")
    page = page_of(browser)
    chips = re.findall(r'href="\?category=(\w+)"', page)

    assert chips == ["gifts", "drinks"]
    assert set(shown_codes(page)) == {"tea", "mug", "loose"}
    only = page_of(browser, "?category=drinks")
    assert set(shown_codes(only)) == {"tea"}
    assert 'href="?category=drinks" aria-current="page"' in only
    assert set(shown_codes(page_of(browser, "?category=nope"))) == {"tea", "mug", "loose"}


def test_hides_what_is_not_on_the_shelf(
    browser: Client, benefit: Benefit, at: datetime
) -> None:
    hidden = RewardCategory.objects.create(code="x", name="x", is_active=False)
    make_reward(benefit, code="off", is_active=False)
    make_reward(benefit, code="early", visible_from=at + timedelta(hours=1))
    make_reward(benefit, code="late", visible_until=at - timedelta(hours=1))
    make_reward(benefit, code="shelf", category=hidden)
    page = page_of(browser)

    assert shown_codes(page) == []
    assert "The shelf is being filled" in page


def test_a_long_shelf_has_pages(browser: Client, benefit: Benefit) -> None:
    Reward.objects.bulk_create(
        Reward(code=f"r{n}", name=f"Reward {n}", benefit=benefit, price_points=n)
        for n in range(130)
    )
    first, second, third = (page_of(browser, f"?page={n}") for n in (1, 2, 3))

    assert [len(shown_codes(page)) for page in (first, second, third)] == [60, 60, 10]
    assert 'href="?page=2"' in first
    assert "page=4" not in third
    assert "That was everything." in page_of(browser, "?page=4")


@pytest.mark.parametrize("page", ["x", "-1", "0", "1e3", "99999999999", "٣", ""])
def test_a_broken_page_number_means_the_beginning(
    browser: Client, benefit: Benefit, page: str
) -> None:
    make_reward(benefit)

    assert shown_codes(page_of(browser, f"?page={page}")) == ["coffee"]


# --- Who --------------------------------------------------------------------------------


def test_shows_what_i_have_and_counts_what_is_mine(
    browser: Client, binh: Member, mai: Member, at: datetime
) -> None:
    reward = make_reward(price_points=0)
    for n, member in enumerate((mai, mai, binh)):
        redeem_reward(member=member, reward=reward, key=f"k{n}", at=at)
    page = page_of(browser)

    assert "You have <strong>250 điểm</strong>" in page
    assert 'Vouchers <span class="count">2</span>' in page


def test_a_visitor_is_asked_to_sign_in_and_comes_back(client: Client) -> None:
    response = client.get("/rewards/?category=drinks")

    assert response["Location"] == "/sign-in/?next=%2Frewards%2F%3Fcategory%3Ddrinks"


def test_works_before_the_programme_is_set_up(mai: Member, signed_in: SignIn) -> None:
    Programme.objects.all().delete()
    make_reward(make_benefit(Benefit.Kind.GIFT), price_points=0)

    assert signed_in(mai).get("/rewards/").status_code == 200


def test_refuses_other_methods(browser: Client) -> None:
    assert browser.post("/rewards/").status_code == 405


def test_is_kept_by_no_cache(browser: Client) -> None:
    assert "no-store" in browser.get("/rewards/")["Cache-Control"]


def test_runs_nothing_that_staff_wrote(browser: Client, benefit: Benefit) -> None:
    shelf = RewardCategory.objects.create(code="s", name="<b>s</b>")
    make_reward(benefit, code="a", name="<script>alert(1)</script>", category=shelf)
    make_reward(benefit, code="b", name="x")
    other = RewardCategory.objects.create(code="o", name="o")
    make_reward(benefit, code="c", name="y", category=other)
    page = page_of(browser)

    assert "<script>alert" not in page
    assert "<b>s" not in page


def test_asks_the_database_no_more_for_many_rewards(
    browser: Client,
    benefit: Benefit,
    mai: Member,
    at: datetime,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    shelf = RewardCategory.objects.create(code="s", name="Đồ uống")
    limit(make_reward(benefit, category=shelf), 5)
    with django_assert_num_queries(13):
        browser.get("/rewards/")
    for n in range(50):
        reward = make_reward(benefit, code=f"r{n}", price_points=n * 20, category=shelf)
        limit(reward, 5)
    for n in range(5):
        redeem_reward(member=mai, reward=Reward.objects.get(code="r0"), key=f"k{n}", at=at)
    with django_assert_num_queries(13):
        browser.get("/rewards/")
