"""One code for everyone, which staff choose: “TET2027”."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from core.batch import insert_new
from core.models import ChangeRequest
from core.retry import retry_on_conflict
from rewards.batches.approving import (
    SHARE,
    ask_second_person,
    needs_second_person,
)
from rewards.batches.making import COLUMNS, TABLE
from rewards.batches.terms import Codes
from rewards.codes import MIN_CODE, is_code, normalise_code
from rewards.errors import BatchRefused, CodeRefused
from rewards.models import Voucher, VoucherType
from rewards.models.vouchers import MAX_CODE


@retry_on_conflict
@transaction.atomic
def share_code(
    *, voucher_type: VoucherType, code: str, at: datetime, by: User | None = None
) -> Voucher | ChangeRequest:
    """Let everyone use one code, or ask a second person where its uses are many.

    The same code of the same type again gives what there is. Raises BatchRefused,
    CodeRefused.
    """
    normal = normalise_code(code)
    check_shared(voucher_type, normal)
    if known := _known(voucher_type, normal):
        return known
    uses = voucher_type.uses_per_code
    if by is not None and needs_second_person(voucher_type, uses, by=by, at=at):
        payload = {"voucher_type": voucher_type.pk, "code": normal}
        waiting = ChangeRequest.objects.filter(
            kind=SHARE, state=ChangeRequest.State.OPEN, payload=payload
        )
        return waiting.first() or ask_second_person(
            SHARE, payload, voucher_type, uses, name=normal, by=by, at=at
        )
    return write_shared(voucher_type, normal, at=at)


def check_shared(voucher_type: VoucherType, code: str) -> None:
    """Refuse a type that has no such code, and what cannot be one."""
    told = {"name": voucher_type.name}
    if voucher_type.codes != Codes.SHARED:
        raise BatchRefused(
            _("“%(name)s” has a code of its own for each voucher. Make a batch.") % told
        )
    if not voucher_type.is_active:
        raise BatchRefused(_("“%(name)s” is switched off.") % told)
    if voucher_type.owner_only:
        raise BatchRefused(
            _(
                "A code for everyone has no owner, but those of “%(name)s” are for their "
                "owner only. Switch that off first."
            )
            % told
        )
    if voucher_type.valid_days is not None:
        raise BatchRefused(
            _(
                "“%(name)s” can be used for some days after a member gets it, and a code "
                "for everyone is given to nobody. Say until when it can be used instead."
            )
            % told
        )
    if not is_code(code):
        raise CodeRefused(
            _(
                "A code has %(least)s to %(most)s letters from A to Z and digits, without "
                "accents: TET2027."
            )
            % {"least": MIN_CODE, "most": MAX_CODE}
        )


def write_shared(voucher_type: VoucherType, code: str, *, at: datetime) -> Voucher:
    """Write the code; the unique key says whether it is free. Raises CodeRefused."""
    check_shared(voucher_type, code)
    row = (
        code,
        voucher_type.pk,
        None,
        Voucher.State.ISSUED.value,
        0,
        voucher_type.uses_per_code,
        voucher_type.valid_from,
        voucher_type.valid_until,
        at,
    )
    new = insert_new(TABLE, COLUMNS, [row], conflict="code", returning="id")
    if not new:
        raise _taken(code)
    return Voucher.objects.get(pk=new[0][0])


def _known(voucher_type: VoucherType, code: str) -> Voucher | None:
    """Return the voucher that was made of this code before. Raises CodeRefused."""
    known = Voucher.objects.filter(code=code).first()
    if known is None:
        return None
    if known.voucher_type_id != voucher_type.pk or known.state == Voucher.State.CANCELLED:
        raise _taken(code)
    return known


def _taken(code: str) -> CodeRefused:
    return CodeRefused(
        _("“%(code)s” was taken for a voucher before. Choose another one.") % {"code": code}
    )
