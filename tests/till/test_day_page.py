"""What one person did today in one store: lines, numbers, nobody else's."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from members.models import Member
from points.models import Wallet
from rewards.models import VoucherType
from tests.till.helpers import Till, make_voucher, text_of
from till.models import TillAct

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _wallet(wallet: Wallet) -> None:
    pass


def use(till: Till, off20: VoucherType, code: str, member: Member, **told: str) -> str:
    make_voucher(off20, code, member)
    return till.confirm(till.act(till.look_up(code), total="100000", **told))


def test_an_empty_day_says_what_to_do(till: Till) -> None:
    page = text_of(till.get("/till/day/"))

    assert "Nothing yet today" in page
    assert "Scan the first one" in page


def test_lines_and_numbers(till: Till, off20: VoucherType, mai: Member) -> None:
    use(till, off20, "DEMO0001", mai)
    use(till, off20, "DEMO0002", mai, number="HD1")
    order = till.act(f"{till.look_up('0912345678')}order/", total="50000", number="HD2")
    till.confirm(order)

    page = text_of(till.get("/till/day/"))

    assert "2 vouchers used −40.000 ₫ 2 orders added 130.000 ₫" in page
    assert "Order added 50.000 ₫" in page
    assert "Voucher used −20.000 ₫" in page
    assert page.count("can be undone") == 3
    home = text_of(till.get("/till/"))
    assert "2 vouchers used −40.000 ₫" in home


def test_what_was_undone_does_not_count(
    till: Till, off20: VoucherType, mai: Member
) -> None:
    done = use(till, off20, "DEMO0001", mai, number="HD1")
    till.act(f"{done}undo/")

    page = text_of(till.get("/till/day/"))

    assert "0 vouchers used 0 orders added" in page
    assert "undone" in page


def test_nobody_elses_and_no_other_day(
    till: Till, other_till: Till, off20: VoucherType, mai: Member
) -> None:
    use(other_till, off20, "DEMO0001", mai)
    use(till, off20, "DEMO0002", mai)
    yesterday = timezone.localdate() - timedelta(days=1)
    TillAct.objects.filter(user__username="lan").update(happened_on=yesterday)

    assert "Nothing yet today" in text_of(till.get("/till/day/"))
    assert "1 vouchers used" in text_of(other_till.get("/till/day/"))


def test_a_long_day_needs_no_more_queries(
    till: Till,
    off20: VoucherType,
    mai: Member,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(6):
        use(till, off20, f"DEMO000{number}", mai)

    with django_assert_max_num_queries(12):
        till.get("/till/day/")
