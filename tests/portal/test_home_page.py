"""Home: my card, what ends soon, the latest lines; for others the way in."""

import re
from datetime import date, timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from core.clock import local_date
from core.models import Programme
from members.models import Member
from points.models import Transfer, Wallet
from points.services import (
    Grant,
    grant_points,
    reserve_points,
    reverse_transfer,
    spend_points,
)
from rewards.giving import Giving, give_benefit
from rewards.models import Benefit, Voucher, VoucherType
from rewards.services import redeem_reward
from tests import factories
from tests.points.helpers import hold
from tests.portal.conftest import SignIn
from tests.rewards.helpers import limit, make_benefit, make_reward, make_voucher_type

pytestmark = pytest.mark.django_db


def give(member: Member, amount: int, *, days: int | None = None, key: str = "g") -> None:
    now = timezone.now()
    expires_on = local_date(now) + timedelta(days=days) if days is not None else None
    grant = Grant(member_id=member.pk, amount=amount, key=key, expires_on=expires_on)
    grant_points(grants=[grant], at=now)


def test_shows_the_card_the_balance_and_the_lines(
    mai: Member, card: str, wallet: Wallet, signed_in: SignIn
) -> None:
    give(mai, 1250)
    spend_points(member=mai, amount=80, key="s", at=timezone.now(), note="Trà đào")
    page = signed_in(mai).get("/").content.decode()

    assert "Nguyễn Thị Mai" in page
    assert "1234 5678 9012" in page
    assert "<strong>1.170</strong>" in page
    assert "−80" in page
    assert "Trà đào" in page
    assert "+1.250" in page


def test_says_what_ends_soon_and_when(
    mai: Member, wallet: Wallet, signed_in: SignIn
) -> None:
    give(mai, 120, days=9, key="near")
    give(mai, 500, days=31, key="far")
    client = signed_in(mai)
    page = client.get("/", headers={"accept-language": "en"}).content.decode()
    last_day = local_date(timezone.now()) + timedelta(days=9)

    assert "<strong>120 điểm</strong>" in page
    assert f"{last_day:%d/%m/%Y}" in page
    assert "9 days left" in page


@pytest.mark.parametrize(
    ("days", "words"),
    [(0, "today is the last day"), (1, "1 day left"), (30, "30 days left")],
)
def test_names_the_days_that_are_left(
    mai: Member, wallet: Wallet, signed_in: SignIn, days: int, words: str
) -> None:
    give(mai, 120, days=days)
    page = signed_in(mai).get("/", headers={"accept-language": "en"}).content.decode()

    assert words in page


def test_says_nothing_of_points_that_end_later(
    mai: Member, wallet: Wallet, signed_in: SignIn
) -> None:
    give(mai, 120, days=31)

    assert 'class="soon"' not in signed_in(mai).get("/").content.decode()


def test_an_empty_account_says_what_to_do_first(
    mai: Member, wallet: Wallet, signed_in: SignIn
) -> None:
    page = signed_in(mai).get("/").content.decode()

    assert 'class="empty"' in page
    assert "<strong>0</strong>" in page


def test_works_before_the_programme_is_set_up(mai: Member, signed_in: SignIn) -> None:
    Programme.objects.all().delete()

    assert signed_in(mai).get("/").status_code == 200


def test_a_visitor_sees_the_way_in_and_nobody_s_points(
    mai: Member, wallet: Wallet, client: Client
) -> None:
    give(mai, 1250)
    response = client.get("/")
    page = response.content.decode()

    assert response.status_code == 200
    assert 'action="/sign-in/"' in page
    assert "1.250" not in page
    assert "Thị Mai" not in page


def test_a_stranger_sees_only_their_own(
    mai: Member, binh: Member, card: str, wallet: Wallet, signed_in: SignIn
) -> None:
    give(mai, 1250)
    page = signed_in(binh).get("/").content.decode()

    assert "Trần Văn Bình" in page
    assert "1.250" not in page
    assert "Thị Mai" not in page
    assert "1234 5678 9012" not in page


@pytest.mark.parametrize("state", [Member.State.BLOCKED, Member.State.LEFT])
def test_who_is_no_longer_active_is_signed_out_at_once(
    mai: Member, wallet: Wallet, signed_in: SignIn, state: str
) -> None:
    client = signed_in(mai)
    Member.objects.filter(pk=mai.pk).update(state=state)

    assert 'action="/sign-in/"' in client.get("/").content.decode()


