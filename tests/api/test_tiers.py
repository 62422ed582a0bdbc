"""Tills are told the tier of their customer, and what it entitles to."""

from __future__ import annotations

from decimal import Decimal

from django.utils import timezone

from members.models import Member
from tests.api.conftest import MEMBERS, Till
from tests.tiers.helpers import make_ladder
from tiers.ladders import publish_ladder
from tiers.models import Perk, Tier

PERK = {
    "kind": "discount",
    "name": "Giảm 5%",
    "sentence": "",
    "percent": "5.00",
    "amount": None,
}


def test_a_member_who_never_bought_stands_at_the_bottom(till: Till, mai: Member) -> None:
    make_ladder()

    body = till.get(f"{MEMBERS}MAI/").json()

    assert body["tier"] == {"code": "member", "name": "Member"}
    assert body["perks"] == []


def test_an_order_answers_the_tier_that_it_reached(till: Till, mai: Member) -> None:
    ladder = make_ladder(steps=(("member", None), ("silver", 185_000)))
    silver = Tier.objects.get(code="silver")
    Perk.objects.create(tier=silver, kind="discount", name="Giảm 5%", percent=Decimal(5))
    publish_ladder(ladder, at=timezone.now())

    body = till.order(total="185000").json()

    assert body["tier"] == {"code": "silver", "name": "Silver"}
    assert body["perks"] == [PERK]
    assert till.get(f"{MEMBERS}MAI/").json()["perks"] == [PERK]
