"""Vouchers: what works first, what became of the others, and one for the scanner."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from activities.models import Store
from core.clock import local_date, start_of_day
from members.models import Member
from points.models import Wallet
from portal.pictures import qr_code
from rewards.discounts.sentence import describe
from rewards.discounts.terms import Terms
from rewards.giving import Giving, give_benefit
from rewards.models import Benefit, Voucher, VoucherType, VoucherUse
from rewards.services import redeem_reward
from tests.points.helpers import give
from tests.portal.conftest import SignIn
from tests.rewards.helpers import make_benefit, make_reward, make_voucher_type

pytestmark = pytest.mark.django_db


@pytest.fixture
def at() -> datetime:
    return timezone.now()


@pytest.fixture
def benefit(db: None) -> Benefit:
    return make_benefit()


@pytest.fixture
def browser(mai: Member, wallet: Wallet, signed_in: SignIn) -> Client:
    client = signed_in(mai)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def hand_out(member: Member, benefit: Benefit, key: str, **fields: Any) -> Voucher:
    """Give a member a voucher, and make of it what the test wants."""
    given = give_benefit(Giving(benefit, member.pk, key, "campaign"), at=timezone.now())
    voucher = Voucher.objects.get(given=given)
    Voucher.objects.filter(pk=voucher.pk).update(**fields)
    voucher.refresh_from_db()
    return voucher


def use(voucher: Voucher, at: datetime, state: str = "used", **fields: Any) -> VoucherUse:
    told = {
        "voucher": voucher,
        "source": "pos",
        "reference": f"r{VoucherUse.objects.count()}",
        "state": state,
        "content_hash": "x",
        "happened_at": at,
        "happened_on": local_date(at),
    }
    if state == "used":
        told["used_at"] = at
    else:
        told["ended_at"] = at
    row = VoucherUse.objects.create(**told | fields)
    Voucher.objects.filter(pk=voucher.pk).update(uses=voucher.uses + 1)
    voucher.refresh_from_db()
    return row


def page_of(client: Client, path: str = "/vouchers/") -> str:
    response = client.get(path)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def detail(client: Client, voucher: Voucher) -> str:
    return page_of(client, f"/vouchers/{voucher.code}/")


def codes(page: str) -> list[str]:
    return re.findall(r'href="/vouchers/(\w+)/"', page)


# --- The list ---------------------------------------------------------------------------


def test_what_ends_soonest_comes_first_and_what_is_over_last(
    browser: Client, mai: Member, benefit: Benefit, at: datetime
) -> None:
    endless = hand_out(mai, benefit, "endless")
    far = hand_out(mai, benefit, "far", valid_until=at + timedelta(days=40))
    near = hand_out(mai, benefit, "near", valid_until=at + timedelta(days=2))
    coming = hand_out(
        mai,
        benefit,
        "coming",
        valid_from=at + timedelta(hours=1),
        valid_until=at + timedelta(days=1),
    )
    used = hand_out(mai, benefit, "used")
    use(used, at - timedelta(days=3))
    ended = hand_out(mai, benefit, "ended", valid_until=at - timedelta(seconds=1))
    page = page_of(browser)
    now, _title, past = page.partition("Used and expired")

    assert codes(now) == [near.code, far.code, endless.code, coming.code]
    assert codes(past) == [ended.code, used.code]
    assert 'Vouchers <span class="count">4</span>' in page
    assert f'data-vouchers="{near.code} {far.code} {endless.code} {coming.code} "' in page


def test_only_the_last_ninety_days_are_remembered(
    browser: Client, mai: Member, benefit: Benefit, at: datetime
) -> None:
    long_ago, lately = at - timedelta(days=90), at - timedelta(days=89)
    for key, when in (("old", long_ago), ("new", lately)):
        use(hand_out(mai, benefit, f"used-{key}"), when)
        hand_out(mai, benefit, f"ended-{key}", valid_until=when)
        hand_out(mai, benefit, f"off-{key}", state="cancelled", cancelled_at=when)
    kept = Voucher.objects.filter(given__key__endswith="-new").order_by("-pk")

    assert codes(page_of(browser)) == [voucher.code for voucher in kept]


def test_what_a_till_holds_is_still_mine(
    browser: Client, mai: Member, benefit: Benefit, at: datetime
) -> None:
    voucher = hand_out(mai, benefit, "a")
    use(voucher, at, "held", held_until=at + timedelta(minutes=15))
    page = page_of(browser)

    assert codes(page) == [voucher.code]
    assert "at a till" in page
    assert "Used and expired" not in page


def test_a_hold_that_was_released_leaves_no_trace(
    browser: Client, mai: Member, benefit: Benefit, at: datetime
) -> None:
    voucher = hand_out(mai, benefit, "a")
    use(voucher, at, "released")
    Voucher.objects.update(uses=0)

    assert codes(page_of(browser)) == [voucher.code]
    assert "Used on" not in detail(browser, voucher)


def test_without_any_it_leads_to_the_rewards(browser: Client) -> None:
    page = page_of(browser)

    assert "No vouchers yet" in page
    assert 'href="/rewards/"' in page
    assert 'data-vouchers=""' in page


def test_a_stranger_sees_only_their_own(
    browser: Client, binh: Member, benefit: Benefit, signed_in: SignIn
) -> None:
    theirs = hand_out(binh, benefit, "a")

    assert codes(page_of(browser)) == []
    assert browser.get(f"/vouchers/{theirs.code}/").status_code == 404
    assert codes(page_of(signed_in(binh))) == [theirs.code]


# --- One --------------------------------------------------------------------------------


def test_shows_its_code_for_the_scanner_and_for_the_voice(
    browser: Client, mai: Member, benefit: Benefit
) -> None:
    VoucherType.objects.update(fine_print="Không áp dụng cuối tuần.")
    voucher = hand_out(mai, benefit, "a", code="ACDEFGHJKM", valid_until=None)
    page = detail(browser, voucher)

    assert f'd="{qr_code("ACDEFGHJKM").path}"' in page
    assert "ACDE FGHJ KM" in page
    assert "20% off drinks" in page
    assert "Usable without end" in page
    assert "Không áp dụng cuối tuần." in page
    assert "data-current" in page
    assert "data-copy=" not in page
    assert "js/portal/awake.js" in page


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (0, "<strong>today is the last day</strong>"),
        (1, "<strong>1 day left</strong>"),
        (30, "<strong>30 days left</strong>"),
        (31, ""),
    ],
)
def test_says_the_last_day_and_how_near_it_is(
    browser: Client, mai: Member, benefit: Benefit, at: datetime, days: int, words: str
) -> None:
    day = local_date(at) + timedelta(days=days)
    # The midnight after the last day is not included.
    ends = start_of_day(day + timedelta(days=1))
    page = detail(browser, hand_out(mai, benefit, "a", valid_until=ends))

    assert f"usable until {day:%d/%m/%Y}" in page
    assert (words or "paper-until") in page
    assert ("left" in page or "last day" in page) == bool(words)


def test_an_end_within_the_day_says_its_hour(
    browser: Client, mai: Member, benefit: Benefit, at: datetime
) -> None:
    ends = start_of_day(local_date(at) + timedelta(days=2)) + timedelta(hours=18)
    page = detail(browser, hand_out(mai, benefit, "a", valid_until=ends))

    assert f"usable until 18:00 {timezone.localtime(ends):%d/%m/%Y}" in page


def test_a_used_one_says_when_where_and_what_it_took_off(
    browser: Client, mai: Member, benefit: Benefit, at: datetime
) -> None:
    store = Store.objects.create(code="nh", name="Sông Nguyễn Huệ")
    voucher = hand_out(mai, benefit, "a")
    use(voucher, at - timedelta(days=3), store=store, discount=Decimal(35000))
    page = detail(browser, voucher)
    day = local_date(at) - timedelta(days=3)

    assert '<p class="stamp">used</p>' in page
    assert "paper-qr" not in page
    assert "data-current" not in page
    assert f"Used on {day:%d/%m/%Y}" in page
    assert "Sông Nguyễn Huệ" in page
    assert "35.000 ₫ taken off" in page


@pytest.mark.parametrize(
    ("fields", "stamp"),
    [
        ({"valid_until": -1}, "expired"),
        ({"state": "cancelled", "cancelled_at": -1}, "cancelled"),
    ],
)
def test_what_is_over_looks_so(
    browser: Client,
    mai: Member,
    benefit: Benefit,
    at: datetime,
    fields: dict[str, Any],
    stamp: str,
) -> None:
    told = {k: at - timedelta(days=1) if v == -1 else v for k, v in fields.items()}
    page = detail(browser, hand_out(mai, benefit, "a", **told))

    assert f'<p class="stamp">{stamp}</p>' in page
    assert "paper-qr" not in page
    assert "is-over" in page


def test_one_that_ends_this_instant_is_over(
    browser: Client, mai: Member, benefit: Benefit, at: datetime
) -> None:
    voucher = hand_out(mai, benefit, "a", valid_until=at)

    assert "expired" in detail(browser, voucher)


def test_one_for_later_says_from_when(
    browser: Client, mai: Member, benefit: Benefit, at: datetime
) -> None:
    begins = at + timedelta(days=4)
    page = detail(browser, hand_out(mai, benefit, "a", valid_from=begins))

    assert f"Usable from {timezone.localtime(begins):%H:%M %d/%m/%Y}" in page


def test_one_at_a_till_says_until_when(
    browser: Client, mai: Member, benefit: Benefit, at: datetime
) -> None:
    voucher = hand_out(mai, benefit, "a")
    until = at + timedelta(minutes=15)
    use(voucher, at, "held", held_until=until)
    page = detail(browser, voucher)

    assert f"A till holds it until {timezone.localtime(until):%H:%M}." in page
    assert "paper-qr" in page


def test_one_that_a_till_forgot_is_free_again_in_a_moment(
    browser: Client, mai: Member, benefit: Benefit, at: datetime
) -> None:
    voucher = hand_out(mai, benefit, "a")
    use(voucher, at - timedelta(hours=1), "held", held_until=at - timedelta(minutes=1))

    assert "free again in a moment" in page_of(browser)
    assert "A till held it; it is free again in a moment." in detail(browser, voucher)


def test_what_the_shop_switched_off_says_so(
    browser: Client, mai: Member, benefit: Benefit
) -> None:
    voucher = hand_out(mai, benefit, "a")
    VoucherType.objects.update(is_active=False)
    now, _title, past = page_of(browser).partition("Used and expired")

    assert codes(now) == []
    assert codes(past) == [voucher.code]
    assert 'class="count"' not in now
    page = detail(browser, voucher)
    assert '<p class="stamp">no longer accepted</p>' in page
    assert "paper-qr" not in page


def test_says_for_what_and_where_it_is_good(
    browser: Client, mai: Member, benefit: Benefit
) -> None:
    store = Store.objects.create(code="nh", name="Sông Nguyễn Huệ")
    other = Store.objects.create(code="bd", name="Sông Bạch Đằng")
    Store.objects.create(code="x", name="Sông Xa")
    terms = Terms(
        percent=Decimal(20),
        minimum_value=Decimal(100_000),
        store_ids=frozenset({store.pk, other.pk}),
    )
    VoucherType.objects.update(terms=terms.to_json())
    page = detail(browser, hand_out(mai, benefit, "a"))

    assert describe(terms, currency="VND") in page
    assert "100.000 ₫" in page
    assert "Good in 2 stores" in page
    assert "<li>Sông Bạch Đằng</li><li>Sông Nguyễn Huệ</li>" in page
    assert "Sông Xa" not in page


@pytest.mark.parametrize("terms", [{}, {"percent": "many"}, {"kind": "nonsense"}])
def test_terms_that_nobody_can_read_are_left_out(
    browser: Client, mai: Member, benefit: Benefit, terms: dict[str, str]
) -> None:
    VoucherType.objects.update(terms=terms)

    assert "paper-about" not in detail(browser, hand_out(mai, benefit, "a"))


def test_one_for_several_uses_counts_them(
    browser: Client, mai: Member, benefit: Benefit, at: datetime
) -> None:
    voucher = hand_out(mai, benefit, "a", max_uses=5)
    use(voucher, at - timedelta(days=2))
    use(voucher, at - timedelta(days=1))

    assert "3 uses left" in page_of(browser)
    page = detail(browser, voucher)
    assert page.count("Used on") == 2
    assert "3 times" in page
    assert "paper-qr" in page


def test_a_partner_s_code_can_be_copied(browser: Client, mai: Member, at: datetime) -> None:
    partner = make_voucher_type(terms={"kind": "partner"}, codes=VoucherType.Codes.POOL)
    Voucher.objects.create(
        code="CGV2026X77",
        written_as="cgv-2026-x77",
        voucher_type=partner,
        state="pooled",
    )
    voucher = hand_out(mai, make_benefit(voucher_type=partner), "a")
    page = detail(browser, voucher)

    # In the partner's own letters, which may matter there.
    assert "cgv-2026-x77</p>" in page
    assert 'data-copy="cgv-2026-x77"' in page
    assert f'd="{qr_code("cgv-2026-x77").path}"' in page
    assert "Show or type this code at the partner." in page


def test_leads_to_the_redemption_that_gave_it(
    browser: Client, mai: Member, benefit: Benefit, at: datetime
) -> None:
    give(mai, 100, "p", at)
    reward = make_reward(benefit, fine_print="Chỉ tại quầy.")
    redemption = redeem_reward(member=mai, reward=reward, key="k", at=at)
    page = detail(browser, Voucher.objects.get())

    assert f'href="/redemptions/{redemption.code}/"' in page
    # The type of voucher has no terms of its own, so those of the reward hold.
    assert "Chỉ tại quầy." in page


# --- Who --------------------------------------------------------------------------------


def test_a_code_in_a_pool_belongs_to_nobody(browser: Client) -> None:
    pool = make_voucher_type(codes=VoucherType.Codes.POOL)
    Voucher.objects.create(code="POOLED12", voucher_type=pool, state="pooled")

    assert browser.get("/vouchers/POOLED12/").status_code == 404
    assert browser.get("/vouchers/NOTHING/").status_code == 404
    assert browser.get(f"/vouchers/{'A' * 500}/").status_code == 404


def test_small_letters_are_the_same_code(
    browser: Client, mai: Member, benefit: Benefit
) -> None:
    voucher = hand_out(mai, benefit, "a")

    assert browser.get(f"/vouchers/{voucher.code.lower()}/").status_code == 200


@pytest.mark.parametrize("path", ["/vouchers/", "/vouchers/ACDEF/"])
def test_a_visitor_is_asked_to_sign_in(client: Client, path: str) -> None:
    assert client.get(path)["Location"].startswith("/sign-in/?next=%2Fvouchers%2F")
    assert client.post(path).status_code == 405


def test_is_kept_by_no_cache(browser: Client, mai: Member, benefit: Benefit) -> None:
    voucher = hand_out(mai, benefit, "a")

    assert "no-store" in browser.get(f"/vouchers/{voucher.code}/")["Cache-Control"]


def test_runs_nothing_that_staff_wrote(
    browser: Client, mai: Member, benefit: Benefit
) -> None:
    VoucherType.objects.update(name='"><script>alert(1)</script>', fine_print="<b>x</b>")
    page = detail(browser, hand_out(mai, benefit, "a"))

    assert "<script>alert" not in page
    assert "<b>x" not in page


def test_asks_the_database_no_more_for_many_vouchers(
    browser: Client,
    mai: Member,
    benefit: Benefit,
    at: datetime,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    use(hand_out(mai, benefit, "u"), at)
    voucher = hand_out(mai, benefit, "a")
    with django_assert_num_queries(8):
        browser.get("/vouchers/")
    with django_assert_num_queries(6):
        browser.get(f"/vouchers/{voucher.code}/")
    for n in range(40):
        hand_out(mai, benefit, f"a{n}")
        use(hand_out(mai, benefit, f"u{n}"), at)
    with django_assert_num_queries(8):
        browser.get("/vouchers/")
    with django_assert_num_queries(6):
        browser.get(f"/vouchers/{voucher.code}/")