def test_is_kept_by_no_cache(mai: Member, wallet: Wallet, signed_in: SignIn) -> None:
    response = signed_in(mai).get("/")

    assert "no-store" in response["Cache-Control"]
    assert "private" in response["Cache-Control"]


def test_refuses_other_methods(client: Client) -> None:
    assert client.post("/").status_code == 405


def test_runs_nothing_that_a_name_holds(
    mai: Member, wallet: Wallet, signed_in: SignIn
) -> None:
    Member.objects.filter(pk=mai.pk).update(name='<script>alert("x")</script>')
    Programme.objects.update(name='"><img src=x onerror=alert(1)>', unit_name="<b>xu</b>")
    page = signed_in(mai).get("/").content.decode()

    assert "<script>alert" not in page
    assert "<img" not in page
    assert "<b>xu" not in page


def test_asks_the_database_no_more_for_many_lines(
    mai: Member,
    wallet: Wallet,
    signed_in: SignIn,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    client = signed_in(mai)
    give(mai, 10)
    with django_assert_num_queries(17):
        client.get("/")
    for n in range(200):
        give(mai, 10, days=n, key=f"g{n}")
    with django_assert_num_queries(17):
        client.get("/")


# --- On their way, owed, held -----------------------------------------------------------


def english(client: Client) -> str:
    page: str = client.get("/", headers={"accept-language": "en"}).content.decode()
    return page


@pytest.mark.parametrize(
    ("days", "near"),
    [(0, " · today"), (1, " · 1 day left"), (30, " · 30 days left"), (31, "")],
)
def test_says_when_the_next_points_become_usable(
    mai: Member, wallet: Wallet, signed_in: SignIn, days: int, near: str
) -> None:
    now = timezone.now()
    day = local_date(now) + timedelta(days=days)
    hold(mai, 20, "a", now, wallet=wallet, matures_on=day)
    hold(mai, 500, "b", now, wallet=wallet, matures_on=day + timedelta(days=1))
    page = english(signed_in(mai))

    told = f"<strong>20 điểm</strong> become usable on {day:%d/%m/%Y}{near}</span>"
    assert told in page.replace("\n", "")
    assert "500" not in page


def test_says_that_points_wait_for_delivery(
    mai: Member, wallet: Wallet, signed_in: SignIn
) -> None:
    hold(mai, 20, "a", timezone.now(), wallet=wallet, days_after_delivery=0)

    assert "<strong>20 điểm</strong> become usable after delivery" in english(
        signed_in(mai)
    )


def test_says_nothing_where_nothing_is_on_its_way(
    mai: Member, binh: Member, wallet: Wallet, signed_in: SignIn
) -> None:
    hold(binh, 20, "a", timezone.now(), wallet=wallet, matures_on=date(2089, 5, 1))

    assert 'class="coming"' not in english(signed_in(mai))


def test_a_debt_is_a_sentence(mai: Member, signed_in: SignIn) -> None:
    factories.make_wallet(allows_debt=True)
    give(mai, 100)
    spend_points(member=mai, amount=100, key="s", at=timezone.now())
    reverse_transfer(transfer=Transfer.objects.get(key="g"), key="r", at=timezone.now())
    page = english(signed_in(mai))

    assert "You owe 100 điểm after a return; your next purchases repay them." in page
    assert "-100" not in page


def test_says_what_a_till_holds(mai: Member, wallet: Wallet, signed_in: SignIn) -> None:
    give(mai, 200)
    now = timezone.now()
    reserve_points(member=mai, amount=120, source="pos", reference="1", at=now)

    assert "120 điểm are held by a till until" in english(signed_in(mai))


def test_shows_the_points_and_not_another_wallet(mai: Member, signed_in: SignIn) -> None:
    factories.make_wallet(code="cash", name="Hoàn tiền", kind="cashback")
    factories.make_wallet()
    give(mai, 1250)

    assert "<strong>1.250</strong> <span>điểm</span>" in english(signed_in(mai))


def test_a_programme_of_money_alone_shows_money(mai: Member, signed_in: SignIn) -> None:
    factories.make_wallet(code="cash", name="Hoàn tiền", kind="cashback")
    give(mai, 125_000, days=3)
    page = english(signed_in(mai))

    assert "<strong>125.000 ₫</strong>" in page
    assert "<strong>125.000 ₫</strong> expire on" in page
    assert "+125.000 ₫<" in page


# --- Rewards, vouchers, gifts -----------------------------------------------------------


def test_shows_a_few_rewards_that_can_be_had_now(
    mai: Member, wallet: Wallet, signed_in: SignIn
) -> None:
    give(mai, 100)
    gift = make_benefit(Benefit.Kind.GIFT)
    for n, points in enumerate((10, 20, 300, 30, 40)):
        make_reward(gift, code=f"r{n}", price_points=points, is_featured=points == 40)
    page = english(signed_in(mai))

    assert "You can have now" in page
    assert re.findall(r'href="/rewards/(\w+)/"', page) == ["r4", "r0", "r1"]


def test_shows_what_is_nearest_where_nothing_can_be_had(
    mai: Member, wallet: Wallet, signed_in: SignIn
) -> None:
    give(mai, 100)
    gift = make_benefit(Benefit.Kind.GIFT)
    for n, points in enumerate((150, 900, 120)):
        make_reward(gift, code=f"r{n}", price_points=points)
    page = english(signed_in(mai))

    assert "Nearly there" in page
    assert re.findall(r'href="/rewards/(\w+)/"', page) == ["r2", "r0"]
    assert "20 điểm still missing" in page


def test_says_nothing_of_rewards_where_there_are_none(
    mai: Member, wallet: Wallet, signed_in: SignIn
) -> None:
    page = english(signed_in(mai))

    assert "You can have now" not in page
    assert "Nearly there" not in page
    assert "My vouchers" not in page


def test_one_voucher_is_one_tap_away(
    mai: Member, wallet: Wallet, signed_in: SignIn
) -> None:
    reward = make_reward(
        make_benefit(voucher_type=make_voucher_type(valid_days=3)), price_points=0
    )
    redeem_reward(member=mai, reward=reward, key="k", at=timezone.now())
    page = " ".join(english(signed_in(mai)).split())
    day = local_date(timezone.now()) + timedelta(days=3)

    assert f'href="/vouchers/{Voucher.objects.get().code}/"' in page
    assert "20% off drinks" in page
    assert f"until {day:%d/%m/%Y}" in page
    assert "3 days left" in page


def test_of_many_vouchers_it_tells_the_first_end(
    mai: Member, wallet: Wallet, signed_in: SignIn
) -> None:
    benefit = make_benefit()
    reward = make_reward(benefit, price_points=0)
    for days in (9, 2, 5):
        VoucherType.objects.update(valid_days=days)
        redeem_reward(member=mai, reward=reward, key=f"k{days}", at=timezone.now())
    page = " ".join(english(signed_in(mai)).split())
    day = local_date(timezone.now()) + timedelta(days=2)

    assert 'href="/vouchers/"' in page
    assert f"the first one until {day:%d/%m/%Y}" in page
    assert '<span class="owned-number">3</span>' in page


def test_says_what_waits_for_the_member(
    mai: Member, binh: Member, wallet: Wallet, signed_in: SignIn
) -> None:
    gift = make_benefit(Benefit.Kind.GIFT)
    for n, member in enumerate((mai, mai, binh)):
        giving = Giving(gift, member.pk, f"g{n}", "tier")
        give_benefit(giving, at=timezone.now())

    assert "<strong>2</strong> things wait for you" in english(signed_in(mai))


def test_asks_the_database_no_more_for_many_rewards_and_vouchers(
    mai: Member,
    wallet: Wallet,
    signed_in: SignIn,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    client = signed_in(mai)
    give(mai, 1000)
    benefit = make_benefit()

    def add(number: int) -> None:
        reward = make_reward(benefit, code=f"r{number}", price_points=1)
        limit(reward, 9)
        redeem_reward(member=mai, reward=reward, key=f"k{number}", at=timezone.now())

    add(0)
    with django_assert_num_queries(25):
        client.get("/")
    for number in range(1, 51):
        add(number)
    with django_assert_num_queries(25):
        client.get("/")
