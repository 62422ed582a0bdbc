"""Sealing: what is final gets a link of the chain, once, and each change is named."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from members.models import Member
from points import sealing
from points.audit import verify_ledger
from points.models import LedgerSeal, Transfer
from points.sealing import NO_HEAD, seal_ledger
from points.services import reverse_transfer, spend_points
from tests.factories import make_wallet
from tests.points.helpers import give

LATER = timedelta(minutes=11)


@pytest.fixture(autouse=True)
def _history(mai: Member, binh: Member, now: datetime) -> None:
    """Six movements with lots, draws and a reversal."""
    make_wallet()
    give(mai, 50, "a", now, date(2026, 12, 31))
    give(binh, 20, "b", now)
    spent = spend_points(member=mai, amount=30, key="gift", at=now)
    reverse_transfer(transfer=spent, key="back", at=now)
    give(mai, 7, "c", now)
    spend_points(member=binh, amount=5, key="gift-2", at=now)


def seal(**options: Any) -> sealing.Sealing:
    return seal_ledger(at=timezone.now() + LATER, **options)


def test_a_seal_covers_what_is_final() -> None:
    done = seal()

    (only,) = LedgerSeal.objects.all()
    ids = list(Transfer.objects.order_by("pk").values_list("pk", flat=True))
    assert (done.seals, done.transfers, done.head) == (1, 6, only.head)
    assert (only.number, only.first_id, only.last_id) == (1, ids[0], ids[-1])
    assert (only.num_transfers, only.points_moved) == (6, 50 + 20 + 30 + 30 + 7 + 5)
    assert only.previous == NO_HEAD
    assert sealing.unpack_ids(only.transfer_ids) == ids
    audit = verify_ledger()
    assert (audit.ok, audit.sealed, audit.head) == (True, 6, only.head)
