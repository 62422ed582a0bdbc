"""Tiers as a member sees them: on the first page and on their own."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from django.test import Client
from django.utils import timezone

from members.models import Member
from points.models import Wallet
from tests.portal.conftest import SignIn, shown
from tests.rewards.helpers import make_benefit, make_reward
from tests.tiers.helpers import buy, make_ladder
from tiers.ladders import publish_ladder
from tiers.models import Perk, Tier, TierGift, TierReward


def test_home_says_the_tier_and_the_way_to_the_next(mai: Member, signed_in: SignIn) -> None:
    make_ladder()
    buy(mai, "A", timezone.now() - timedelta(days=1), 2_650_000)

    page = shown(signed_in(mai).get("/"))

    assert "Hạng Silver" in page or "Tier Silver" in page
    assert "350.000 ₫" in page
    assert 'aria-valuenow="88"' in page


def test_home_shows_nothing_without_tiers(mai: Member, signed_in: SignIn) -> None:
    assert 'class="tier"' not in shown(signed_in(mai).get("/"))


def test_gifts_and_rewards_of_a_tier_are_shown(
    mai: Member, signed_in: SignIn, wallet: Wallet
) -> None:
    ladder = make_ladder()
    gold = Tier.objects.get(code="gold")
    cake = make_benefit("gift", name="Birthday cake")
    TierGift.objects.create(tier=gold, occasion="birthday", benefit=cake)
    off = make_benefit("gift", code="off", name="Old gift", is_active=False)
    TierGift.objects.create(tier=gold, benefit=off)
    coffee = make_reward(cake, price_points=500)
    told = {"price_points": 400, "early_hours": 24, "is_required": True}
    TierReward.objects.create(tier=gold, reward=coffee, **told)
    hidden = make_reward(cake, code="hidden", name="Hidden", is_active=False)
    TierReward.objects.create(tier=gold, reward=hidden, price_points=1)
    publish_ladder(ladder, at=timezone.now())
    client = signed_in(mai)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"

    page = shown(client.get("/tiers/"))

    assert "Birthday cake" in page
    assert "on your birthday" in page
    assert "only from this tier on, 400" in page
    assert "24 hours before everyone else" in page
    assert "Old gift" not in page
    assert "Hidden" not in page


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
