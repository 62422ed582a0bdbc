"""Tiers as a member sees them: on the first page and on their own."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from django.test import Client
from django.utils import timezone

from members.models import Member
from tests.portal.conftest import SignIn, shown
from tests.tiers.helpers import buy, make_ladder
from tiers.ladders import publish_ladder
from tiers.models import Perk, Tier


def test_home_says_the_tier_and_the_way_to_the_next(mai: Member, signed_in: SignIn) -> None:
    make_ladder()
    buy(mai, "A", timezone.now() - timedelta(days=1), 2_650_000)

    page = shown(signed_in(mai).get("/"))

    assert "Hạng Silver" in page or "Tier Silver" in page
    assert "350.000 ₫" in page
    assert 'aria-valuenow="88"' in page


def test_home_shows_nothing_without_tiers(mai: Member, signed_in: SignIn) -> None:
    assert 'class="tier"' not in shown(signed_in(mai).get("/"))


def test_every_tier_and_perk_is_shown(mai: Member, signed_in: SignIn) -> None:
    ladder = make_ladder()
    gold = Tier.objects.get(code="gold")
    Perk.objects.create(tier=gold, kind="discount", name="Giảm 5%", percent=Decimal("5.5"))
    Perk.objects.create(tier=gold, kind="other", name="<b>x</b>", sentence="Quà <i>")
    publish_ladder(ladder, at=timezone.now())
    client = signed_in(mai)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"

    page = shown(client.get("/tiers/"))

    assert "3.000.000 ₫" in page
    assert "5,5%" in page
    assert "&lt;b&gt;x&lt;/b&gt;" in page
    assert "<b>x</b>" not in page
    assert page.count('aria-current="true"') == 1


def test_a_draft_is_not_shown(mai: Member, signed_in: SignIn) -> None:
    make_ladder()
    Tier.objects.filter(code="gold").update(name="Secret")

    assert "Secret" not in shown(signed_in(mai).get("/tiers/"))


def test_another_member_sees_their_own(
    mai: Member, binh: Member, signed_in: SignIn
) -> None:
    make_ladder()
    buy(mai, "A", timezone.now(), 2_650_000)

    assert "350.000" not in shown(signed_in(binh).get("/"))


def test_a_stranger_is_led_to_sign_in(client: Client) -> None:
    response = client.get("/tiers/")

    assert response.status_code == 302
    assert "sign-in" in response["Location"]


def test_other_methods_are_refused(mai: Member, signed_in: SignIn) -> None:
    assert signed_in(mai).post("/tiers/").status_code == 405
