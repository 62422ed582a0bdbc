"""The page of templates and the copy of a rule: with the right, and never published."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from points.models import EarnRule, Wallet
from points.presets import PRESETS
from tests.console import allow
from tests.factories import make_earn_rule, make_programme, make_wallet

LIST = reverse("admin:points_earnrule_changelist")
TEMPLATES = reverse("admin:points_earnrule_presets")


@pytest.fixture
def wallet(db: None) -> Wallet:
    make_programme()
    return make_wallet()


@pytest.fixture
def rule(wallet: Wallet) -> EarnRule:
    return make_earn_rule(wallet=wallet)


def copy_address(rule: EarnRule) -> str:
    return reverse("admin:points_earnrule_copy", args=[rule.pk])


def change_address(rule: EarnRule) -> str:
    return reverse("admin:points_earnrule_change", args=[rule.pk])


def test_the_list_leads_to_the_templates_and_these_say_themselves(
    console: Client, wallet: Wallet
) -> None:
    assert "to-templates" in console.get(LIST).content.decode()
    text = console.get(TEMPLATES).content.decode()
    assert text.count("Use this</button>") == len(PRESETS)
    assert "1 điểm for every 10.000 ₫, round down." in text
    assert "the better of both, never their sum" in text
    assert EarnRule.objects.count() == 0


def test_using_one_opens_its_draft(console: Client, wallet: Wallet) -> None:
    response = console.post(TEMPLATES, {"preset": "golden-hours"}, follow=True)
    rule = EarnRule.objects.get()
    assert response.redirect_chain == [(change_address(rule), 302)]
    text = response.content.decode()
    assert "A draft was made. Read it, change it, publish it." in text
    assert "Not published yet" in text
    assert rule.version == 0
    assert LogEntry.objects.get().object_id == str(rule.pk)


def test_two_drafts_are_announced(console: Client, wallet: Wallet) -> None:
    response = console.post(TEMPLATES, {"preset": "best-of-two"}, follow=True)
    assert "2 drafts were made" in response.content.decode()
    assert set(EarnRule.objects.values_list("version", flat=True)) == {0}


def test_an_unknown_template_is_not_found(console: Client, wallet: Wallet) -> None:
    assert console.post(TEMPLATES, {"preset": "x"}).status_code == 404
    assert EarnRule.objects.count() == 0


def test_without_a_wallet_the_page_says_what_is_missing(console: Client, db: None) -> None:
    text = console.get(TEMPLATES).content.decode()
    assert "There is no wallet yet" in text
    assert "Use this</button>" not in text
    response = console.post(TEMPLATES, {"preset": "welcome"}, follow=True)
    assert "Run setup_programme first." in response.content.decode()
    assert EarnRule.objects.count() == 0


def test_a_rule_is_copied_under_the_name_that_was_typed(
    console: Client, rule: EarnRule
) -> None:
    assert "to-copy" in console.get(change_address(rule)).content.decode()
    text = console.get(copy_address(rule)).content.decode()
    assert 'value="Tích điểm (copy)"' in text
    assert "1 điểm for every 10.000 ₫" in text
    assert EarnRule.objects.count() == 1

    response = console.post(copy_address(rule), {"name": "Tháng 12"}, follow=True)

    copy = EarnRule.objects.exclude(pk=rule.pk).get()
    assert (copy.name, copy.code, copy.version) == ("Tháng 12", "per-amount-2", 0)
    assert response.redirect_chain == [(change_address(copy), 302)]
    assert "gives no points until published" in response.content.decode()


def test_an_empty_name_takes_the_proposal(console: Client, rule: EarnRule) -> None:
    console.post(copy_address(rule), {"name": "  "})
    assert EarnRule.objects.filter(name="Tích điểm (copy)").exists()


def test_without_the_right_to_add_there_is_neither(
    helper: User, helper_console: Client, rule: EarnRule
) -> None:
    allow(helper, "view_earnrule", "change_earnrule")
    assert "to-templates" not in helper_console.get(LIST).content.decode()
    assert "to-copy" not in helper_console.get(change_address(rule)).content.decode()
    for address in (TEMPLATES, copy_address(rule)):
        assert helper_console.get(address).status_code == 403
        assert helper_console.post(address, {"preset": "welcome"}).status_code == 403
    assert EarnRule.objects.count() == 1
    allow(helper, "add_earnrule")
    assert helper_console.get(TEMPLATES).status_code == 200
    assert helper_console.post(copy_address(rule), {"name": "B"}).status_code == 302
    assert EarnRule.objects.count() == 2
