"""Merging two members in the console: find the other, look at both, confirm, undo."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from activities.services import OrderFact
from core.models import ChangeRequest
from flows.merge import merge_members
from flows.record import record
from flows.roles import create_roles
from members.models import Identifier, Member, MemberMerge
from points.models import Wallet
from points.queries import balances
from points.services import reserve_points, spend_points
from tests.console import allow
from tests.factories import make_earn_rule, make_member, make_programme, make_wallet
from tests.points.helpers import assert_proved, give


@pytest.fixture(autouse=True)
def wallet(db: None) -> Wallet:
    make_programme()
    return make_wallet(name="Điểm thưởng")


def merge_page(member: Member) -> str:
    return reverse("admin:members_member_merge", args=[member.pk])


def undo_page(member: Member) -> str:
    return reverse("admin:members_member_unmerge", args=[member.pk])


def text(response: object) -> str:
    return " ".join(response.content.decode().split())  # type: ignore[attr-defined]


def points(*members: Member) -> list[int]:
    found = balances([member.pk for member in members])
    return [found[member.pk] for member in members]


@pytest.fixture
def merged(mai: Member, binh: Member, now: datetime) -> MemberMerge:
    give(binh, 40, "a", now, date(2099, 12, 31))
    return merge_members(kept=mai, merged=binh, note="Same card", by="lan", at=now)


def test_the_button_leads_to_the_search(console: Client, mai: Member) -> None:
    page = text(console.get(mai.get_absolute_url()))

    assert "Merge with another member…" in page
    assert "Undo the merge" not in page
    assert "Who else is Nguyễn Thị Mai (MAI)?" in text(console.get(merge_page(mai)))


@pytest.mark.parametrize("term", ["0987 654 321", "BINH", "777", "bình"])
def test_the_other_is_found_by_phone_code_card_and_name(
    console: Client, mai: Member, binh: Member, term: str
) -> None:
    Identifier.objects.create(member=binh, kind=Identifier.Kind.CARD, value="777")

    page = text(console.get(merge_page(mai), {"q": term}))

    assert "Are they one person?" in page
    assert "Merge BINH into MAI" in page


def test_several_are_offered_and_nobody_is_said_so(
    console: Client, mai: Member, binh: Member
) -> None:
    make_member(code="BINH2", name="Bình Hai")

    several = text(console.get(merge_page(mai), {"q": "Bình"}))
    nobody = text(console.get(merge_page(mai), {"q": "nobody"}))
    oneself = text(console.get(merge_page(mai), {"q": "MAI"}))

    assert "BINH</small>" in several
    assert "BINH2</small>" in several
    assert "Nobody else is found by “nobody”" in nobody
    assert "Nobody else is found by “MAI”" in oneself


def test_both_stand_side_by_side_with_what_will_happen(
    console: Client, mai: Member, binh: Member, now: datetime
) -> None:
    give(mai, 1500, "a", now)
    give(binh, 2500, "b", now)

    page = text(console.get(merge_page(mai), {"other": binh.pk}))

    assert '<td class="is-text">1.500</td><td class="is-text">2.500</td>' in page
    assert "0912 345 678" in page
    assert "0987 654 321" in page
    assert "Điểm thưởng: 2.500 điểm move and keep their last days." in page
    assert "1 phone, card or account moves; it finds Nguyễn Thị Mai from now on." in page
    assert "It can be undone." in page
    assert points(mai, binh) == [1500, 2500]


def test_phones_are_masked_for_those_who_may_not_see_them(
    helper: User, helper_console: Client, mai: Member, binh: Member
) -> None:
    allow(helper, "view_member", "merge_member")

    page = text(helper_console.get(merge_page(mai), {"other": binh.pk}))

    assert "Are they one person?" in page
    assert "0987 654 321" not in page


def test_confirming_merges(
    console: Client, mai: Member, binh: Member, now: datetime
) -> None:
    give(binh, 40, "a", now)

    response = console.post(
        f"{merge_page(mai)}?other={binh.pk}", {"note": "Same card"}, follow=True
    )

    assert response.redirect_chain == [(mai.get_absolute_url(), 302)]
    page = text(response)
    assert "BINH is now Nguyễn Thị Mai." in page
    assert "Trần Văn Bình (BINH) was merged into this member" in page
    assert points(mai, binh) == [40, 0]
    merge = MemberMerge.objects.get()
    assert (merge.kept, merge.merged, merge.note) == (mai, binh, "Same card")
    assert merge.merged_by == "staff"
    assert_proved()


def test_without_a_word_why_nothing_happens(
    console: Client, mai: Member, binh: Member
) -> None:
    response = console.post(f"{merge_page(mai)}?other={binh.pk}", {"note": ""})

    assert response.status_code == 200
    assert "This field is required" in text(response)
    assert not MemberMerge.objects.exists()


def test_a_refusal_is_shown_before_anyone_confirms(
    console: Client, mai: Member, binh: Member
) -> None:
    Member.objects.filter(pk=binh.pk).update(state=Member.State.BLOCKED)

    page = text(console.get(merge_page(mai), {"other": binh.pk}))

    assert "is not active. Only active members are merged." in page
    assert "Merge BINH into MAI" not in page


def test_a_refusal_of_the_verb_is_shown(
    console: Client, mai: Member, binh: Member, now: datetime
) -> None:
    give(binh, 40, "a", now)
    reserve_points(member=binh, amount=5, source="till", reference="T1", at=timezone.now())

    response = console.post(f"{merge_page(mai)}?other={binh.pk}", {"note": "Same"})

    assert "A till is holding points of one of them (reference T1)." in text(response)
    assert not MemberMerge.objects.exists()


def test_many_points_wait_for_a_second_person(
    console: Client, mai: Member, binh: Member, now: datetime
) -> None:
    Wallet.objects.update(approval_above=100)
    give(binh, 101, "a", now)
    address = f"{merge_page(mai)}?other={binh.pk}"
    assert "a second person has to approve it first" in text(console.get(address))

    page = text(console.post(address, {"note": "Same"}, follow=True))

    assert "Nothing has moved yet" in page
    assert points(mai, binh) == [0, 101]
    asked = ChangeRequest.objects.get()
    assert asked.summary == ("Merge Trần Văn Bình (BINH) into Nguyễn Thị Mai (MAI): Same")


def test_the_merged_members_page_leads_to_who_was_kept(
    console: Client, merged: MemberMerge, mai: Member, binh: Member
) -> None:
    page = text(console.get(binh.get_absolute_url()))

    assert "This is now MAI." in page
    assert mai.get_absolute_url() in page
    assert "by lan: Same card" in page
    assert "Undo the merge" in page
    assert "Merge with another member…" not in page
    assert "Give or take points" not in page
    # A page of history: nothing on it can be changed.
    assert 'name="_save"' not in page
    assert console.post(binh.get_absolute_url(), {"name": "X"}).status_code == 403


def test_nobody_can_pick_the_state(console: Client, mai: Member) -> None:
    page = console.get(mai.get_absolute_url())

    choices = page.context["adminform"].form.fields["state"].choices
    assert [value for value, _label in choices] == ["active", "blocked", "left"]


def test_undoing_says_what_is_missing_and_then_does_it(
    console: Client, merged: MemberMerge, mai: Member, binh: Member, now: datetime
) -> None:
    spend_points(member=mai, amount=30, key="gift", at=now)

    preview = text(console.get(undo_page(binh)))
    response = console.post(undo_page(binh), {"note": "Two people"}, follow=True)

    assert "Điểm thưởng: 10 điểm go back to Trần Văn Bình." in preview
    assert "Điểm thưởng: 30 điểm are missing." in preview
    page = text(response)
    assert "The merge is undone." in page
    assert "Điểm thưởng: 30 điểm are missing." in page
    assert points(mai, binh) == [0, 10]
    # It stays to be read on the page of who had been kept.
    told = text(console.get(mai.get_absolute_url()))
    assert "The merge with Trần Văn Bình (BINH) was undone" in told
    assert "staff · Two people · Điểm thưởng: 10 điểm go back" in told


def test_an_earlier_merge_cannot_be_undone_first(
    console: Client, merged: MemberMerge, mai: Member, binh: Member, now: datetime
) -> None:
    an = make_member(code="AN", name="An")
    merge_members(kept=an, merged=mai, note="x", by="lan", at=now)

    page = text(console.get(undo_page(binh)))
    response = console.post(undo_page(binh), {"note": "x"})

    assert "Nguyễn Thị Mai was merged into An since. Undo that merge first." in page
    assert response.status_code == 200
    assert MemberMerge.objects.filter(undone_at__isnull=True).count() == 2


def test_only_with_the_permission(
    helper: User, helper_console: Client, mai: Member, merged: MemberMerge, binh: Member
) -> None:
    allow(helper, "view_member", "change_member")

    assert helper_console.get(merge_page(mai)).status_code == 403
    assert helper_console.post(undo_page(binh), {"note": "x"}).status_code == 403
    page = text(helper_console.get(mai.get_absolute_url()))
    assert "Merge with another member…" not in page
    assert MemberMerge.objects.get().stands


def test_care_merges_and_finance_approves_it() -> None:
    create_roles()

    may = Permission.objects.get(codename="merge_member").group_set
    assert set(may.values_list("name", flat=True)) == {"Cửa hàng & CSKH", "Kế toán"}


def test_unknown_members_are_not_found(console: Client, mai: Member) -> None:
    assert console.get(merge_page(mai), {"other": 987654}).status_code == 404
    assert console.get(undo_page(mai)).status_code == 404


def test_a_second_click_changes_nothing(
    console: Client, mai: Member, binh: Member, now: datetime
) -> None:
    give(binh, 40, "a", now)
    for _click in range(2):
        response = console.post(f"{merge_page(mai)}?other={binh.pk}", {"note": "Same"})
        assert response.status_code == 302

    assert MemberMerge.objects.count() == 1
    assert points(mai, binh) == [40, 0]


def test_orders_that_came_along_show_their_points(
    console: Client, mai: Member, binh: Member, wallet: Wallet, now: datetime
) -> None:
    make_earn_rule(wallet=wallet, amount=Decimal(1000))
    record([OrderFact("till", "HD7", binh.pk, now, Decimal(70_000))], at=now)
    merge_members(kept=mai, merged=binh, note="Same card", by="lan", at=now)

    page = console.get(mai.get_absolute_url())

    events = page.context["page"].timeline
    shown = [str(event.amount) for event in events if "HD7" in str(event.title)]
    assert shown == ['<span class="console-gain">+70</span>']
