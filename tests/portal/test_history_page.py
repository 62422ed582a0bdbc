"""History: every movement by month, with what gave it, and no page too long."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from activities.models import Store
from activities.services import OrderFact
from flows.record import record
from members.models import Member
from points.models import EarnRule, Transfer, Wallet
from points.rules import publish_rule
from points.services import (
    Grant,
    adjust_points,
    grant_points,
    mature_points,
    reverse_transfer,
    spend_points,
)
from rewards.giving import Giving, give_benefit, take_back_benefit
from rewards.models import Benefit
from rewards.services import cancel_redemption, lapse_unpaid, redeem_reward
from tests import factories
from tests.portal.conftest import SignIn
from tests.rewards.helpers import make_benefit, make_reward

pytestmark = pytest.mark.django_db


@pytest.fixture
def rule(wallet: Wallet) -> EarnRule:
    return factories.make_earn_rule(wallet=wallet)


def buy(
    member: Member, total: int, *, at: datetime | None = None, order: str = "HD-1"
) -> None:
    store, _created = Store.objects.get_or_create(
        code="nh", defaults={"name": "Sông Nguyễn Huệ", "address": "12 Nguyễn Huệ"}
    )
    fact = OrderFact(
        source="pos",
        external_id=order,
        member_id=member.pk,
        placed_at=at or timezone.now(),
        total=Decimal(total),
        store_id=store.pk,
    )
    record([fact], at=timezone.now())


def grant_many(member: Member, number: int) -> None:
    grants = [Grant(member.pk, 1, f"g{n:04d}") for n in range(number)]
    grant_points(grants=grants, at=timezone.now())


def english(client: Client, path: str = "/history/") -> str:
    return client.get(path, headers={"accept-language": "en"}).content.decode()


def test_a_purchase_says_where_how_much_and_which_rule(
    mai: Member, rule: EarnRule, signed_in: SignIn
) -> None:
    buy(mai, 45000, at=datetime(2026, 3, 2, 5, 0, tzinfo=UTC))
    page = english(signed_in(mai))

    assert "Month 03/2026" in page
    assert "Purchase" in page
    assert " · Sông Nguyễn Huệ" in page
    assert "+4<" in page
    assert "12:00 02/03/2026" in page
    assert "HD-1" in page
    assert "45.000 ₫" in page
    assert "12 Nguyễn Huệ" in page
    assert "Tích điểm (version 1)" in page
    assert "1 điểm for every 10.000 ₫" in page


def test_a_line_keeps_the_rule_of_its_time(
    mai: Member, rule: EarnRule, signed_in: SignIn
) -> None:
    buy(mai, 45000)
    rule.amount = Decimal(20000)
    rule.save()
    publish_rule(rule, at=timezone.now())
    page = english(signed_in(mai))

    assert "1 điểm for every 10.000 ₫" in page
    assert "20.000 ₫" not in page


def test_a_month_is_the_programme_s_month(
    mai: Member, rule: EarnRule, signed_in: SignIn
) -> None:
    # Still March in UTC, already April in Ho Chi Minh City.
    buy(mai, 45000, at=datetime(2026, 3, 31, 17, 30, tzinfo=UTC))

    assert "Month 04/2026" in english(signed_in(mai))


def test_what_staff_note_on_a_correction_stays_with_them(
    mai: Member, wallet: Wallet, signed_in: SignIn
) -> None:
    now = timezone.now()
    adjust_points(member=mai, amount=15, key="a", at=now, note="complained", actor="x")
    spend_points(member=mai, amount=5, key="s", at=now, note="Trà đào miễn phí")
    page = english(signed_in(mai))

    assert "complained" not in page
    assert "Correction" in page
    assert "+15<" in page
    assert "Trà đào miễn phí" in page
    assert "−5<" in page


def test_what_was_undone_is_marked_and_explained(
    mai: Member, rule: EarnRule, signed_in: SignIn
) -> None:
    buy(mai, 45000)
    reverse_transfer(transfer=Transfer.objects.get(), key="r", at=timezone.now())
    page = english(signed_in(mai))

    assert "undone" in page
    assert "Points taken back" in page
    assert "−4<" in page


def test_long_histories_come_in_pages(
    mai: Member, wallet: Wallet, signed_in: SignIn
) -> None:
    grant_many(mai, 65)
    client = signed_in(mai)
    ids = list(Transfer.objects.order_by("-pk").values_list("pk", flat=True))
    first, second = english(client), english(client, f"/history/?before={ids[29]}")
    third = english(client, f"/history/?before={ids[59]}")

    assert [page.count('class="line"') for page in (first, second, third)] == [30, 30, 5]
    assert f'href="?before={ids[29]}"' in first
    assert f'href="?before={ids[59]}"' in second
    assert "?before=" not in third


@pytest.mark.parametrize(
    "before", ["x", "-1", "1e9", "99999999999999999999999", "٣", "%00", ""]
)
def test_a_broken_page_number_means_the_beginning(
    mai: Member, wallet: Wallet, signed_in: SignIn, before: str
) -> None:
    grant_many(mai, 2)
    response = signed_in(mai).get(f"/history/?before={before}")

    assert response.status_code == 200
    assert response.content.decode().count('class="line"') == 2


def test_the_biggest_number_is_a_number(
    mai: Member, wallet: Wallet, signed_in: SignIn
) -> None:
    grant_many(mai, 2)
    client = signed_in(mai)

    assert english(client, "/history/?before=9999999999999999999").count('"line"') == 2
    assert "That was everything." in english(client, "/history/?before=0")


def test_an_empty_history_says_what_to_do_first(
    mai: Member, wallet: Wallet, signed_in: SignIn
) -> None:
    assert 'class="empty"' in signed_in(mai).get("/history/").content.decode()


def test_a_stranger_sees_only_their_own(
    mai: Member, binh: Member, rule: EarnRule, signed_in: SignIn
) -> None:
    buy(mai, 45000)
    newest = Transfer.objects.get().pk
    page = english(signed_in(binh), f"/history/?before={newest + 1}")

    assert "HD-1" not in page
    assert "Nguyễn Huệ" not in page


def test_a_visitor_is_asked_to_sign_in(client: Client) -> None:
    assert client.get("/history/")["Location"] == "/sign-in/?next=%2Fhistory%2F"


def test_refuses_other_methods(mai: Member, signed_in: SignIn) -> None:
    assert signed_in(mai).put("/history/").status_code == 405


def test_runs_nothing_that_a_store_or_order_holds(
    mai: Member, rule: EarnRule, signed_in: SignIn
) -> None:
    buy(mai, 45000, order="<script>alert(1)</script>")
    Store.objects.update(name="<svg onload=alert(1)>")
    page = english(signed_in(mai))

    assert "<script>alert" not in page
    assert "<svg onload" not in page


def test_asks_the_database_no_more_for_many_lines(
    mai: Member,
    rule: EarnRule,
    signed_in: SignIn,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    client = signed_in(mai)
    buy(mai, 45000)
    with django_assert_num_queries(10):
        client.get("/history/")
    grant_many(mai, 180)
    for n in range(20):
        buy(mai, 45000 + n, order=f"HD-{n + 2}")
    with django_assert_num_queries(10):
        client.get("/history/")


def test_matured_points_name_the_purchase_they_came_from(
    mai: Member, wallet: Wallet, signed_in: SignIn
) -> None:
    factories.make_earn_rule(wallet=wallet, hold="days", hold_days=14)
    bought_at = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)
    buy(mai, 45000, at=bought_at)
    client = signed_in(mai)
    assert 'class="line"' not in english(client)

    mature_points(at=bought_at + timedelta(days=14))
    page = english(client)

    assert "Points are usable now" in page
    assert " · Sông Nguyễn Huệ" in page
    assert "+4<" in page
    assert "1 điểm for every 10.000 ₫" in page
    assert "These had to wait before they could be used." in page
    assert "HD-1" in page
    assert "45.000 ₫" in page
    assert "<dt>Bought on</dt><dd>02/03/2026</dd>" in page
    assert "Tích điểm (version 1)" in page


# --- Several wallets --------------------------------------------------------------------


@pytest.fixture
def cash(mai: Member, wallet: Wallet) -> Wallet:
    """Mai has got 35 times 1.000 ₫, and 2 points."""
    cash = factories.make_wallet(code="cash", name="Hoàn tiền", kind="cashback")
    grant_many(mai, 2)
    for n in range(35):
        adjust_points(
            member=mai, wallet=cash, amount=1000, key=f"c{n}", at=timezone.now(),
            reason="prize", note="x", actor="x",
        )  # fmt: skip
    return cash


def test_each_wallet_has_its_own_history(
    mai: Member, cash: Wallet, signed_in: SignIn
) -> None:
    client = signed_in(mai)
    points, money = english(client), english(client, "/history/?wallet=cash")

    assert points.count('class="line"') == 2
    assert "+1.000 ₫" not in points
    assert money.count('class="line"') == 30
    assert "+1.000 ₫<" in money
    assert 'href="/history/?wallet=cash" aria-current="page">Hoàn tiền<' in money
    assert 'href="/history/" aria-current="page">Điểm<' in points


def test_the_next_page_stays_in_the_wallet(
    mai: Member, cash: Wallet, signed_in: SignIn
) -> None:
    client = signed_in(mai)
    oldest = Transfer.objects.filter(to_account__wallet=cash).order_by("-pk")[29].pk
    first = english(client, "/history/?wallet=cash")
    second = english(client, f"/history/?wallet=cash&before={oldest}")

    assert f'href="?wallet=cash&amp;before={oldest}"' in first
    assert second.count('class="line"') == 5
    assert 'href="/history/?wallet=cash">' in second


def test_one_wallet_alone_says_nothing_of_wallets(
    mai: Member, wallet: Wallet, signed_in: SignIn
) -> None:
    assert 'class="pills"' not in english(signed_in(mai))


# --- Rewards and benefits ---------------------------------------------------------------


def test_what_points_were_spent_for_is_one_tap_away(
    mai: Member, wallet: Wallet, signed_in: SignIn
) -> None:
    now = timezone.now()
    grant_many(mai, 100)
    redemption = redeem_reward(member=mai, reward=make_reward(), key="k", at=now)
    page = english(signed_in(mai))

    assert "Redeemed" in page
    assert " · Free coffee" in page
    assert "You took “Free coffee” for them." in page
    assert f'href="/redemptions/{redemption.code}/"' in page


@pytest.mark.parametrize(
    ("hours", "words"),
    [
        (0, "“Free coffee” was cancelled, so your points came back."),
        (25, "“Free coffee” was not paid in time, so your points came back."),
    ],
)
def test_points_that_came_back_say_from_what(
    mai: Member, wallet: Wallet, signed_in: SignIn, hours: int, words: str
) -> None:
    now = timezone.now()
    grant_many(mai, 100)
    reward = make_reward(price_amount=Decimal(1000))
    at = now - timedelta(hours=hours)
    redemption = redeem_reward(member=mai, reward=reward, key="k", at=at)
    if hours:
        lapse_unpaid(at=now)
    else:
        cancel_redemption(redemption=redemption, at=now, actor="portal")
    page = english(signed_in(mai))

    assert "Points returned" in page
    assert words in page
    assert page.count(f'href="/redemptions/{redemption.code}/"') == 2


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("tier", "Your tier brought it to you."),
        ("campaign", "A gift from us to you."),
        ("staff", "A gift from the shop."),
    ],
)
def test_points_that_were_given_say_by_whom(
    mai: Member, wallet: Wallet, signed_in: SignIn, source: str, words: str
) -> None:
    benefit = make_benefit(Benefit.Kind.POINTS, wallet=wallet, name="Quà sinh nhật")
    giving = Giving(benefit, mai.pk, "k", source, note="nội bộ", actor="Lan")
    given = give_benefit(giving, at=timezone.now())
    client = signed_in(mai)
    page = english(client)

    assert "A gift for you" in page
    assert " · Quà sinh nhật" in page
    assert words in page
    assert "nội bộ" not in page
    assert "Lan" not in page
    take_back_benefit(given, at=timezone.now(), actor="staff")
    assert "What had been given was taken back." in english(client)


def test_points_that_came_with_a_reward_lead_to_it(
    mai: Member, wallet: Wallet, signed_in: SignIn
) -> None:
    reward = make_reward(make_benefit(Benefit.Kind.POINTS, wallet=wallet), price_points=0)
    redemption = redeem_reward(member=mai, reward=reward, key="k", at=timezone.now())
    page = english(signed_in(mai))

    assert "It came with a reward that you took." in page
    assert f'href="/redemptions/{redemption.code}/"' in page


def test_asks_the_database_no_more_for_many_redemptions(
    mai: Member,
    wallet: Wallet,
    signed_in: SignIn,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    grant_many(mai, 200)
    now, client = timezone.now(), signed_in(mai)
    reward = make_reward(make_benefit(Benefit.Kind.GIFT), price_points=1)
    bonus = make_reward(
        make_benefit(Benefit.Kind.POINTS, wallet=wallet), code="b", price_points=1
    )

    def add(number: int) -> None:
        back = redeem_reward(member=mai, reward=reward, key=f"b{number}", at=now)
        cancel_redemption(redemption=back, at=now, actor="portal")
        redeem_reward(member=mai, reward=bonus, key=f"k{number}", at=now)

    add(0)
    with django_assert_num_queries(10):
        client.get("/history/")
    for number in range(1, 9):
        add(number)
    with django_assert_num_queries(10):
        client.get("/history/")
