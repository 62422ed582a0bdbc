"""Lists in the console: a file is read, looked at, taken in; only by those who may."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from members.models import ListEntry, ListUpload, Member, MemberList, Segment
from tests import factories
from tests.console import allow, num_queries

LISTS = reverse("admin:members_memberlist_changelist")


@pytest.fixture
def press(db: None) -> MemberList:
    factories.make_programme()
    return MemberList.objects.create(code="press", name="Press")


def upload_address(press: MemberList) -> str:
    return reverse("admin:members_memberlist_upload", args=[press.pk])


def test_a_new_list_asks_for_its_file(console: Client, press: MemberList) -> None:
    assert "Press" in console.get(LISTS).content.decode()
    data = {"name": "Guests", "code": "guests"}
    response = console.post(reverse("admin:members_memberlist_add"), data)
    made = MemberList.objects.get(code="guests")
    assert response.headers["Location"] == upload_address(made)


def test_a_file_is_looked_at_and_taken_in(
    console: Client, press: MemberList, mai: Member
) -> None:
    file = SimpleUploadedFile("../../list.csv", b"phone\n0912345678\n0912345678\n1\n")
    response = console.post(
        upload_address(press), {"file": file, "mode": "add"}, follow=True
    )
    text = response.content.decode()
    assert "Put 1 member on the list" in text
    assert "Nguyễn Thị Mai" in text
    assert "No member is known by this." in text
    upload = ListUpload.objects.get()
    refused = reverse("admin:members_memberlist_refused", args=[upload.pk])
    assert console.get(refused).getvalue().decode().splitlines()[1:] == [
        "1,4,No member is known by this."
    ]
    assert not ListEntry.objects.exists()

    address = reverse("admin:members_memberlist_preview", args=[upload.pk])
    text = console.post(address, follow=True).content.decode()
    assert "1 member is new on the list." in text
    assert ListEntry.objects.get().member == mai
    text = console.post(address, follow=True).content.decode()
    assert "This file was taken in before." in text


def test_pasted_lines_and_nothing_new(
    console: Client, press: MemberList, mai: Member
) -> None:
    for expected in ("Put 1 member on the list", "would change nothing"):
        response = console.post(
            upload_address(press), {"text": "MAI\n", "mode": "add"}, follow=True
        )
        assert expected in response.content.decode()
        upload = ListUpload.objects.latest("pk")
        console.post(reverse("admin:members_memberlist_preview", args=[upload.pk]))


def test_no_file_no_list_and_bad_files_are_told(console: Client, press: MemberList) -> None:
    text = console.post(upload_address(press), {"mode": "add"}).content.decode()
    assert "Choose a file or paste something, one of both." in text
    file = SimpleUploadedFile("x.csv", b"a,b\n1,2\n")
    text = console.post(
        upload_address(press), {"file": file, "mode": "add"}
    ).content.decode()
    assert "must name the columns" in text
    assert not ListUpload.objects.exists()


def test_a_list_that_is_used_stays(console: Client, press: MemberList) -> None:
    Segment.objects.create(
        code="s", name="S", conditions={"field": "list", "is": "is", "value": "press"}
    )
    address = reverse("admin:members_memberlist_delete", args=[press.pk])
    text = console.post(address, {"post": "yes"}, follow=True).content.decode()
    assert "“Press” is used by “S” (segment). Take it out there first." in text
    assert MemberList.objects.exists()


def test_only_those_who_may_change_lists_fill_them(
    helper: User, helper_console: Client, press: MemberList
) -> None:
    allow(helper, "view_memberlist")
    assert helper_console.get(upload_address(press)).status_code == 403
    allow(helper, "change_memberlist")
    assert helper_console.get(upload_address(press)).status_code == 200


def test_pages_cost_the_same_for_many(
    console: Client, press: MemberList, mai: Member
) -> None:
    few = num_queries(console, LISTS)
    for number in range(20):
        one = MemberList.objects.create(code=f"l{number}", name="L")
        ListEntry.objects.create(list=one, member=mai, added_at=mai.joined_at, source="t")
    assert num_queries(console, LISTS) == few
