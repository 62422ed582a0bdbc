"""What runs low: pools and stock, told from the bound on and never counted further."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from rewards.alarms import running_low
from rewards.models import Voucher
from tests.rewards.batches.helpers import pooled
from tests.rewards.helpers import make_benefit, make_reward, make_voucher_type

pytestmark = pytest.mark.django_db


def low(at: datetime) -> list[tuple[str, int, int]]:
    return [(item.subject.code, item.left, item.bound) for item in running_low(at=at)]


def test_a_pool_is_told_from_its_bound_on(now: datetime) -> None:
    few = make_voucher_type("few", codes="pool", low_codes=3)
    pooled(few, "AAAA1", "AAAA2", "AAAA3", "AAAA4")
    full = make_voucher_type("full", codes="pool", low_codes=2)
    pooled(full, "BBBB1", "BBBB2", "BBBB3")
    make_voucher_type("unwatched", codes="pool")
    make_voucher_type("off", codes="pool", low_codes=5, is_active=False)
    make_voucher_type("fresh", codes="generated", low_codes=5)
    assert low(now) == []

    Voucher.objects.filter(code="AAAA1").update(state="issued")

    assert low(now) == [("few", 3, 3)]


def test_codes_that_have_ended_do_not_count(now: datetime) -> None:
    grab = make_voucher_type("grab", codes="pool", low_codes=1)
    pooled(grab, "AAAA1", "AAAA2", valid_until=now + timedelta(days=1))
    pooled(grab, "AAAA3", valid_until=now)
    assert low(now) == []

    assert low(now + timedelta(days=1)) == [("grab", 0, 1)]


def test_stock_of_the_catalogue(now: datetime) -> None:
    benefit = make_benefit()
    make_reward(benefit, code="mug", stock=10, taken=8, low_stock=2)
    make_reward(benefit, code="bag", stock=10, taken=7, low_stock=2)
    make_reward(benefit, code="cap", stock=10, taken=10)
    make_reward(benefit, code="pen", low_stock=5)
    make_reward(benefit, code="tin", stock=1, low_stock=5, is_active=False)

    assert low(now) == [("mug", 2, 2)]


def test_the_emptiest_first_in_few_statements(
    now: datetime, django_assert_num_queries: Any
) -> None:
    for number in range(4):
        voucher_type = make_voucher_type(f"type{number}", codes="pool", low_codes=3)
        pooled(voucher_type, *(f"CODE{number}{n}" for n in range(number)))
    make_reward(make_benefit("donation"), stock=10, taken=9, low_stock=1)

    with django_assert_num_queries(4):
        found = low(now)

    assert [left for _code, left, _bound in found] == [0, 1, 1, 2, 3]
