"""Many members at once: found by code, else by phone; told again, nothing changes."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from members import saving
from members.models import Consent, Identifier, Member, MemberTag, Tag
from members.services import MemberFact, SavedMember, save_members, set_consent

pytestmark = pytest.mark.django_db

MAI = MemberFact(
    code="C1",
    phone="0912 345 678",
    name="Nguyễn Thị Mai",
    email="Mai@Example.com",
    birth_date=date(1994, 5, 6),
    gender="female",
    province="Đà Nẵng",
    joined_at=datetime(2025, 1, 5, 3, 0, tzinfo=UTC),
    zalo_user_id="7000000000000000001",
    follows_oa=True,
    consent=True,
    tags=("VIP", "Khách quen Đà Lạt"),
)


def save(
    *facts: MemberFact, at: datetime, source: str = "import:a.csv"
) -> list[SavedMember]:
    return save_members(facts, source=source, at=at)


def outcomes(saved: list[SavedMember]) -> list[str]:
    return [one.outcome for one in saved]


def everything() -> list[Any]:
    """Return every row that saving a member may touch."""
    return [
        list(model.objects.order_by("pk").values())
        for model in (Member, Identifier, Consent, Tag, MemberTag)
    ]


def identifiers(member_id: int | None) -> dict[str, str]:
    rows = Identifier.objects.filter(member_id=member_id).exclude(kind="card")
    return dict(rows.values_list("kind", "value"))


def test_makes_a_whole_member(now):
    (saved,) = save(MAI, at=now)
    assert (saved.outcome, saved.reason) == ("new", "")
    member = Member.objects.get(pk=saved.member_id)
    assert (member.code, member.name, member.gender) == ("C1", "Nguyễn Thị Mai", "female")
    assert (member.birth_date, member.province) == (date(1994, 5, 6), "Đà Nẵng")
    assert (member.joined_at, member.updated_at) == (MAI.joined_at, now)
    assert (member.follows_oa, member.state, member.language) == (True, "active", "vi")
    assert identifiers(member.pk) == {
        "phone": "+84912345678",
        "email": "mai@example.com",
        "zalo": "7000000000000000001",
    }
    card = Identifier.objects.get(member=member, kind="card").value
    assert len(card) == 12
    assert card.isdigit()
    consent = Consent.objects.get(member=member)
    assert (consent.purpose, consent.channel, consent.is_given) == ("marketing", "", True)
    assert (consent.changed_at, consent.source) == (now, "import:a.csv")
    tags = MemberTag.objects.filter(member=member).order_by("tag__code")
    assert [tag.tag.code for tag in tags] == ["khach-quen-da-lat", "vip"]
    assert Tag.objects.get(code="khach-quen-da-lat").name == "Khách quen Đà Lạt"


def test_the_same_again_changes_nothing(now):
    first = save(MAI, MemberFact(phone="0987654321"), at=now)
    before = everything()
    again = save(
        MAI,
        MemberFact(phone="+84987654321"),
        at=now + timedelta(days=1),
        source="import:b.csv",
    )
    assert outcomes(again) == ["known", "known"]
    assert [one.member_id for one in again] == [one.member_id for one in first]
    assert everything() == before


def test_what_is_not_told_is_kept_and_what_differs_is_written(now):
    save(MAI, at=now)
    later = now + timedelta(days=1)
    (saved,) = save(MemberFact(code="C1", province="Huế"), at=later)
    assert saved.outcome == "updated"
    member = Member.objects.get(code="C1")
    assert (member.province, member.name) == ("Huế", "Nguyễn Thị Mai")
    assert member.updated_at == later
    assert identifiers(member.pk)["phone"] == "+84912345678"


def test_a_new_phone_takes_the_place_of_the_old_one(now):
    save(MAI, at=now)
    Identifier.objects.filter(kind="phone").update(is_valid=False, verified_at=now)
    (saved,) = save(MemberFact(code="C1", phone="0987654321"), at=now + timedelta(days=1))
    assert saved.outcome == "updated"
    phone = Identifier.objects.get(kind="phone")
    assert (phone.value, phone.is_valid, phone.verified_at) == ("+84987654321", True, None)
    assert Member.objects.get(code="C1").updated_at == now + timedelta(days=1)


def test_finds_by_phone_when_no_code_is_told(now):
    (first,) = save(MemberFact(code="C1", phone="0912345678"), at=now)
    (again,) = save(MemberFact(phone="0912345678", name="Mai"), at=now)
    assert (again.member_id, again.outcome) == (first.member_id, "updated")
    assert Member.objects.get().code == "C1"


def test_the_brands_code_replaces_one_of_our_making(now):
    (first,) = save(MemberFact(phone="0912345678"), at=now)
    assert Member.objects.get().code.startswith("M-")
    (again,) = save(MemberFact(code="C1", phone="0912345678"), at=now)
    assert (again.member_id, again.outcome) == (first.member_id, "updated")
    assert Member.objects.get().code == "C1"


@pytest.mark.parametrize(
    ("fact", "reason"),
    [
        (MemberFact(code="C2", phone="0912345678"), "0912 345 678 belongs to member C1."),
        (
            MemberFact(code="C2", zalo_user_id="7000000000000000001"),
            "belongs to member C1.",
        ),
        (MemberFact(code="C2", email="MAI@example.com"), "mai@example.com belongs to"),
        (MemberFact(code="C2", phone="12345"), "“12345” is no Vietnamese mobile number."),
        (MemberFact(code="C2", phone="(028) 3822 5678"), "no Vietnamese mobile number"),
        (MemberFact(name="Nobody"), "needs a member code or a phone number"),
        (MemberFact(code="x" * 41), "in code is too long. Keep to 40"),
        (MemberFact(code="C2", name="a\0b"), "name contains characters that are no text"),
        (MemberFact(code="C2", name="\ud800"), "no text"),
        (MemberFact(code="C2", email="mai@"), "“mai@” is no e-mail address"),
        (MemberFact(code="C2", gender="f"), "“f” in gender is unknown"),
        (MemberFact(code="C2", birth_date=date(2099, 1, 1)), "01/01/2099 in birth_date"),
        (MemberFact(code="C2", tags=("★",)), "“★” is no tag"),
    ],
)
def test_one_refused_fact_leaves_the_others_alone(now, fact, reason):
    save(MAI, at=now)
    saved = save(fact, MemberFact(code="C3", phone="0987654321"), at=now)
    assert outcomes(saved) == ["refused", "new"]
    assert saved[0].member_id is None
    assert reason in saved[0].reason
    assert not Member.objects.filter(code__startswith="C2").exists()
    assert Member.objects.count() == 2


def test_facts_about_one_person_in_one_batch_go_in_one_after_the_other(now):
    saved = save(
        MemberFact(code="C1", phone="0912345678", name="Mai"),
        MemberFact(code="C1", phone="0912345678", name="Mai"),
        MemberFact(code="C1", name="Nguyễn Thị Mai"),
        MemberFact(phone="0912345678", province="Huế"),
        MemberFact(code="C1", phone="0987654321"),
        at=now,
    )
    assert outcomes(saved) == ["new", "known", "updated", "updated", "updated"]
    assert len({one.member_id for one in saved}) == 1
    member = Member.objects.get()
    assert (member.name, member.province) == ("Nguyễn Thị Mai", "Huế")
    assert identifiers(member.pk) == {"phone": "+84987654321"}


def test_a_phone_that_everybody_shares_belongs_to_the_first(now):
    facts = [MemberFact(code=f"C{i}", phone="0912345678") for i in range(300)]
    with CaptureQueriesContext(
        connection,
    ) as queries:
        saved = save(*facts, at=now)
    assert outcomes(saved) == ["new"] + ["refused"] * 299
    assert saved[299].reason.startswith("0912 345 678 belongs to member C0.")
    assert len(queries) < 40


def test_a_code_told_after_the_phone_is_the_same_person(now):
    saved = save(
        MemberFact(phone="0912345678"),
        MemberFact(code="C1", phone="0912345678"),
        at=now,
    )
    assert outcomes(saved) == ["new", "updated"]
    assert Member.objects.get().code == "C1"


def test_names_have_one_form(now):
    save(MemberFact(code="C1", name="  Nguye\u0302\u0303n   Mai "), at=now)
    (again,) = save(MemberFact(code="C1", name="Nguyễn Mai"), at=now)
    assert again.outcome == "known"
    assert Member.objects.get().name == "Nguyễn Mai"


def test_consent_changes_only_when_it_changes(now):
    later = now + timedelta(days=1)
    save(MemberFact(code="C1", consent=True), at=now)
    assert outcomes(save(MemberFact(code="C1", consent=True), at=later)) == ["known"]
    assert Consent.objects.get().changed_at == now
    assert outcomes(save(MemberFact(code="C1", consent=False), at=later)) == ["updated"]
    assert Consent.objects.get().changed_at == later
    assert outcomes(save(MemberFact(code="C1", consent=True), at=later)) == ["updated"]
    assert Consent.objects.get().is_given


def test_a_file_does_not_overrule_a_no_that_the_member_said(now):
    (saved,) = save(MemberFact(code="C1", consent=True), at=now)
    assert saved.member_id
    set_consent(
        member_ids=[saved.member_id],
        purpose="marketing",
        is_given=False,
        source="portal",
        at=now,
    )
    assert outcomes(save(MemberFact(code="C1", consent=True), at=now)) == ["known"]
    assert not Consent.objects.get().is_given
    save(MemberFact(code="C1", consent=True), at=now, source="pos")
    assert Consent.objects.get().is_given


def test_tags_are_added_never_taken_and_are_not_the_members_own_data(now):
    save(MemberFact(code="C1", tags=("VIP",)), at=now)
    (saved,) = save(MemberFact(code="C1", tags=("New",)), at=now + timedelta(days=1))
    assert saved.outcome == "updated"
    assert MemberTag.objects.count() == 2
    assert Member.objects.get().updated_at == now


def test_statements_do_not_grow_with_the_batch(now):
    def facts(first: int, count: int) -> list[MemberFact]:
        return [
            MemberFact(
                code=f"C{i}",
                phone=f"09{i:08}",
                zalo_user_id=f"z{i}",
                follows_oa=True,
                consent=True,
                tags=("VIP",),
            )
            for i in range(first, first + count)
        ]

    with CaptureQueriesContext(connection) as few:
        save(*facts(12_000_000, 3), at=now)
    with CaptureQueriesContext(connection) as many:
        save(*facts(13_000_000, 600), at=now)
    assert len(many) == len(few)
    assert Member.objects.count() == 603


def test_a_card_number_that_is_taken_is_drawn_again(now, monkeypatch):
    numbers = iter(["100000000001", "100000000001", "100000000001", "100000000002"])
    monkeypatch.setattr(saving, "random_digits", lambda length: next(numbers))
    save(MemberFact(code="C1"), at=now)
    save(MemberFact(code="C2"), at=now)
    cards = Identifier.objects.filter(kind="card").order_by("member__code")
    assert [card.value for card in cards] == ["100000000001", "100000000002"]


def test_a_member_made_by_someone_else_meanwhile_is_found(now, monkeypatch):
    """The other transaction commits between our look and our insert."""
    match = saving._match
    others = [MemberFact(code="C1", phone="0912345678")]

    def match_then_lose(drafts: list[Any]) -> None:
        match(drafts)
        while others:
            saving._save_chunk(
                [saving.understand(others.pop(), at=now)], source="pos", at=now
            )

    monkeypatch.setattr(saving, "_match", match_then_lose)
    saved = save(MemberFact(code="C1", name="Mai"), MemberFact(code="C2"), at=now)
    assert Member.objects.filter(code="C1").count() == 1
    assert outcomes(saved)[1] == "new"
    assert saved[0].outcome in {"new", "updated"}
