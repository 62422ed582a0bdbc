"""Tiers in the console: written as a draft, looked at, published, given by hand."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from kombu.exceptions import OperationalError

from members.models import Member
from points.models import EarnRule
from tests.console import form_data
from tests.factories import make_wallet
from tests.tiers.helpers import buy, make_ladder, standing_row, tier
from tiers.models import Ladder, Perk, Tier, TierChange
from tiers.tasks import review_now


@pytest.fixture(autouse=True)
def handed_over(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """What was handed to the worker."""
    calls: list[dict[str, str]] = []
    monkeypatch.setattr(review_now, "delay", lambda **values: calls.append(values))
    return calls


def page(name: str, pk: int) -> str:
    return reverse(f"admin:{name}", args=[pk])


def text(console: Client, address: str) -> str:
    response = console.get(address)
    assert response.status_code == 200
    return str(response.content.decode())


def test_the_page_says_the_ladder_in_sentences(console: Client, mai: Member) -> None:
    ladder = make_ladder(grace_days=30)
    buy(mai, "A", timezone.now(), 1_000_000)

    shown = text(console, page("tiers_ladder_change", ladder.pk))

    assert "the last 12 months, day by day" in shown
    assert "There are 30 days of grace." in shown
    assert "from 3.000.000 ₫" in shown
    assert "for everybody" in shown


def test_publishing_says_who_moves_first(console: Client, mai: Member) -> None:
    ladder = make_ladder()
    buy(mai, "A", timezone.now(), 1_000_000)
    ladder.tiers.filter(code="gold").update(spend=1_000_000)
    ladder.tiers.filter(code="silver").update(spend=500_000)
    address = page("tiers_ladder_publish", ladder.pk)

    shown = text(console, address)

    assert "1 rise, 0 fall, 0 enter" in shown
    assert "Silver → Gold" in shown
    assert Ladder.objects.get().version == 1
    response = console.post(address)
    assert response["Location"] == page("tiers_ladder_change", ladder.pk)
    assert Ladder.objects.get().version == 2


def test_publishing_places_members_at_once(
    console: Client, mai: Member, handed_over: list[dict[str, str]]
) -> None:
    ladder = make_ladder()
    buy(mai, "A", timezone.now(), 1_000_000)
    ladder.tiers.filter(code="silver").update(spend=2_000_000)

    console.post(page("tiers_ladder_publish", ladder.pk))
    (call,) = handed_over
    review_now(**call)

    assert tier(mai) == "member"
    assert TierChange.objects.latest("pk").cause == "ladder"


def test_without_a_worker_it_is_published_all_the_same(
    console: Client, mai: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(**_values: str) -> None:
        raise OperationalError

    monkeypatch.setattr(review_now, "delay", unreachable)
    ladder = make_ladder()
    ladder.tiers.filter(code="silver").update(spend=2_000_000)

    response = console.post(page("tiers_ladder_publish", ladder.pk), follow=True)

    assert "Members are placed by the night." in response.content.decode()
    assert Ladder.objects.get().version == 2


def test_a_draft_that_cannot_be_published_says_why(console: Client) -> None:
    ladder = make_ladder()
    ladder.tiers.filter(code="gold").update(spend=1_000_000)
    address = page("tiers_ladder_publish", ladder.pk)

    assert "must ask for more than" in text(console, address)
    console.post(address)

    assert Ladder.objects.get().version == 1


def test_discarding_asks_first(console: Client) -> None:
    ladder = make_ladder()
    ladder.tiers.filter(code="gold").update(spend=7)
    address = page("tiers_ladder_discard", ladder.pk)

    assert "Put this ladder back" in text(console, address)
    assert Tier.objects.get(code="gold").spend == 7
    console.post(address)

    assert Tier.objects.get(code="gold").spend == 3_000_000


def test_a_threshold_is_changed_in_the_form(console: Client) -> None:
    ladder = make_ladder()
    address = page("tiers_ladder_change", ladder.pk)
    data = form_data(console.get(address))
    name = next(key for key, value in data.items() if value == "gold")
    data[name.replace("-code", "-spend")] = "5000000"

    response = console.post(address, data)

    assert response.status_code == 302
    assert Tier.objects.get(code="gold").spend == Decimal(5_000_000)
    assert Ladder.objects.get().version == 1


def test_a_tier_has_a_button_for_its_multiplier(console: Client) -> None:
    make_wallet()
    make_ladder()
    gold = Tier.objects.get(code="gold")
    Perk.objects.create(tier=gold, kind="event", name="Buổi thử cà phê")
    assert "Buổi thử cà phê" in text(console, page("tiers_tier_change", gold.pk))

    response = console.get(reverse("admin:tiers_tier_multiplier", args=[gold.pk]))

    rule = EarnRule.objects.get()
    assert response["Location"] == page("points_earnrule_change", rule.pk)
    assert rule.segment is not None
    assert (rule.method, rule.version) == ("multiplier", 0)
    assert rule.segment.conditions == {
        "all": [{"field": "tier", "is": "is", "value": "main:gold"}]
    }


def test_a_discount_without_percent_is_refused_in_words(console: Client) -> None:
    make_ladder()
    gold = Tier.objects.get(code="gold")
    Perk.objects.create(tier=gold, kind="discount", name="Giảm", percent=5)
    address = page("tiers_tier_change", gold.pk)
    data = form_data(console.get(address))
    data["perks-0-percent"] = ""

    response = console.post(address, data)

    assert "Write how many percent the discount is." in response.content.decode()
    assert Perk.objects.get().percent == 5


def test_staff_give_a_tier_and_take_it_away(console: Client, mai: Member) -> None:
    ladder = make_ladder()
    gold = Tier.objects.get(code="gold")
    address = page("members_member_tier", mai.pk)
    assert "In no tier yet." in text(console, address)

    console.post(address, {"tier": gold.pk, "until": "2199-01-31", "reason": "VIP"})

    row = standing_row(mai)
    assert (tier(mai), str(row.manual_until)) == ("gold", "2199-01-31")
    assert TierChange.objects.get().actor == "staff"
    assert "given by staff: Gold (VIP)" in text(console, address)
    console.post(address, {"end": ladder.pk})
    assert tier(mai) == "member"


def test_a_refusal_is_shown_in_the_form(console: Client, mai: Member) -> None:
    make_ladder()
    buy(mai, "A", timezone.now(), 3_000_000)
    silver = Tier.objects.get(code="silver")

    response = console.post(
        page("members_member_tier", mai.pk), {"tier": silver.pk, "reason": "x"}
    )

    assert "has reached Gold by purchases" in response.content.decode()
    assert standing_row(mai).manual_tier is None


def test_the_member_page_shows_the_tier_and_its_history(
    console: Client, mai: Member
) -> None:
    make_ladder()
    buy(mai, "A", timezone.now(), 1_000_000)

    shown = text(console, page("members_member_change", mai.pk))

    assert "2.000.000 ₫ more by" in shown
    assert "Tier Silver: entered" in shown


def test_lists_show_who_stands_where_and_why(
    console: Client, mai: Member, now: datetime
) -> None:
    make_ladder()
    buy(mai, "A", now, 1_000_000)

    assert "MAI" in text(console, reverse("admin:tiers_membertier_changelist"))
    changes = reverse("admin:tiers_tierchange_changelist")
    assert "an order" in text(console, changes)
    assert "MAI" not in text(console, f"{changes}?q=nobody")


@pytest.mark.parametrize(
    ("name", "permission"),
    [
        ("tiers_ladder_publish", "publish_ladder"),
        ("tiers_ladder_discard", "publish_ladder"),
        ("members_member_tier", "give_tier"),
    ],
)
def test_each_act_needs_its_own_permission(
    helper: User, helper_console: Client, mai: Member, name: str, permission: str
) -> None:
    ladder = make_ladder()
    address = page(name, mai.pk if name.startswith("members") else ladder.pk)
    for codename in ("view_ladder", "change_ladder", "change_member", "change_tier"):
        helper.user_permissions.add(Permission.objects.get(codename=codename))

    assert helper_console.post(address).status_code == 403

    helper.user_permissions.add(Permission.objects.get(codename=permission))
    assert helper_console.get(address).status_code == 200
