"""A working programme in an empty database, from one command."""

from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import CommandError, call_command
from django_celery_beat.models import PeriodicTask

from activities.models import Store
from campaigns.models import Campaign
from core.models import Programme
from flows.roles import ROLES, _names
from messaging.models import MessageTemplate, OfficialAccount, SendingPolicy
from points.models import EarnRule, Wallet

pytestmark = pytest.mark.django_db


def run(*args: str) -> str:
    out = StringIO()
    call_command("setup_programme", *args, stdout=out)
    return out.getvalue()


def state() -> list[Any]:
    models = (
        *(Programme, Wallet, EarnRule, Store, MessageTemplate, Campaign, Group),
        *(PeriodicTask, SendingPolicy, Permission),
    )
    return [list(model.objects.order_by("pk").values()) for model in models]


def test_makes_a_working_programme():
    out = run()
    programme = Programme.current()
    assert (programme.name, programme.currency) == ("Cà phê Mộc", "VND")
    wallet = Wallet.objects.get()
    assert (wallet.code, wallet.expiry_months, wallet.allows_debt) == ("points", 12, False)
    rule = EarnRule.objects.get()
    assert (rule.code, rule.points, rule.amount) == ("per-amount", 1, Decimal(10_000))
    assert (rule.rounding, rule.wallet, rule.is_active) == ("down", wallet, True)
    states = dict(Campaign.objects.values_list("code", "state"))
    assert states["recent-45"] == states["come-back"] == "running"
    assert "leftovers" in states
    template = MessageTemplate.objects.get(code="sign-in-code")
    assert (template.purpose, template.sends_by_uid) == ("code", False)
    assert [p.name for p in template.parameters.all()] == ["otp"]
    assert set(MessageTemplate.objects.values_list("zalo_template_id", flat=True)) == {
        "400001",
        "400002",
        "400005",
    }
    assert PeriodicTask.objects.filter(task="flows.tasks.run_day").exists()
    assert Store.objects.get().code == "online"
    assert SendingPolicy.objects.count() == 1
    assert set(Group.objects.values_list("name", flat=True)) == set(ROLES)
    assert "+ Earn rule “Tích điểm theo hóa đơn”: 1 points for each 10.000 ₫" in out


def test_a_second_run_changes_nothing():
    run("coffee")
    before = state()
    out = run("coffee")
    assert state() == before
    assert "nothing was changed" in out
    assert "\n+" not in f"\n{out}"


def test_what_staff_changed_stays():
    run()
    Campaign.objects.filter(code="come-back").update(state="paused", days=60)
    EarnRule.objects.update(amount=20_000)
    Group.objects.get(name="Marketing").permissions.clear()
    run()
    campaign = Campaign.objects.get(code="come-back")
    assert (campaign.state, campaign.days) == ("paused", 60)
    assert EarnRule.objects.get().amount == 20_000
    assert not Group.objects.get(name="Marketing").permissions.exists()


def test_a_dollar_programme_gives_a_point_for_a_dollar():
    run("retail", "--currency", "usd", "--name", "CD House")
    programme = Programme.current()
    assert (programme.name, programme.currency) == ("CD House", "USD")
    assert EarnRule.objects.get().amount == 1


def test_a_programme_that_gives_money_back():
    out = run("cashback")
    wallet, rule = Wallet.objects.get(), EarnRule.objects.get()
    assert (wallet.code, wallet.kind, wallet.expiry_months) == ("cashback", "cashback", 12)
    assert (wallet.pays_at_till, wallet.pay_points, wallet.pay_value) == (True, 1, 1)
    assert (rule.wallet, rule.method, rule.percent) == (wallet, "percent", 5)
    assert (rule.order_limit, rule.hold, rule.hold_days) == (50_000, "days", 7)
    assert rule.version == 1
    states = dict(Campaign.objects.values_list("code", "state"))
    assert states["come-back"] == "running"
    assert "5 % of the amount back, round down, at most 50.000 ₫ for one order." in out
    before = state()
    assert "nothing was changed" in run("cashback")
    assert state() == before


def test_cents_come_back_of_dollars():
    run("cashback", "--currency", "USD")
    assert Wallet.objects.get().pay_value == Decimal("0.01")
    assert EarnRule.objects.get().order_limit == 500


def test_cashback_comes_beside_points():
    run()
    run("cashback")
    assert Programme.current().name == "Cà phê Mộc"
    assert list(Wallet.objects.order_by("pk").values_list("code", flat=True)) == [
        "points",
        "cashback",
    ]
    assert EarnRule.objects.count() == 2


def test_the_amount_can_be_chosen():
    run("--amount-per-point", "25.000")
    assert EarnRule.objects.get().amount == 25_000
    run("--amount-per-point", "25000")


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["bakery"], "no preset “bakery”. Choose one of: coffee, retail, cashback."),
        (["--currency", "XYZ"], "no currency “XYZ”. Choose one of: VND, USD, EUR, GBP."),
        (["--amount-per-point", "0"], "must be more than nothing"),
        (["--amount-per-point", "-5"], "must be more than nothing"),
        (["--amount-per-point", "much"], "“much” in --amount-per-point is no amount"),
        (["--name", "x" * 81], "80"),
        (["cashback", "--amount-per-point", "1000"], "gives a percent of the bill"),
    ],
)
def test_refuses_what_cannot_be_and_makes_nothing(args, sentence):
    with pytest.raises(CommandError, match=sentence):
        run(*args)
    assert not Programme.objects.exists()
    assert not Wallet.objects.exists()


def test_does_not_turn_dongs_into_dollars():
    run()
    with pytest.raises(CommandError, match="already runs in VND"):
        run("--currency", "USD")
    with pytest.raises(CommandError, match="has another amount"):
        run("--amount-per-point", "5000")
    assert Programme.current().currency == "VND"


def test_connects_the_account_of_the_environment(settings):
    settings.ZALO_OA_ID = "1000000000000000002"
    settings.ZALO_REFRESH_TOKEN = "simulator-refresh-token"
    run()
    account = OfficialAccount.objects.get()
    assert (account.oa_id, account.name) == ("1000000000000000002", "Cà phê Mộc")
    run()
    assert OfficialAccount.objects.count() == 1


def test_roles_name_only_permissions_that_exist():
    run()
    for name, rights in ROLES.items():
        group = Group.objects.get(name=name)
        assert group.permissions.count() == len(set(_names(rights)))


def test_roles_keep_apart_what_must_be_apart():
    run()
    people = {}
    for name in ROLES:
        people[name] = User.objects.create_user(name, password="x", is_staff=True)
        people[name].groups.add(Group.objects.get(name=name))
    marketing, care, finance, shop = people.values()
    assert marketing.has_perm("campaigns.run_campaign")
    assert not marketing.has_perm("points.adjust_points")
    assert not marketing.has_perm("members.view_identifier")
    assert care.has_perm("members.view_identifier")
    assert not care.has_perm("campaigns.run_campaign")
    assert finance.has_perm("points.adjust_points")
    assert not finance.has_perm("members.change_member")
    assert not any(p.has_perm("auth.change_user") for p in people.values())
    assert shop.get_all_permissions() == {"till.use_till"}
    assert not care.has_perm("till.use_till")
