"""Working on batches: claimed, done chunk by chunk, finished; all of it repeatable.

What is done stands in the row together with how far it is, in one transaction, so a
process may die at any moment: the next one goes on behind the last chunk. The writing of
a chunk is fenced by the number of the claim and by the position.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from core.batch import is_postgresql
from core.errors import DomainError
from core.retry import retry_on_conflict
from rewards.batches.making import write_codes
from rewards.batches.taking import take_rows
from rewards.batches.withdrawing import cancel_rows
from rewards.errors import BatchClosed
from rewards.models import VoucherBatch

logger = logging.getLogger(__name__)

State = VoucherBatch.State
LEASE = timedelta(minutes=2)
PAUSE_AFTER_FAILURE = timedelta(seconds=30)
# A chunk that kills or fails so often is not tried again by itself.
MAX_FAILURES = 5

Told = Callable[[VoucherBatch], None]


class Interrupted(Exception):
    """The batch was stopped, or another process has taken it over."""


def chunk_size() -> int:
    """Return how many codes go into one transaction.

    PostgreSQL: a third of a second. SQLite has one writer at a time, so that others wait
    for a few hundredths.
    """
    return 20_000 if is_postgresql() else 1000


def breathe() -> None:
    """Leave SQLite to others for a moment: who waits for it only looks now and then."""
    if not is_postgresql():
        time.sleep(0.02)


def due_batches() -> QuerySet[VoucherBatch]:
    """Return the batches that wait for a worker, those of dead workers too."""
    free = Q(leased_until__isnull=True) | Q(leased_until__lt=timezone.now())
    return VoucherBatch.objects.filter(free, state__in=VoucherBatch.OPEN)


def has_work() -> bool:
    return due_batches().exists()


def work_on_batches(*, seconds: float) -> bool:
    """Work on the batches in line, for so long; tells whether anything is left to do."""
    deadline = time.monotonic() + seconds
    for batch_id in due_batches().order_by("pk").values_list("pk", flat=True):
        run_batch(batch_id, deadline=deadline)
        if time.monotonic() >= deadline:
            break
    return has_work()


def run_batch(batch_id: int, **options: Any) -> VoucherBatch | None:
    """Claim a batch and work on it (see ``run_claimed``); None when it is not free."""
    batch = claim_batch(batch_id)
    return None if batch is None else run_claimed(batch, **options)


def run_claimed(
    batch: VoucherBatch,
    *,
    deadline: float | None = None,
    chunk: int | None = None,
    told: Told | None = None,
) -> VoucherBatch:
    """Work on a claimed batch until it is done or ``deadline`` (monotonic seconds) is over.

    Returns the batch as it stands then. ``told`` hears of every step. What fails is tried
    again by the next poll.
    """
    try:
        _work(batch, deadline, chunk or chunk_size(), told or (lambda _batch: None))
    except Interrupted:
        logger.info("Batch %s was stopped or taken over", batch.pk)
    except Exception as error:
        logger.exception("Batch %s failed", batch.pk)
        _note_failure(batch, error)
    return VoucherBatch.objects.get(pk=batch.pk)


def _work(batch: VoucherBatch, deadline: float | None, chunk: int, told: Told) -> None:
    told(batch)
    step = _step_of(batch)
    while step(batch, chunk):
        told(batch)
        if deadline is not None and time.monotonic() >= deadline:
            _release(batch)
            return
        breathe()
    ended = State.DONE if batch.state == State.RUNNING else State.WITHDRAWN
    if not _end(batch, state=ended, error=""):
        raise Interrupted


def _step_of(batch: VoucherBatch) -> Callable[[VoucherBatch, int], bool]:
    if batch.state == State.WITHDRAWING:
        return _withdraw_more
    if batch.origin == VoucherBatch.Origin.UPLOADED:
        return _take_more
    return _make_more


# --- claims -------------------------------------------------------------------------------


def claim_batch(batch_id: int) -> VoucherBatch | None:
    """Take a batch in hand; None when it is not free.

    A claim whose lease ran out counts as a failure.
    """
    now = timezone.now()
    batch = due_batches().filter(pk=batch_id).first()
    if batch is None:
        return None
    failures = batch.failures + (batch.leased_until is not None)
    if failures >= MAX_FAILURES:
        error = batch.error or _("The worker was stopped in the middle, again and again.")
        _end(batch, state=State.FAILED, error=error[:300], failures=failures)
        return None
    claimed = due_batches().filter(pk=batch_id, claim=batch.claim)
    if not claimed.update(
        claim=batch.claim + 1,
        failures=failures,
        leased_until=now + LEASE,
        started_at=batch.started_at or now,
    ):
        return None
    return VoucherBatch.objects.select_related("voucher_type").get(pk=batch_id)


def _ours(batch: VoucherBatch) -> QuerySet[VoucherBatch]:
    return VoucherBatch.objects.filter(pk=batch.pk, claim=batch.claim, state=batch.state)


def _hold(batch: VoucherBatch) -> None:
    """Make sure that the batch is still ours and where we left it; the lease goes on."""
    here = _ours(batch).filter(
        made=batch.made, size=batch.size, reached_id=batch.reached_id
    )
    lease = {"leased_until": timezone.now() + LEASE, "failures": 0, "error": ""}
    if not here.update(**lease):
        raise Interrupted


def _remember(batch: VoucherBatch, values: dict[str, int]) -> None:
    """Set in memory what is committed; before, a lost race could not be tried again."""
    for name, value in values.items():
        setattr(batch, name, value)


def _release(batch: VoucherBatch) -> None:
    _ours(batch).update(leased_until=None)


def _note_failure(batch: VoucherBatch, error: Exception) -> None:
    """Give the batch back for another try after a pause; a refusal ends it at once."""
    if isinstance(error, DomainError):
        _end(batch, state=State.FAILED, error=str(error.message)[:300])
        return
    # The next claim finds an ended lease, and counts it.
    _ours(batch).update(
        leased_until=timezone.now() + PAUSE_AFTER_FAILURE, error=repr(error)[:300]
    )


def _end(batch: VoucherBatch, **values: Any) -> bool:
    values |= {"finished_at": timezone.now(), "leased_until": None}
    return bool(_ours(batch).update(**values))


# --- steps: the next chunk and the position behind it, or nothing of it -----------------


@retry_on_conflict
def _make_more(batch: VoucherBatch, chunk: int) -> bool:
    """Make the next codes; returns False when there are enough."""
    count = min(chunk, batch.size - batch.made)
    if not count:
        return False
    values = {"made": batch.made + count}
    with transaction.atomic():
        _hold(batch)
        write_codes(batch, count)
        _ours(batch).update(**values)
    _remember(batch, values)
    return True


@retry_on_conflict
def _take_more(batch: VoucherBatch, chunk: int) -> bool:
    """Take the next rows of a list in; returns False when there are no more.

    What became known meanwhile makes the batch smaller.
    """
    with transaction.atomic():
        _hold(batch)
        taken = take_rows(batch, chunk)
        if not taken:
            return False
        values = {
            "made": batch.made + taken.new,
            "size": batch.size - taken.known - taken.rejected,
            "num_known": batch.num_known + taken.known,
            "num_rejected": batch.num_rejected + taken.rejected,
        }
        _ours(batch).update(**values)
    _remember(batch, values)
    return True


@retry_on_conflict
def _withdraw_more(batch: VoucherBatch, chunk: int) -> bool:
    """Cancel what nobody has of the next codes; returns False when there are no more."""
    with transaction.atomic():
        _hold(batch)
        upto, cancelled = cancel_rows(batch, chunk)
        if upto is None:
            return False
        values = {
            "reached_id": upto,
            "num_withdrawn": batch.num_withdrawn + cancelled,
        }
        _ours(batch).update(**values)
    _remember(batch, values)
    return True


# --- what staff do ------------------------------------------------------------------------


def stop_batch(batch: VoucherBatch) -> VoucherBatch:
    """Stop a batch; the codes it has so far stay. Raises BatchClosed."""
    stopped = VoucherBatch.objects.filter(pk=batch.pk, state=State.RUNNING).update(
        state=State.CANCELLED, finished_at=timezone.now(), leased_until=None
    )
    if not stopped:
        raise BatchClosed(_("This batch is not under way."))
    return VoucherBatch.objects.get(pk=batch.pk)


def continue_batch(batch: VoucherBatch) -> VoucherBatch:
    """Put a batch that was stopped or failed in line again, where it was. BatchClosed."""
    ended = VoucherBatch.objects.filter(pk=batch.pk)
    withdrawing = Q(withdraw_asked_at__isnull=False)
    again = {
        "failures": 0,
        "error": "",
        "finished_at": None,
        "leased_until": None,
        "claim": F("claim") + 1,
    }
    failed = ended.filter(withdrawing, state=State.FAILED)
    stopped = ended.exclude(withdrawing).filter(state__in=(State.FAILED, State.CANCELLED))
    if not (
        stopped.update(state=State.RUNNING, **again)
        or failed.update(state=State.WITHDRAWING, **again)
    ):
        raise BatchClosed(_("Only a batch that was stopped or failed can go on."))
    return VoucherBatch.objects.get(pk=batch.pk)
