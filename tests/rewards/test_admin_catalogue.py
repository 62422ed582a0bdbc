"""The catalogue in the console: built by staff alone, safe while members take from it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from members.models import Member, Segment
from rewards.codes import in_fours
from rewards.giving import KINDS
from rewards.models import (
    Benefit,
    GivenBenefit,
    Redemption,
    Reward,
    RewardCategory,
    RewardLimit,
    Voucher,
)
from rewards.services import redeem_reward
from tests import factories
from tests.console import allow, form_data, num_queries
from tests.points.helpers import give
from tests.rewards.helpers import limit, make_benefit, make_reward, make_voucher_type

LIST = "admin:rewards_reward_changelist"


@pytest.fixture(autouse=True)
def _programme(db: None) -> None:
    factories.make_programme()
    factories.make_wallet(unit_name="điểm")


def text(response: Any) -> str:
    return " ".join(response.content.decode().split())


def change(reward: Reward) -> str:
    return reverse("admin:rewards_reward_change", args=[reward.pk])


def act(reward: Reward, name: str) -> str:
    return reverse(f"admin:rewards_reward_{name}", args=[reward.pk])


def had(member: Member, reward: Reward, key: str) -> Redemption:
    return redeem_reward(member=member, reward=reward, key=key, at=timezone.now())


# --- The form -----------------------------------------------------------------------------


def test_a_reward_is_made_in_one_form(console: Client) -> None:
    benefit = make_benefit()
    address = reverse("admin:rewards_reward_add")
    data = form_data(console.get(address))
    data |= {"name": "Cà phê", "code": "ca-phe", "benefit": benefit.pk, "stock": "50"}
    data |= {"price_points": "100", "limits-TOTAL_FORMS": "1"}
    data |= {"limits-0-times": "1", "limits-0-period": "month", "limits-0-per": "member"}

    response = console.post(address, data)

    assert response.status_code == 302
    reward = Reward.objects.get()
    assert (reward.name, reward.stock, reward.price_points) == ("Cà phê", 50, 100)
    assert str(reward.limits.get()) == "1 a month"


def test_what_members_take_meanwhile_stays_taken(
    console: Client, mai: Member, staff: User
) -> None:
    reward = make_reward(stock=5, price_points=0)
    data = form_data(console.get(change(reward)))
    had(mai, reward, "k1")

    console.post(change(reward), {**data, "name": "Espresso"})

    reward.refresh_from_db()
    assert (reward.name, reward.stock, reward.taken) == ("Espresso", 5, 1)
    assert reward.history.latest().history_user == staff


def test_less_stock_than_was_taken_is_refused(console: Client, mai: Member) -> None:
    reward = make_reward(stock=5, price_points=0)
    had(mai, reward, "k1")
    had(mai, reward, "k2")
    data = form_data(console.get(change(reward)))

    response = console.post(change(reward), {**data, "stock": "1"})

    assert "2 of them are taken" in text(response)
    assert Reward.objects.get().stock == 5


def test_who_is_faster_than_the_form_is_told(
    console: Client, mai: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    reward = make_reward(stock=5, price_points=0)
    data = form_data(console.get(change(reward)))
    real = Reward.objects.filter

    def taken_after_the_check(**told: Any) -> Any:
        found = real(**told)
        if "pk" in told and Reward.objects.get().taken == 0:
            checked = list(found.values_list("taken", flat=True))
            real().update(taken=3)
            found.values_list = lambda *a, **k: _First(checked)
        return found

    monkeypatch.setattr(Reward.objects, "filter", taken_after_the_check)
    response = console.post(change(reward), {**data, "stock": "1"})
    monkeypatch.undo()

    assert response.status_code == 302
    assert "3 of them are taken" in text(console.get(change(reward)))
    assert Reward.objects.get().stock == 5


class _First(list[int]):
    def first(self) -> int:
        return self[0]


def test_the_preview_says_what_stands_in_the_form(console: Client) -> None:
    reward = make_reward(stock=5)
    data = form_data(console.get(change(reward)))
    data |= {"name": "Bánh mì", "price_points": "1500", "price_amount": "20000"}
    data |= {"limits-TOTAL_FORMS": "1", "limits-0-times": "2"}
    data |= {"limits-0-period": "day", "limits-0-per": "everyone"}

    shown = text(console.post(act(reward, "preview"), data))

    assert "Bánh mì" in shown
    assert "1.500 điểm + 20.000 ₫" in shown
    assert (
        "Members with 1.500 điểm + 20.000 ₫ can have it, at most 2 a day for everyone "
        "together; 5 in stock." in shown
    )
    assert Reward.objects.get().name == "Free coffee"


def test_the_preview_of_nothing_yet(console: Client) -> None:
    shown = text(console.post(reverse("admin:rewards_reward_preview", args=[0]), {}))
    assert "Every member can have it free of charge." in shown
    assert "Choose what members get." in shown


def test_staff_are_told_what_will_go_wrong(console: Client, now: datetime) -> None:
    pool = make_voucher_type(codes="pool", valid_until=timezone.now() - timedelta(days=1))
    Voucher.objects.create(code="A", voucher_type=pool, state="pooled")
    benefit = make_benefit(voucher_type=pool, budget=1)
    reward = make_reward(benefit, stock=5, visible_from=timezone.now())

    shown = text(console.get(change(reward)))

    assert "can be given only once more" in shown
    assert "There is only one code left of “20% off drinks”." in shown
    assert "“20% off drinks” could be used until" in shown
    assert "Members can have it before the catalogue shows it." in shown


@pytest.mark.parametrize(
    ("fields", "limits", "sentence"),
    [
        ({}, [], "Members with 100 điểm can have it."),
        (
            {"active_from": datetime(2026, 3, 1, 17, tzinfo=UTC)},
            [{"times": 1, "period": "month"}],
            "Members with 100 điểm can have it from 02/03/2026 on, once a month each.",
        ),
        (
            {"price_points": 0, "active_until": datetime(2026, 3, 31, 17, tzinfo=UTC)},
            [{"times": 3, "period": "all"}],
            "Every member can have it free of charge through 31/03/2026, 3 times for each.",
        ),
        (
            {"stock": 50},
            [{"times": 100, "period": "week", "per": "everyone"}],
            "Members with 100 điểm can have it, at most 100 a week for everyone together; "
            "50 in stock.",
        ),
        (
            {"stock": 50, "taken": 12},
            [{"times": 1, "period": "all", "per": "everyone"}],
            "Members with 100 điểm can have it, at most 1 for everyone together; "
            "38 of 50 left.",
        ),
    ],
)
def test_the_sentence(
    console: Client, fields: dict[str, Any], limits: list[dict[str, Any]], sentence: str
) -> None:
    reward = make_reward(**fields)
    for told in limits:
        limit(reward, **told)

    assert sentence in text(console.get(change(reward)))


def test_a_group_is_named(console: Client) -> None:
    group = Segment.objects.create(code="vip", name="Khách quen", conditions={"all": []})
    reward = make_reward(audience=group)
    assert "Members of “Khách quen” with 100 điểm can have it." in text(
        console.get(change(reward))
    )


# --- Buttons ------------------------------------------------------------------------------


def test_copying_opens_the_copy(console: Client) -> None:
    reward = make_reward(stock=5, taken=2)

    response = console.post(act(reward, "copy"))

    copy = Reward.objects.latest("pk")
    assert response["Location"] == change(copy)
    assert (copy.name, copy.is_active, copy.taken) == ("Free coffee (copy)", False, 0)


def test_switching_by_button_and_in_the_list(console: Client) -> None:
    reward = make_reward()

    console.post(act(reward, "switch"), {"on": "0"})
    assert not Reward.objects.get().is_active
    console.post(act(reward, "switch"), {"on": "0"})
    assert reward.history.count() == 2
    page = console.post(
        reverse(LIST), {"action": "switch_on", "_selected_action": [reward.pk]}, follow=True
    )
    assert Reward.objects.get().is_active
    assert "1 reward is in the catalogue now." in text(page)


def test_buttons_do_nothing_when_only_looked_at(console: Client) -> None:
    reward = make_reward()
    for name in ("copy", "switch", "preview"):
        assert console.get(act(reward, name)).status_code == 405
    assert Reward.objects.get().is_active


def test_what_somebody_had_is_not_deleted(console: Client, mai: Member) -> None:
    reward = make_reward(price_points=0)
    delete = reverse("admin:rewards_reward_delete", args=[reward.pk])
    assert console.get(delete).status_code == 200
    had(mai, reward, "k1")

    assert console.post(delete, {"post": "yes"}).status_code == 403
    assert Reward.objects.exists()


def test_lines_are_put_into_order(console: Client) -> None:
    benefit = make_benefit()
    a, b, off, c = (
        make_reward(benefit, code=code, name=code, is_active=code != "off")
        for code in ("a", "b", "off", "c")
    )
    address = reverse("admin:rewards_reward_arrange")
    assert text(console.get(address)).count('name="reward"') == 3

    console.post(address, {"reward": [c.pk, a.pk, b.pk]})

    assert list(Reward.objects.values_list("pk", flat=True)) == [c.pk, a.pk, off.pk, b.pk]


# --- The list -----------------------------------------------------------------------------


def test_the_list_says_how_each_stands(console: Client, mai: Member) -> None:
    benefit = make_benefit(budget=100)
    shelf = RewardCategory.objects.create(code="drinks", name="Nước uống")
    reward = make_reward(
        benefit, stock=10, low_stock=9, price_points=0, category=shelf, name="Latte"
    )
    make_reward(benefit, code="old", active_until=timezone.now(), name="Old one")
    had(mai, reward, "k1")
    had(mai, reward, "k2")
    Redemption.objects.filter(key="k2").update(
        redeemed_at=timezone.now() - timedelta(days=31)
    )

    shown = text(console.get(reverse(LIST)))

    assert "Nước uống" in shown
    assert "running low, of 10" in shown
    assert "field-num_lately" in shown
    assert "in the catalogue" in shown
    only_old = text(console.get(reverse(LIST), {"state": "over"}))
    assert "Old one" in only_old
    assert "Latte" not in only_old


def test_the_list_asks_the_same_number_of_questions(console: Client, mai: Member) -> None:
    benefit = make_benefit()
    had(mai, make_reward(benefit, price_points=0), "k0")
    few = num_queries(console, reverse(LIST))
    for number in range(12):
        shelf = RewardCategory.objects.create(code=f"c{number}", name=f"C{number}")
        reward = make_reward(benefit, code=f"r{number}", price_points=0, category=shelf)
        limit(reward, 1, period="day")
        had(mai, reward, f"k{number + 1}")

    assert num_queries(console, reverse(LIST)) == few
    assert few <= 12


# --- Benefits -----------------------------------------------------------------------------


def benefit_page(benefit: Benefit) -> str:
    return reverse("admin:rewards_benefit_change", args=[benefit.pk])


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("points", "Choose the wallet."),
        ("voucher", "Choose the type of voucher."),
        ("tag", "Choose the tag."),
        ("donation", "Write how much is donated."),
    ],
)
def test_a_kind_asks_for_what_it_needs(console: Client, kind: str, sentence: str) -> None:
    address = reverse("admin:rewards_benefit_add")
    data = form_data(console.get(address)) | {"name": "X", "code": "x", "kind": kind}

    response = console.post(address, data)

    assert sentence in text(response)
    assert not Benefit.objects.exists()


def test_only_kinds_that_can_be_handed_over_are_offered(
    console: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(KINDS, "tier_days")
    shown = text(console.get(reverse("admin:rewards_benefit_add")))
    assert 'value="gift"' in shown
    assert 'value="tier_days"' not in shown


def test_a_budget_counts_what_was_given(console: Client, mai: Member) -> None:
    benefit = make_benefit("gift")
    reward = make_reward(benefit, price_points=0)
    had(mai, reward, "k1")
    had(mai, reward, "k2")
    data = form_data(console.get(benefit_page(benefit)))

    refused = console.post(benefit_page(benefit), {**data, "budget": "1"})
    assert "It was given 2 times." in text(refused)
    console.post(benefit_page(benefit), {**data, "budget": "3"})

    benefit.refresh_from_db()
    assert (benefit.budget, benefit.taken) == (3, 2)
    assert "at most 3 in all, 2 of them given" in text(console.get(benefit_page(benefit)))


def test_the_kind_stands_once_it_was_given(console: Client, mai: Member) -> None:
    benefit = make_benefit("gift")
    assert 'name="kind"' in text(console.get(benefit_page(benefit)))
    had(mai, make_reward(benefit, price_points=0), "k1")
    assert 'name="kind"' not in text(console.get(benefit_page(benefit)))


def test_the_page_says_where_it_is_used(console: Client, mai: Member) -> None:
    benefit = make_benefit("gift")
    assert "nothing yet" in text(console.get(benefit_page(benefit)))
    reward = make_reward(benefit, price_points=0, name="Ly sứ")
    had(mai, reward, "k1")

    shown = text(console.get(benefit_page(benefit)))

    assert f'<a class="console-link" href="{change(reward)}">Ly sứ</a>' in shown
    assert "Given so far</dt> <dd><b>1</b>" in shown


def test_a_benefit_says_itself_while_it_is_typed(console: Client) -> None:
    address = reverse("admin:rewards_benefit_sentence", args=[0])
    data = {"kind": "gift", "handover": "delivery", "delivery_fee": "30000"}
    assert "A gift that is sent to an address, 30.000 ₫ to pay for delivery." in text(
        console.post(address, data)
    )


# --- By hand ------------------------------------------------------------------------------


def test_it_is_given_from_both_sides(console: Client, mai: Member) -> None:
    benefit = make_benefit("gift", value=180_000)
    find = reverse("admin:rewards_benefit_give", args=[benefit.pk])
    page = reverse("admin:members_member_benefit", args=[mai.pk])
    assert f"{page}?benefit={benefit.pk}" in text(console.get(find, {"q": "0912345678"}))
    assert "Nobody is found by" in text(console.get(find, {"q": "nobody"}))
    shown = console.get(page, {"benefit": benefit.pk})
    assert "A gift · 180.000 ₫" in text(shown)
    key = shown.context["form"]["key"].value()

    data = {"key": key, "benefit": benefit.pk, "note": "Sorry for the delay"}
    response = console.post(page, data, follow=True)
    console.post(page, data)

    assert "Nguyễn Thị Mai has it now." in text(response)
    given = GivenBenefit.objects.get()
    assert (given.actor, given.note) == ("staff", "Sorry for the delay")
    assert "Sorry for the delay" in text(console.get(mai.get_absolute_url()))


def test_above_the_bound_it_waits(console: Client, mai: Member) -> None:
    factories.make_programme(gift_approval_above=100_000)
    benefit = make_benefit("gift", value=180_000)
    page = reverse("admin:members_member_benefit", args=[mai.pk])
    assert "Above 100.000 ₫ a day" in text(console.get(page))

    data = {"key": "k", "benefit": benefit.pk, "note": "VIP"}
    response = console.post(page, data, follow=True)

    assert "a second person has to approve this" in text(response)
    assert not GivenBenefit.objects.exists()


def test_nothing_to_give_is_said(console: Client, mai: Member) -> None:
    page = reverse("admin:members_member_benefit", args=[mai.pk])
    assert "There is no benefit to give yet." in text(console.get(page))


def test_a_refusal_stands_in_the_form(console: Client, mai: Member) -> None:
    benefit = make_benefit("gift", budget=0)
    page = reverse("admin:members_member_benefit", args=[mai.pk])
    response = console.post(page, {"key": "k", "benefit": benefit.pk, "note": "x"})
    assert "was given as often as its budget allows" in text(response)


def test_taking_back_says_what_is_lost(console: Client, mai: Member) -> None:
    benefit = make_benefit(budget=5)
    page = reverse("admin:members_member_benefit", args=[mai.pk])
    console.post(page, {"key": "k", "benefit": benefit.pk, "note": "x"})
    given, voucher = GivenBenefit.objects.get(), Voucher.objects.get()
    address = reverse("admin:rewards_givenbenefit_take_back", args=[given.pk])

    assert f"The voucher {in_fours(voucher.code)} can no longer be used." in text(
        console.get(address)
    )
    given.refresh_from_db()
    assert given.taken_back_at is None
    console.post(address)

    given.refresh_from_db()
    voucher.refresh_from_db()
    benefit.refresh_from_db()
    assert given.taken_back_at is not None
    assert (voucher.state, benefit.taken) == ("cancelled", 0)


def test_what_is_used_is_not_taken_back(console: Client, mai: Member) -> None:
    page = reverse("admin:members_member_benefit", args=[mai.pk])
    console.post(page, {"key": "k", "benefit": make_benefit().pk, "note": "x"})
    Voucher.objects.update(uses=1)
    given = GivenBenefit.objects.get()
    address = reverse("admin:rewards_givenbenefit_take_back", args=[given.pk])

    assert "The voucher was used already." in text(console.get(address))
    console.post(address)
    given.refresh_from_db()
    assert given.taken_back_at is None


# --- Who may ------------------------------------------------------------------------------


def test_who_only_looks_changes_nothing(
    helper: User, helper_console: Client, mai: Member
) -> None:
    reward = make_reward(price_points=0)
    had(mai, reward, "k1")
    given = GivenBenefit.objects.get()
    allow(helper, "view_reward", "view_benefit", "view_member", "view_givenbenefit")

    assert helper_console.get(change(reward)).status_code == 200
    assert helper_console.get(benefit_page(reward.benefit)).status_code == 200
    closed = [
        act(reward, "copy"),
        act(reward, "switch"),
        reverse("admin:rewards_reward_arrange"),
        reverse("admin:rewards_benefit_give", args=[reward.benefit_id]),
        reverse("admin:members_member_benefit", args=[mai.pk]),
        reverse("admin:rewards_givenbenefit_take_back", args=[given.pk]),
    ]
    assert [helper_console.post(page).status_code for page in closed] == [403] * 6
    assert Reward.objects.count() == 1


def test_who_may_nothing_sees_nothing(helper_console: Client) -> None:
    reward = make_reward()
    for name in ("copy", "switch", "preview"):
        assert helper_console.post(act(reward, name)).status_code == 403
    assert helper_console.get(change(reward)).status_code == 403


def test_what_was_bought_is_cancelled_elsewhere(console: Client, mai: Member) -> None:
    had(mai, make_reward(price_points=0), "k1")
    address = reverse(
        "admin:rewards_givenbenefit_take_back", args=[GivenBenefit.objects.get().pk]
    )
    assert console.get(address).status_code == 403


def test_given_benefits_ask_the_same_number_of_questions(
    console: Client, mai: Member
) -> None:
    voucher, gift = make_benefit(), make_benefit("gift")
    give(mai, 1, "opening", timezone.now())
    had(mai, make_reward(voucher, price_points=0), "k0")
    had(mai, make_reward(gift, code="g", price_points=0), "k1")
    address = reverse("admin:rewards_givenbenefit_changelist")
    few = num_queries(console, address)
    rewards = list(Reward.objects.all())
    for number in range(10):
        had(mai, rewards[number % 2], f"m{number}")

    assert num_queries(console, address) == few
    assert RewardLimit.objects.count() == 0
