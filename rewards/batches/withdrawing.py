"""Taking codes out of the world again: one voucher, or the rest of a batch."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext as _

from core.batch import execute, fetch_all, sql_value
from core.errors import InvalidInput
from core.retry import retry_on_conflict
from rewards.errors import BatchClosed, VoucherClosed
from rewards.models import Voucher, VoucherBatch

State = VoucherBatch.State
ENDED = (State.DONE, State.CANCELLED, State.FAILED)

NEXT = """
SELECT MAX(id) FROM (
  SELECT id FROM rewards_voucher WHERE batch_id = %s AND id > %s ORDER BY id LIMIT %s
) AS following
"""
# What a member was given stays with the member.
CANCEL = """
UPDATE rewards_voucher
SET state = 'cancelled', cancelled_at = %s, cancelled_because = %s
WHERE batch_id = %s AND id > %s AND id <= %s AND uses = 0
  AND (state = 'pooled' OR (state = 'issued' AND member_id IS NULL))
"""


def rest_of(batch: VoucherBatch) -> QuerySet[Voucher]:
    """Return the codes of a batch that nobody was given and nobody used."""
    free = Q(state=Voucher.State.POOLED) | Q(
        state=Voucher.State.ISSUED, member__isnull=True
    )
    return Voucher.objects.filter(free, batch=batch, uses=0)


@retry_on_conflict
@transaction.atomic
def withdraw_rest(batch: VoucherBatch, *, because: str, at: datetime) -> VoucherBatch:
    """Let a worker cancel the codes that nobody was given and nobody used. BatchClosed."""
    reason = because.strip()[:200]
    if not reason:
        raise InvalidInput(_("Say why: who asks later finds it here."))
    asked = VoucherBatch.objects.filter(
        pk=batch.pk, state__in=ENDED, withdraw_asked_at__isnull=True
    ).update(
        state=State.WITHDRAWING,
        withdraw_asked_at=at,
        withdrawn_because=reason,
        failures=0,
        error="",
        finished_at=None,
        leased_until=None,
        claim=F("claim") + 1,
    )
    if not asked:
        raise BatchClosed(
            _("Stop the batch first; or its rest was withdrawn already. Look again.")
        )
    return VoucherBatch.objects.get(pk=batch.pk)


def cancel_rows(batch: VoucherBatch, count: int) -> tuple[int | None, int]:
    """Cancel what nobody has of the next codes; returns the last one and how many.

    None when there are no more. Call it in a transaction.
    """
    upto = fetch_all(NEXT, [batch.pk, batch.reached_id, count])[0][0]
    if upto is None:
        return None, 0
    told = [sql_value(batch.withdraw_asked_at), batch.withdrawn_because]
    return upto, execute(CANCEL, [*told, batch.pk, batch.reached_id, upto])


@retry_on_conflict
@transaction.atomic
def cancel_voucher(voucher: Voucher, *, because: str, at: datetime) -> Voucher:
    """Cancel one voucher: what was used stays used, nobody uses it any more.

    Raises VoucherClosed when nothing is left to cancel, InvalidInput without a reason.
    """
    reason = because.strip()[:200]
    if not reason:
        raise InvalidInput(_("Say why: who asks later finds it here."))
    left = Q(max_uses__isnull=True) | Q(uses__lt=F("max_uses"))
    cancelled = (
        Voucher.objects.filter(left, pk=voucher.pk)
        .exclude(state=Voucher.State.CANCELLED)
        .update(state=Voucher.State.CANCELLED, cancelled_at=at, cancelled_because=reason)
    )
    if not cancelled:
        raise VoucherClosed(_("It was cancelled before, or used as often as it may be."))
    return Voucher.objects.get(pk=voucher.pk)
