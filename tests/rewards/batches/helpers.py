"""Batches for tests, and workers that die."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from rewards.batches import Wish, ask_batch, run_batch, running
from rewards.models import UploadedCode, Voucher, VoucherBatch, VoucherType


class Killed(BaseException):
    """Stands for a process that is gone: nobody catches it, nothing is tidied up."""


def ask(voucher_type: VoucherType, size: int, at: Any, **told: Any) -> VoucherBatch:
    batch = ask_batch(Wish(voucher_type, size, "Tết", **told), at=at)
    assert isinstance(batch, VoucherBatch)
    return batch


def done(batch: VoucherBatch, **options: Any) -> VoucherBatch:
    """Let a worker do all of a batch."""
    finished = run_batch(batch.pk, **options)
    assert finished is not None
    assert finished.error == ""
    return finished


def made(voucher_type: VoucherType, size: int, at: Any, **told: Any) -> VoucherBatch:
    return done(ask(voucher_type, size, at, **told))


def let_the_lease_end(batch: VoucherBatch) -> None:
    past = timezone.now() - timedelta(seconds=1)
    VoucherBatch.objects.filter(pk=batch.pk).update(leased_until=past)


def die_in(monkeypatch: pytest.MonkeyPatch, step: str, *, time: int, wrote: bool) -> None:
    """Let the process die in the given step, before or after it has written."""
    real, calls = getattr(running, step), []

    def act(*args: Any) -> Any:
        calls.append(step)
        if len(calls) != time:
            return real(*args)
        if wrote:
            real(*args)
        raise Killed

    monkeypatch.setattr(running, step, act)


def killed_and_taken_over(
    monkeypatch: pytest.MonkeyPatch, batch: VoucherBatch, step: str, *, wrote: bool
) -> VoucherBatch:
    with monkeypatch.context() as patch:
        die_in(patch, step, time=3, wrote=wrote)
        with pytest.raises(Killed):
            run_batch(batch.pk, chunk=5)
    assert run_batch(batch.pk) is None, "the dead one still has its lease"
    let_the_lease_end(batch)
    return done(batch, chunk=5)


def codes_of(batch: VoucherBatch) -> list[str]:
    return list(batch.vouchers.order_by("pk").values_list("code", flat=True))


def states_of(batch: VoucherBatch) -> list[str]:
    return list(batch.vouchers.order_by("pk").values_list("state", flat=True))


def write_list(folder: Path, *lines: str, name: str = "codes.csv") -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n")
    return path


def problems_of(draft: VoucherBatch) -> dict[int, str]:
    """Return what is wrong with which row."""
    rows = UploadedCode.objects.filter(batch=draft).exclude(problem="")
    return dict(rows.values_list("number", "problem"))


def pooled(voucher_type: VoucherType, *codes: str, **fields: Any) -> list[Voucher]:
    return [
        Voucher.objects.create(
            **{"code": code, "voucher_type": voucher_type, "state": "pooled", "max_uses": 1}
            | fields
        )
        for code in codes
    ]
