"""Events that no campaign could take in: said on the first page, listed, tried again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Happening
from flows.roles import create_roles
from insights.todo import todo_for
from members.models import Member
from tests import factories
from tests.console import allow, num_queries

LIST = reverse("admin:campaigns_happening_changelist")


def happening(member: Member, *, days_ago: int = 0, attempts: int = 5) -> Happening:
    return Happening.objects.create(
        kind="order",
        member=member,
        reference=f"{Happening.objects.count()}",
        happened_at=timezone.now() - timedelta(days=days_ago),
        attempts=attempts,
        error="ValueError" if attempts else "",
    )


def again(console: Client, *chosen: Happening) -> str:
    data = {"action": "try_again", "_selected_action": [one.pk for one in chosen]}
    return console.post(LIST, data, follow=True).content.decode()


def test_lists_what_was_given_up(console: Client, mai: Member, binh: Member) -> None:
    happening(mai)
    happening(binh, attempts=0)
    text = console.get(LIST).content.decode()
    assert mai.name in text
    assert "ValueError" in text
    assert binh.name not in text


def test_tries_again_what_is_fresh(console: Client, mai: Member) -> None:
    fresh, late = happening(mai), happening(mai, days_ago=4)
    text = again(console, fresh, late)
    assert "1 event is tried again within seconds." in text
    assert "1 event lies more than three days back and would move nobody." in text
    rows = Happening.objects.order_by("pk").values_list("attempts", "error")
    assert list(rows) == [(0, ""), (5, "ValueError")]


def test_who_may_only_look_cannot(
    helper: User, helper_console: Client, mai: Member
) -> None:
    allow(helper, "view_happening")
    one = happening(mai)
    assert helper_console.get(LIST).status_code == 200
    again(helper_console, one)
    one.refresh_from_db()
    assert one.attempts == 5


def test_the_first_page_says_so_to_who_may_look(
    helper: User, staff: User, mai: Member
) -> None:
    def todo(user: User) -> list[tuple[str, str]]:
        return [(one.title, one.address) for one in todo_for(user, at=timezone.now())]

    assert todo(staff) == []
    happening(mai)
    happening(mai)
    assert todo(staff) == [("2 events that campaigns could not take in", LIST)]
    assert todo(helper) == []


def test_marketing_may_look(db: None) -> None:
    marketing = next(group for group in create_roles() if group.name == "Marketing")
    assert marketing.permissions.filter(codename="view_happening").exists()


@pytest.mark.django_db
def test_costs_the_same_for_few_and_many(console: Client, mai: Member) -> None:
    happening(mai)
    one = num_queries(console, LIST)
    for number in range(20):
        happening(factories.make_member(phone=f"09120002{number:02}"))
    assert num_queries(console, LIST) == one
