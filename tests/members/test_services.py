"""One member at a time: registering, finding, consent, Zalo."""

from datetime import timedelta

import pytest

from core.phones import InvalidPhone
from members.errors import MemberNotFound, ZaloUserTaken
from members.models import Consent, Identifier, Member
from members.services import (
    find_member,
    find_member_ids,
    link_zalo_user,
    register_member,
    set_consent,
    set_follows,
    withdraw_zalo,
)
from tests.factories import JOINED

pytestmark = pytest.mark.django_db

UID = "7000000000000000001"


def consents(member: Member) -> dict[tuple[str, str], bool]:
    rows = Consent.objects.filter(member=member)
    return {(row.purpose, row.channel): row.is_given for row in rows}


def test_registers_a_phone_with_a_code_and_a_card(now):
    member = register_member(phone="0912 345 678", at=now, source="pos", name=" Mai ")
    assert member.code.startswith("M-")
    assert (member.name, member.joined_at) == ("Mai", now)
    kinds = member.identifiers.order_by("kind").values_list("kind", flat=True)
    assert list(kinds) == ["card", "phone"]


def test_a_registered_phone_is_the_same_member(mai, now):
    again = register_member(phone="84912345678", at=now, source="pos", name="Someone")
    assert (again.pk, again.name) == (mai.pk, "Nguyễn Thị Mai")
    assert Member.objects.count() == 1


def test_registers_no_phone_that_is_none(now):
    with pytest.raises(InvalidPhone):
        register_member(phone="12345", at=now, source="pos")
    assert not Member.objects.exists()


def test_finds_by_code_phone_or_card(mai, binh):
    Identifier.objects.create(member=binh, kind="card", value="123456789012")
    assert find_member(code="MAI") == mai
    assert find_member(phone="+84 912 345 678") == mai
    assert find_member(card="123456789012") == binh


@pytest.mark.parametrize(
    "key", [{"code": "NO"}, {"phone": "0999999999"}, {"card": "1"}, {}], ids=str
)
def test_finds_nobody_under_a_strange_key(mai, key):
    with pytest.raises(MemberNotFound):
        find_member(**key)


def test_finds_many_ids(mai, binh):
    codes, phones = find_member_ids(
        codes={"MAI", "NO"}, phones={"+84987654321", "+84999999999"}
    )
    assert codes == {"MAI": mai.pk}
    assert phones == {"+84987654321": binh.pk}


def test_consent_is_written_where_it_changes(mai, binh, now):
    set_consent(
        member_ids=[mai.pk, binh.pk],
        purpose="marketing",
        is_given=True,
        source="portal",
        at=now,
    )
    assert {c.changed_at for c in Consent.objects.all()} == {JOINED}
    set_consent(
        member_ids=[mai.pk], purpose="marketing", is_given=False, source="portal", at=now
    )
    assert consents(mai) == {("marketing", ""): False}
    assert consents(binh) == {("marketing", ""): True}
    mai.refresh_from_db()
    assert mai.updated_at == now


def test_links_a_zalo_account_in_place_of_an_older_one(mai, now):
    link_zalo_user(member=mai, zalo_user_id="old", at=now)
    link_zalo_user(member=mai, zalo_user_id=UID, at=now)
    link_zalo_user(member=mai, zalo_user_id=UID, at=now + timedelta(days=1))
    account = mai.identifiers.get(kind="zalo")
    assert (account.value, account.verified_at) == (UID, now)


def test_does_not_link_what_is_anothers(mai, binh, now):
    link_zalo_user(member=mai, zalo_user_id=UID, at=now)
    with pytest.raises(ZaloUserTaken):
        link_zalo_user(member=binh, zalo_user_id=UID, at=now)
    assert not binh.identifiers.filter(kind="zalo").exists()


def test_notes_who_follows(mai, now):
    link_zalo_user(member=mai, zalo_user_id=UID, at=now)
    mai.identifiers.filter(kind="zalo").update(is_valid=False)
    assert set_follows(zalo_user_id=UID, follows=True, at=now)
    mai.refresh_from_db()
    assert mai.follows_oa
    assert mai.identifiers.get(kind="zalo").is_valid
    assert set_follows(zalo_user_id=UID, follows=False, at=now)
    mai.refresh_from_db()
    assert not mai.follows_oa
    assert not set_follows(zalo_user_id="stranger", follows=True, at=now)


def test_a_withdrawal_stops_everything_on_zalo(mai, binh, now):
    link_zalo_user(member=mai, zalo_user_id=UID, at=now)
    set_follows(zalo_user_id=UID, follows=True, at=now)
    assert withdraw_zalo(zalo_user_id=UID, at=now)
    mai.refresh_from_db()
    assert not mai.follows_oa
    assert not mai.identifiers.get(kind="zalo").is_valid
    assert consents(mai) == {
        ("marketing", ""): True,
        ("marketing", "zalo_uid"): False,
        ("marketing", "zalo_phone"): False,
        ("care", "zalo_uid"): False,
    }
    assert consents(binh) == {("marketing", ""): True}
    assert not withdraw_zalo(zalo_user_id="stranger", at=now)
