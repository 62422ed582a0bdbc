"""Templates, messages and the Official Account in the console."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from members.models import Member
from messaging.admin import account as account_page
from messaging.errors import GrantLost
from messaging.models import (
    Message,
    MessageTemplate,
    OfficialAccount,
    SendingPolicy,
    TemplateParameter,
)
from tests.console import allow, form_data, num_queries

LIST = reverse("admin:messaging_message_changelist")
PREVIEW = reverse("admin:messaging_messagetemplate_preview")
CONNECT = reverse("admin:messaging_officialaccount_connect_form")


@pytest.fixture
def template(db: None) -> MessageTemplate:
    template = MessageTemplate.objects.create(
        code="hello", name="Chào", zalo_template_id="1", body="Chào <who>\nBạn có <points>"
    )
    for name, value in (("who", "{{ name }}"), ("points", "{{ points }} điểm")):
        TemplateParameter.objects.create(template=template, name=name, value=value)
    return template


@pytest.fixture
def account(db: None) -> OfficialAccount:
    return OfficialAccount.objects.create(
        oa_id="99", name="Cà phê Sông", access_token="ACCESS-1", refresh_token="REFRESH-1"
    )


def change(obj: Any) -> str:
    meta = obj._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[obj.pk])


# --- templates ------------------------------------------------------------------------


def test_shows_the_message_on_a_phone_while_it_is_written(
    console: Client, template: MessageTemplate
) -> None:
    data = form_data(console.get(change(template)))
    data["body"] = "Xin chào <who>"
    text = console.post(f"{PREVIEW}?template={template.pk}", data).content.decode()
    assert "Xin chào Nguyễn Thị Mai" in text
    template.refresh_from_db()
    assert template.body.startswith("Chào")


def test_the_phone_runs_nothing_that_staff_write(
    console: Client, template: MessageTemplate
) -> None:
    data = form_data(console.get(change(template)))
    data["body"] = "<script>alert(1)</script> <who>"
    data["parameters-0-value"] = "<b>{{ name }}</b>"
    text = console.post(f"{PREVIEW}?template={template.pk}", data).content.decode()
    assert "<script>" not in text
    assert "<b>Ng" not in text


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("{{ password }}", "is no field"),
        ("{{ name", "cannot be read"),
        ("x" * 31, "Zalo allows 30"),
    ],
)
def test_refuses_a_text_that_could_not_be_filled_in(
    console: Client, template: MessageTemplate, value: str, sentence: str
) -> None:
    data = form_data(console.get(change(template)))
    data["parameters-0-value"] = value
    assert sentence in console.post(change(template), data).content.decode()
    assert (
        sentence in console.post(f"{PREVIEW}?template={template.pk}", data).content.decode()
    )
    assert template.parameters.get(name="who").value == "{{ name }}"


def test_refuses_a_place_that_nothing_fills(
    console: Client, template: MessageTemplate
) -> None:
    data = form_data(console.get(change(template)))
    data["body"] = "Chào <somebody>"
    text = console.post(change(template), data).content.decode()
    assert "has the place &lt;somebody&gt;" in text


# --- messages -------------------------------------------------------------------------


def make_messages(
    template: MessageTemplate, member: Member, at: datetime, *keys: str
) -> None:
    for key in keys:
        Message.objects.create(
            key=key,
            member=member,
            template=template,
            channel="zalo_phone",
            state="refused",
            reason="no_consent",
            address="+84912345678",
            due_at=at,
            payload={"who": "Mai", "points": "5 điểm"},
        )


def test_says_why_and_masks_the_address(
    console: Client, template: MessageTemplate, mai: Member, now: datetime
) -> None:
    make_messages(template, mai, now, "one")
    for address in (LIST, change(Message.objects.get())):
        text = console.get(address).content.decode()
        assert "has not agreed to such messages" in text
        assert "912345678" not in text
    assert "Bạn có 5 điểm" in text
    assert "09•• ••• 678" in text


def test_the_list_costs_the_same_for_ten_and_for_fifty(
    console: Client, template: MessageTemplate, mai: Member, now: datetime
) -> None:
    make_messages(template, mai, now, *(f"a{n}" for n in range(10)))
    ten = num_queries(console, LIST)
    make_messages(template, mai, now, *(f"b{n}" for n in range(40)))
    assert num_queries(console, LIST) == ten


# --- the Official Account -------------------------------------------------------------


def test_never_shows_a_token(console: Client, account: OfficialAccount) -> None:
    for address in (
        reverse("admin:messaging_officialaccount_changelist"),
        change(account),
        f"{CONNECT}?account={account.pk}",
    ):
        text = console.get(address).content.decode()
        assert "Cà phê Sông" in text
        assert "ACCESS-1" not in text
        assert "REFRESH-1" not in text


def test_connects_with_a_pasted_grant(
    console: Client, account: OfficialAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {}

    def connect(**values: Any) -> OfficialAccount:
        given.update(values)
        return account

    monkeypatch.setattr(account_page, "connect_official_account", connect)
    data = {"oa_id": "99", "name": "Sông", "refresh_token": "NEW"}
    assert console.post(CONNECT, data)["Location"] == change(account)
    assert given == {**data, "check": True}


def test_a_dead_grant_is_refused_in_words_and_not_shown_again(
    console: Client, account: OfficialAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(**values: Any) -> OfficialAccount:
        raise GrantLost("Zalo no longer accepts our permission.")

    monkeypatch.setattr(account_page, "connect_official_account", connect)
    data = {"oa_id": "99", "name": "Sông", "refresh_token": "SECRET-GRANT"}
    text = console.post(CONNECT, data).content.decode()
    assert "Zalo no longer accepts our permission." in text
    assert "SECRET-GRANT" not in text


def test_connecting_needs_the_permission(
    helper: User, helper_console: Client, account: OfficialAccount
) -> None:
    allow(helper, "view_officialaccount")
    test = reverse("admin:messaging_officialaccount_test_now", args=[account.pk])
    assert helper_console.get(CONNECT).status_code == 403
    assert helper_console.post(test).status_code == 403


def test_the_policy_opens_its_form_and_refuses_hours_turned_round(
    console: Client, db: None
) -> None:
    policy = SendingPolicy.current()
    address = change(policy)
    data = form_data(console.get(address))
    data |= {"marketing_from": "21:00", "marketing_until": "08:00"}
    assert console.post(address, data).status_code == 200
    policy.refresh_from_db()
    assert f"{policy.marketing_from:%H:%M}" == "08:00"
