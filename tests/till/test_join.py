"""A new member at the counter: registered once, and asked about news."""

from __future__ import annotations

import pytest

from core.models import RateLimit
from members.models import Consent, Identifier, Member
from tests.till.helpers import Till, text_of
from till.models import TillAct

pytestmark = pytest.mark.django_db
PHONE = "0977 000 111"


def test_phone_and_name_make_a_member(till: Till) -> None:
    address = till.look_up(PHONE)
    assert "0977 000 111 is nobody’s number yet." in text_of(till.get(address))

    opened = till.act(address, name="  Lê   An ", consent="on")

    member = Member.objects.get()
    assert member.name == "Lê An"
    assert set(member.identifiers.values_list("kind", flat=True)) == {"phone", "card"}
    consent = Consent.objects.get()
    act = TillAct.objects.get()
    assert (consent.is_given, consent.source) == (True, f"till:{act.store_id}")
    assert (act.kind, act.member) == ("member", member)
    page = text_of(till.get(opened))
    assert "Lê An" in page
    assert "Registered." in page


def test_without_a_yes_nothing_is_said_about_news(till: Till) -> None:
    till.act(till.look_up(PHONE), name="")

    assert not Consent.objects.exists()


def test_a_second_tap_registers_nobody_else(till: Till) -> None:
    address = till.look_up(PHONE)
    till.act(address, name="An")

    till.act(address, name="An")

    assert (Member.objects.count(), TillAct.objects.count()) == (1, 1)


def test_a_number_that_was_taken_meanwhile_stays_theirs(till: Till, mai: Member) -> None:
    address = till.look_up(PHONE)
    Identifier.objects.create(member=mai, kind="phone", value="+84977000111")
    Consent.objects.update(is_given=False)

    opened = till.act(address, name="Somebody", consent="on")

    mai.refresh_from_db()
    assert mai.name == "Nguyễn Thị Mai"
    assert Consent.objects.get().is_given is False
    assert "Nguyễn Thị Mai" in text_of(till.get(opened))


def test_forty_new_members_an_hour_are_enough(till: Till) -> None:
    till.act(till.look_up(PHONE), name="An")
    RateLimit.objects.filter(key__startswith="till-new-members").update(count=40)
    address = till.look_up("0977 000 222")

    refused = till.post(address, {"name": "An"})

    assert refused.status_code == 429
    assert "very many members" in text_of(refused)
    assert Member.objects.count() == 1
