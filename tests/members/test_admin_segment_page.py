"""A segment's page: its size, who entered and left, what uses it, its members as a file."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Campaign
from members.models import Member, Segment
from members.segments.watching import refresh_segment
from tests import factories
from tests.console import allow, form_data, num_queries

FOLLOWERS = {"field": "follows_oa", "is": "yes"}
LIST = reverse("admin:members_segment_changelist")


@pytest.fixture
def oa(db: None) -> Segment:
    factories.make_programme()
    return Segment.objects.create(code="oa", name="OA", conditions=FOLLOWERS)


def page(segment: Segment) -> str:
    return reverse("admin:members_segment_change", args=[segment.pk])


def test_the_list_shows_the_size_and_what_uses_it(console: Client, oa: Segment) -> None:
    Segment.objects.update(num_members=1234, counted_at=timezone.now())
    tree = {"all": [{"field": "segment", "is": "is", "value": "oa"}]}
    Campaign.objects.create(code="c", name="C", conditions=tree)
    text = console.get(LIST).content.decode()
    assert "1.234" in text
    assert "counted at night" in text


def test_a_watched_segment_shows_who_came_and_went(
    console: Client, oa: Segment, mai: Member
) -> None:
    Segment.objects.update(is_watched=True)
    assert "The watch begins in a few minutes" in console.get(page(oa)).content.decode()
    now = timezone.now()
    refresh_segment(oa, at=now - timedelta(days=1))
    assert "Nobody has entered or left yet." in console.get(page(oa)).content.decode()
    Member.objects.filter(pk=mai.pk).update(follows_oa=True)
    refresh_segment(oa, at=now)
    text = console.get(page(oa)).content.decode()
    assert "1 entered and 0 left in the last 2 days" in text
    assert "Nguyễn Thị Mai" in text


def test_the_page_costs_the_same_for_many_changes(console: Client, oa: Segment) -> None:
    Segment.objects.update(is_watched=True)
    now = timezone.now()
    refresh_segment(oa, at=now)
    members = [factories.make_member(code=f"M{n}") for n in range(8)]
    for count in (2, 8):
        Member.objects.filter(pk__in=[m.pk for m in members[:count]]).update(
            follows_oa=True
        )
        refresh_segment(oa, at=now)
        if count == 2:
            few = num_queries(console, page(oa))
    assert num_queries(console, page(oa)) == few


def test_switching_the_watch_begins_it_anew(console: Client, oa: Segment) -> None:
    response = console.get(page(oa))
    data = {**form_data(response), "is_watched": "on"}
    assert console.post(page(oa), data).status_code == 302
    oa.refresh_from_db()
    assert (oa.is_watched, oa.watched_since) == (True, None)
    refresh_segment(oa, at=timezone.now())
    oa.refresh_from_db()
    since = oa.watched_since
    # Saving something else leaves the watch and the size alone.
    Segment.objects.update(num_members=77)
    assert console.post(page(oa), {**data, "name": "Followers"}).status_code == 302
    oa.refresh_from_db()
    assert (oa.name, oa.watched_since, oa.num_members) == ("Followers", since, 77)


def test_what_is_used_is_not_deleted(console: Client, oa: Segment) -> None:
    other = Segment.objects.create(
        code="b", name="B", conditions={"field": "segment", "is": "is", "value": "oa"}
    )
    address = reverse("admin:members_segment_delete", args=[oa.pk])
    text = console.post(address, {"post": "yes"}, follow=True).content.decode()
    assert "“OA” is used by “B” (segment). Take it out there first." in text
    both = {"action": "delete_selected", "_selected_action": [oa.pk], "post": "yes"}
    console.post(LIST, both)
    assert Segment.objects.filter(pk=oa.pk).exists()
    other.delete()
    console.post(address, {"post": "yes"})
    assert not Segment.objects.exists()


def test_the_code_stands_once_it_is_saved(console: Client, oa: Segment) -> None:
    data = {"name": "OA", "code": "new", "conditions": json.dumps(FOLLOWERS)}
    assert console.post(page(oa), data).status_code == 302
    oa.refresh_from_db()
    assert oa.code == "oa"


def test_the_members_leave_as_a_safe_file(
    console: Client, helper: User, helper_console: Client, oa: Segment
) -> None:
    evil = factories.make_member(code="EVIL", name="=1+1", phone="0912345678")
    Member.objects.filter(pk=evil.pk).update(follows_oa=True)
    factories.make_member(code="NOBODY")
    address = reverse("admin:members_segment_export", args=[oa.pk])

    text = console.get(address).getvalue().decode()
    assert "EVIL,'=1+1,0912 345 678" in text
    assert "NOBODY" not in text
    assert LogEntry.objects.get().change_message == "members exported"

    allow(helper, "view_segment")
    assert helper_console.get(address).status_code == 403
    allow(helper, "export_segment")
    text = helper_console.get(address).getvalue().decode()
    assert "EVIL" in text
    assert "0912 345 678" not in text, "phones are for those who may see them"


def test_a_link_fills_a_new_segment_in(console: Client, oa: Segment) -> None:
    tree = json.dumps({"all": [{"field": "rfm_cell", "is": "is", "value": "lost"}]})
    address = reverse("admin:members_segment_add")
    response = console.get(address, {"name": "Lost", "conditions": tree})
    form = response.context["adminform"].form
    assert form["name"].value() == "Lost"
    assert "rfm_cell" in response.content.decode()
