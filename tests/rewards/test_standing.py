"""How a voucher stands: one word, whether a page or the database is asked."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import product

import pytest

from rewards.batches.figures import count_codes, figures_of
from rewards.models import Voucher
from rewards.standing import Standing, standing_of, with_standing
from tests.rewards.batches.helpers import made
from tests.rewards.helpers import make_voucher_type

pytestmark = pytest.mark.django_db


def every_kind(now: datetime) -> list[Voucher]:
    """Make a voucher for each state, number of uses and window."""
    voucher_type = make_voucher_type(codes="pool")
    hour = timedelta(hours=1)
    windows = [(None, None), (now, now + hour), (now + hour, None), (None, now)]
    kinds = product(Voucher.State.values, [(0, 1), (1, 2), (2, 2), (5, None)], windows)
    return [
        Voucher.objects.create(
            code=f"CODE{number:04}",
            voucher_type=voucher_type,
            state=state,
            uses=uses,
            max_uses=most,
            valid_from=starts,
            valid_until=ends,
        )
        for number, (state, (uses, most), (starts, ends)) in enumerate(kinds)
    ]


def test_the_page_and_the_database_say_the_same(now: datetime) -> None:
    vouchers = every_kind(now)

    said = {voucher.pk: standing_of(voucher, at=now) for voucher in vouchers}

    asked = {
        pk: standing
        for standing in Standing
        for pk in with_standing(Voucher.objects.all(), standing, at=now).values_list(
            "pk", flat=True
        )
    }
    assert asked == said
    assert set(said.values()) == set(Standing)


def test_half_open_windows(now: datetime) -> None:
    second = timedelta(seconds=1)
    voucher = Voucher(
        state="issued", max_uses=1, valid_from=now, valid_until=now + timedelta(hours=1)
    )

    assert standing_of(voucher, at=now - second) == Standing.EARLY
    assert standing_of(voucher, at=now) == Standing.OPEN
    assert standing_of(voucher, at=voucher.valid_until - second) == Standing.OPEN
    assert standing_of(voucher, at=voucher.valid_until) == Standing.EXPIRED


def test_the_figures_of_a_batch_add_up(now: datetime) -> None:
    batch = made(make_voucher_type("own", codes="pool", uses_per_code=2), 9, now)
    rows = list(batch.vouchers.order_by("pk"))
    changes = [
        {"state": "issued"},
        {"state": "issued", "uses": 1},
        {"state": "issued", "uses": 2, "valid_until": now},
        {"state": "cancelled", "uses": 1},
        {"state": "cancelled", "valid_until": now},
        {"valid_until": now},
        {"state": "issued", "valid_until": now},
    ]
    for row, change in zip(rows, changes, strict=False):
        Voucher.objects.filter(pk=row.pk).update(**change)

    figures = count_codes(batch, at=now)

    assert figures == (2, 1, 2, 2, 2)
    assert figures.made == 9 == batch.made


def test_a_large_batch_is_counted_once_a_minute(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = made(make_voucher_type(codes="pool"), 3, now)
    monkeypatch.setattr("rewards.batches.figures.LARGE", 3)
    assert figures_of(batch, at=now).pooled == 3

    batch.vouchers.update(state="cancelled")

    assert figures_of(batch, at=now).pooled == 3
    monkeypatch.setattr("rewards.batches.figures.LARGE", 4)
    assert figures_of(batch, at=now).pooled == 0
