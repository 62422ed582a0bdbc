"""The seals in the console: to be read and copied from."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from members.models import Member
from points.models import LedgerSeal
from points.sealing import seal_ledger
from tests.console import num_queries
from tests.factories import make_wallet
from tests.points.helpers import give

LIST = reverse("admin:points_ledgerseal_changelist")


@pytest.fixture(autouse=True)
def _seals(mai: Member, now: datetime) -> None:
    make_wallet()
    for number in range(12):
        give(mai, 1000 + number, f"a{number}", now)
    seal_ledger(at=timezone.now() + timedelta(minutes=11), block=1)


def test_the_list_begins_with_the_newest_head(console: Client) -> None:
    text = console.get(LIST).content.decode()

    newest, first = LedgerSeal.objects.get(number=12), LedgerSeal.objects.get(number=1)
    assert f"{newest.head[:8]} {newest.head[8:16]} …" in text
    assert text.index(newest.head[:8]) < text.index(first.head[:8])
    assert "1.011" in text


def test_a_seal_shows_its_whole_head_in_groups(console: Client) -> None:
    seal = LedgerSeal.objects.get(number=2)

    text = console.get(reverse("admin:points_ledgerseal_change", args=[2])).content.decode()

    assert " ".join(seal.head[i : i + 8] for i in range(0, 64, 8)) in text
    assert " ".join(seal.previous[i : i + 8] for i in range(0, 64, 8)) in text
    assert "Seal 2" in text


def test_the_list_costs_the_same_for_few_and_for_many(console: Client) -> None:
    console.get(LIST)
    many = num_queries(console, LIST)

    few = num_queries(console, f"{LIST}?number__lte=2")

    assert few == many
