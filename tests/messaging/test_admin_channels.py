"""Channels, Zalo's templates, the register, ratings and tests in the console."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from members.models import Member, Segment
from messaging.admin import registry as registry_page
from messaging.cascade import current_ways
from messaging.errors import PlatformUnavailable
from messaging.models import (
    DoNotAdvertise,
    Feedback,
    Message,
    SendingChannel,
    SendingPolicy,
    ZaloTemplate,
)
from messaging.registry import Synced
from tests import factories
from tests.conftest import NOW
from tests.console import allow, form_data, num_queries
from tests.messaging.conftest import give_email, letter_template, use_channels

pytestmark = pytest.mark.django_db


def listed(model: str) -> str:
    return reverse(f"admin:messaging_{model}_changelist")


def change(obj: Any) -> str:
    meta = obj._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[obj.pk])


# --- channels ---------------------------------------------------------------------------


def test_the_channels_stand_in_their_turn_and_say_what_is_missing(console: Client) -> None:
    text = console.get(listed("sendingchannel")).content.decode()

    turns = [text.index(name) for name in ("ZNS", ">SMS<", "inbox on the member page")]
    assert turns == sorted(turns)
    assert "Set SMS_API_KEY and SMS_BRANDNAME" in text
    assert "No Official Account is connected." in text


def test_a_stopped_channel_starts_again_by_a_tick(console: Client) -> None:
    current_ways()
    row = SendingChannel.objects.get(channel="email")
    SendingChannel.objects.update(stopped_because="1: our login is refused")
    page = console.get(change(row))
    assert "our login is refused" in page.content.decode()

    data = form_data(page) | {"price": "5", "is_on": "on"}
    assert console.post(change(row), data).status_code == 302
    row.refresh_from_db()
    assert (row.price, row.is_on, row.stopped_because) == (
        5,
        True,
        "1: our login is refused",
    )

    console.post(change(row), data | {"starts_again": "on"})
    row.refresh_from_db()
    assert row.stopped_because == ""


# --- a template's pages -----------------------------------------------------------------


def test_previews_each_channel_and_language_with_a_real_member(
    console: Client, mai: Member
) -> None:
    template = letter_template(
        "zalo_phone", "sms", "email", body_en="For <customer_name>\n<offer>"
    )
    data = form_data(console.get(change(template))) | {"preview_member": "0912345678"}
    preview = reverse("admin:messaging_messagetemplate_preview")

    def shown(**choice: str) -> str:
        address = f"{preview}?template={template.pk}"
        return console.post(address, data | choice).content.decode()

    assert "Ưu đãi dành cho Nguyễn Thị Mai" in shown(preview_channel="zalo_phone")
    sms = shown(preview_channel="sms")
    assert "[QC] Uu dai danh cho Nguyen Thi Mai" in sms
    assert "SMS are billed" in sms
    english = shown(preview_channel="email", preview_language="en")
    assert "[QC] For Nguyễn Thị Mai" in english
    assert "There is no such member" in shown(preview_member="nobody")


def test_a_preview_shows_members_only_to_those_who_may_see_them(
    helper: User, helper_console: Client, mai: Member
) -> None:
    allow(helper, "view_messagetemplate", "change_messagetemplate")
    template = letter_template("zalo_phone")
    address = reverse("admin:messaging_messagetemplate_preview")
    data = {
        "body": "Chào <customer_name>",
        "channels": ["zalo_phone"],
        "zalo_template_id": "1",
        "preview_member": mai.code,
        "parameters-TOTAL_FORMS": "1",
        "parameters-INITIAL_FORMS": "0",
        "parameters-0-name": "customer_name",
        "parameters-0-value": "{{ member_code }}",
        "parameters-0-max_length": "30",
    }
    text = helper_console.post(f"{address}?template={template.pk}", data).content.decode()
    assert "MAI" not in text


def test_a_template_for_zalo_needs_its_number(console: Client) -> None:
    template = letter_template("zalo_phone", "email")
    data = form_data(console.get(change(template))) | {"zalo_template_id": ""}

    assert (
        "Zalo sends approved templates only"
        in console.post(change(template), data).content.decode()
    )
    data["channels"] = ["email"]
    assert console.post(change(template), data).status_code == 302
    template.refresh_from_db()
    assert (template.channels, template.zalo_template_id) == (["email"], "")


def test_shows_reach_and_cost_of_everybody_or_of_a_segment(
    console: Client, mai: Member, settings: Any
) -> None:
    settings.EMAIL_URL = "smtp://mail.test"
    use_channels(email=1500, inbox=0)
    template = letter_template("email", "inbox")
    give_email(mai)
    factories.make_member(code="OTHER")
    Segment.objects.create(
        code="others",
        name="Others",
        conditions={"field": "gender", "is": "is", "value": "other"},
    )
    address = reverse("admin:messaging_messagetemplate_reach", args=[template.pk])

    text = console.get(address).content.decode()

    assert "2 of 2 members are reached; 0 by no channel." in text
    assert "1.500 ₫" in text
    nobody = console.get(address, {"segment": "others"}).content.decode()
    assert "0 of 0 members are reached" in nobody


def test_sends_a_test_from_the_page(console: Client, mai: Member, settings: Any) -> None:
    settings.EMAIL_URL = "smtp://mail.test"
    template = letter_template("email")
    address = reverse("admin:messaging_messagetemplate_test", args=[template.pk])
    assert "Send a test to myself" in console.get(address).content.decode()

    data = {"channel": "email", "address": "me@example.com", "member": "nobody"}
    assert "There is no such member." in console.post(address, data).content.decode()
    assert not Message.objects.exists()

    assert console.post(address, data | {"member": mai.code}).status_code == 302
    message = Message.objects.get()
    assert (message.member, message.address) == (None, "me@example.com")
    assert message.context["name"] == "Nguyễn Thị Mai"


def test_tests_need_the_permission(helper: User, helper_console: Client) -> None:
    allow(helper, "view_messagetemplate")
    template = letter_template("email")
    pages = {"test": 403, "reach": 200}
    for page, status in pages.items():
        address = reverse(f"admin:messaging_messagetemplate_{page}", args=[template.pk])
        assert helper_console.get(address).status_code == status


# --- Zalo's templates -------------------------------------------------------------------


def test_asks_zalo_after_a_question(
    console: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def sync(**values: Any) -> Synced:
        asked.append(values)
        return Synced(7, 1, 3, 0)

    monkeypatch.setattr(registry_page, "sync_templates", sync)
    address = reverse("admin:messaging_zalotemplate_ask")
    assert console.get(address).status_code == 405
    assert asked == []

    page = console.post(address, follow=True).content.decode()

    assert "Zalo has 7 templates: 3 new here, 1 changed." in page
    assert len(asked) == 1


def test_says_when_zalo_is_away(console: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(**values: Any) -> Synced:
        raise PlatformUnavailable("Zalo gave no answer.")

    monkeypatch.setattr(registry_page, "sync_templates", away)
    page = console.post(reverse("admin:messaging_zalotemplate_ask"), follow=True)
    assert "Zalo gave no answer." in page.content.decode()


def test_lists_zalos_templates_beside_ours(console: Client) -> None:
    letter_template("zalo_phone")
    ZaloTemplate.objects.create(
        template_id="400005",
        name="Tin ưu đãi",
        state="DISABLE",
        price_uid=55,
        synced_at=NOW,
    )
    text = console.get(listed("zalotemplate")).content.decode()
    assert "Zalo does not send it: disabled by Zalo." in text
    assert "55 ₫ by user id" in text
    row = ZaloTemplate.objects.get()
    assert "disabled by Zalo" in console.get(change(row)).content.decode()


def test_the_lists_cost_the_same_for_one_and_for_ten(console: Client) -> None:
    def make(first: int, last: int) -> None:
        for number in range(first, last):
            letter_template("zalo_phone", code=f"t{number}", zalo_template_id=f"{number}")
            ZaloTemplate.objects.create(
                template_id=f"{number}", state="ENABLE", synced_at=NOW
            )
            Feedback.objects.create(key=f"{number}", rating=4, given_at=NOW)

    make(0, 1)
    one = [num_queries(console, listed(m)) for m in ("zalotemplate", "feedback")]
    make(1, 10)
    assert [num_queries(console, listed(m)) for m in ("zalotemplate", "feedback")] == one


# --- the register -----------------------------------------------------------------------


def test_takes_in_a_file_of_phones_and_masks_them(console: Client) -> None:
    file = SimpleUploadedFile("5656.csv", b"0912345678\nnothing\n0906000001\n")
    address = reverse("admin:messaging_donotadvertise_import")
    assert console.get(address).status_code == 200

    page = console.post(address, {"file": file, "source": "5656 03/2026"}, follow=True)

    text = page.content.decode()
    assert "2 new phones, 0 known before, 1 lines without one." in text
    assert "0912345678" not in text
    assert "09•• ••• 678" in text


def test_adds_a_phone_by_hand_and_refuses_nonsense(console: Client) -> None:
    address = reverse("admin:messaging_donotadvertise_add")
    assert console.post(address, {"phone": "12", "source": "x"}).status_code == 200
    console.post(address, {"phone": "0912 345 678", "source": "called us"})
    assert DoNotAdvertise.objects.get().phone == "+84912345678"


# --- test mode --------------------------------------------------------------------------


def test_every_page_warns_while_test_mode_is_on(console: Client) -> None:
    SendingPolicy.current()
    index = reverse("admin:index")
    assert "Test mode" not in console.get(index).content.decode()
    SendingPolicy.objects.update(test_mode=True)
    assert "Test mode" in console.get(index).content.decode()
