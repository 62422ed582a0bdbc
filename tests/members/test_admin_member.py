"""A member in the console: found, understood, helped; and what is refused."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from members.models import Consent, Identifier, Member, MemberTag, Tag
from points.models import Transfer, Wallet
from points.queries import balances
from points.services import adjust_points
from tests import factories
from tests.console import allow, form_data, num_queries

LIST = reverse("admin:members_member_changelist")


@pytest.fixture
def wallet(db: None) -> Wallet:
    factories.make_programme()
    return factories.make_wallet()


@pytest.fixture
def rich(mai: Member, wallet: Wallet, now: datetime) -> Member:
    """Mai, with 100 points."""
    adjust_points(member=mai, amount=100, key="start", at=now, note="start", actor="t")
    return mai


def page(member: Member) -> str:
    return member.get_absolute_url()


def adjust(member: Member) -> str:
    return reverse("admin:members_member_adjust", args=[member.pk])


def test_finds_a_member_by_phone_however_it_is_written(
    console: Client, mai: Member, binh: Member
) -> None:
    text = console.get(LIST, {"q": "0912 345 678"}).content.decode()
    assert "Nguyễn Thị Mai" in text
    assert "Trần Văn Bình" not in text


def test_hides_phones_from_who_may_not_read_them(
    helper: User, helper_console: Client, rich: Member
) -> None:
    allow(helper, "view_member")
    for address in (LIST, page(rich)):
        text = helper_console.get(address).content.decode()
        assert "09•• ••• 678" in text
        assert "0912 345 678" not in text
        assert "+84912345678" not in text


def test_shows_phones_to_who_may(helper: User, helper_console: Client, mai: Member) -> None:
    allow(helper, "view_member", "view_identifier")
    assert "0912 345 678" in helper_console.get(LIST).content.decode()


def test_the_list_costs_the_same_for_ten_and_for_sixty(
    console: Client, wallet: Wallet
) -> None:
    for number in range(10):
        factories.make_member(phone=f"09120000{number:02}")
    ten = num_queries(console, LIST)
    for number in range(10, 60):
        factories.make_member(phone=f"09120000{number:02}")
    assert num_queries(console, LIST) == ten


def test_answers_the_three_questions(console: Client, rich: Member) -> None:
    context = console.get(page(rich)).context["page"]
    assert context.balance == "100"
    assert [line["why"] for line in context.ledger] == ["start"]
    assert context.channel == "Zalo by phone (ZNS)"
    assert context.consent_ok
    assert context.last_order == "never"
    ledger = reverse("admin:points_transfer_changelist")
    assert f"{ledger}?q=MAI" in console.get(page(rich)).content.decode()


def test_makes_a_member_by_phone_with_a_card(console: Client) -> None:
    add = reverse("admin:members_member_add")
    console.post(add, {"name": "Lê Hoa", "phone": "0987 111 222"})
    hoa = Member.objects.get(name="Lê Hoa")
    values = dict(hoa.identifiers.values_list("kind", "value"))
    assert values[Identifier.Kind.PHONE] == "+84987111222"
    assert len(values[Identifier.Kind.CARD]) == 12


@pytest.mark.parametrize(
    ("phone", "sentence"),
    [("12", "no Vietnamese mobile number"), ("0912345678", "already belongs to")],
)
def test_refuses_a_member_with_a_wrong_phone(
    console: Client, mai: Member, phone: str, sentence: str
) -> None:
    add = reverse("admin:members_member_add")
    text = console.post(add, {"name": "Lê Hoa", "phone": phone}).content.decode()
    assert sentence in text
    assert Member.objects.count() == 1


def test_a_consent_changed_by_staff_names_them(console: Client, mai: Member) -> None:
    factories.make_programme()
    data = form_data(console.get(page(mai)))
    del data["consents-0-is_given"]
    response = console.post(page(mai), data)
    assert response.status_code == 302, response.context["errors"]
    consent = Consent.objects.get(member=mai)
    assert not consent.is_given
    assert consent.source == "staff:staff"


def test_a_tag_put_on_by_staff_names_them(console: Client, mai: Member) -> None:
    factories.make_programme()
    tag = Tag.objects.create(code="vip", name="VIP")
    data = form_data(console.get(page(mai)))
    data |= {"tags-TOTAL_FORMS": "1", "tags-0-tag": tag.pk, "tags-0-member": mai.pk}
    response = console.post(page(mai), data)
    assert response.status_code == 302, response.context["errors"]
    assert MemberTag.objects.get(member=mai, tag=tag).source == "staff:staff"


def test_gives_points_once_for_one_form(console: Client, rich: Member) -> None:
    data = {"key": "k1", "direction": "give", "points": "50", "note": "Xin lỗi"}
    data |= {"reason": "goodwill", "wallet": str(Wallet.objects.get().pk)}
    console.post(adjust(rich), data)
    console.post(adjust(rich), data)
    transfer = Transfer.objects.exclude(key="start").get()
    assert balances([rich.pk]) == {rich.pk: 150}
    assert (transfer.note, transfer.actor) == ("Xin lỗi", "staff")


def test_takes_points_but_never_more_than_there_are(console: Client, rich: Member) -> None:
    data = {"key": "k1", "direction": "take", "points": "30", "note": "Nhầm"}
    data |= {"reason": "goodwill", "wallet": str(Wallet.objects.get().pk)}
    console.post(adjust(rich), data)
    assert balances([rich.pk]) == {rich.pk: 70}
    text = console.post(adjust(rich), {**data, "key": "k2", "points": "71"}).content
    assert "71 points are needed; the balance is 70." in text.decode()
    assert balances([rich.pk]) == {rich.pk: 70}


@pytest.mark.parametrize(
    "missing",
    [{"reason": ""}, {"note": ""}, {"points": ""}, {"points": "0"}, {"direction": "x"}],
)
def test_refuses_points_without_number_or_reason(
    console: Client, rich: Member, missing: dict[str, str]
) -> None:
    data = {"key": "k1", "direction": "give", "points": "50", "note": "Xin lỗi"}
    data |= {"reason": "goodwill", "wallet": str(Wallet.objects.get().pk)}
    assert console.post(adjust(rich), {**data, **missing}).status_code == 200
    assert balances([rich.pk]) == {rich.pk: 100}


def test_points_by_hand_need_their_own_permission(
    helper: User, helper_console: Client, rich: Member
) -> None:
    allow(helper, "view_member", "change_member", "view_transfer")
    data = {"key": "k1", "direction": "give", "points": "50", "note": "Xin lỗi"}
    data |= {"reason": "goodwill", "wallet": str(Wallet.objects.get().pk)}
    assert helper_console.post(adjust(rich), data).status_code == 403
    assert helper_console.get(adjust(rich)).status_code == 403
    assert "points-by-hand" not in helper_console.get(page(rich)).content.decode()
    assert balances([rich.pk]) == {rich.pk: 100}


def test_members_are_never_deleted(console: Client, mai: Member) -> None:
    delete = reverse("admin:members_member_delete", args=[mai.pk])
    assert console.post(delete, {"post": "yes"}).status_code == 403
    assert Member.objects.filter(pk=mai.pk).exists()
