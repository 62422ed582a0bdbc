"""The overview says what runs low, to whoever may see it."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tests.console import allow
from tests.rewards.batches.helpers import pooled
from tests.rewards.helpers import make_benefit, make_reward, make_voucher_type

pytestmark = pytest.mark.django_db

INDEX = reverse("admin:index")


@pytest.fixture
def pool_address() -> str:
    grab = make_voucher_type("grab", name="Grab 50K", codes="pool", low_codes=2)
    pooled(grab, "AAAA1")
    make_reward(make_benefit("gift"), name="Mug", stock=1000, taken=1000, low_stock=5)
    filters = f"?voucher_type__id__exact={grab.pk}"
    return reverse("admin:rewards_voucherbatch_changelist") + filters


def test_what_runs_low_stands_on_top(console: Client, pool_address: str) -> None:
    said = console.get(INDEX).content.decode()

    assert "Runs low" in said
    assert f'href="{pool_address}">Grab 50K: 1 code left in the pool</a>' in said
    assert "Mug: 0 left in stock" in said
    assert said.index("Mug") < said.index("Grab 50K")


def test_nothing_runs_low(console: Client) -> None:
    assert "Runs low" not in console.get(INDEX).content.decode()


def test_only_what_a_person_may_see(
    helper: User, helper_console: Client, pool_address: str
) -> None:
    assert "Runs low" not in helper_console.get(INDEX).content.decode()

    allow(helper, "view_reward")

    said = helper_console.get(INDEX).content.decode()
    assert "Mug" in said
    assert "Grab 50K" not in said
