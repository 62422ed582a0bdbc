"""A second person for many codes: what waits says how many and what they are worth."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Sum
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.approvals import request_change
from core.clock import local_date, start_of_day
from core.models import ChangeRequest, Programme
from core.money import format_money, group_digits
from rewards.batches.terms import worth_of_one_use
from rewards.models import VoucherBatch, VoucherType

MAKE = "make_vouchers"
TAKE_IN = "take_in_vouchers"
SHARE = "share_voucher_code"
PERMISSION = "rewards.add_voucherbatch"


def needs_second_person(
    voucher_type: VoucherType, count: int | None, *, by: User, at: datetime
) -> bool:
    """Tell whether so many codes or uses (None: any number) wait for a second person.

    What the same person had made and taken in today counts together.
    """
    bound = voucher_type.approval_above
    if bound is None:
        return False
    if count is None:
        return True
    begin = start_of_day(local_date(at))
    today = VoucherBatch.objects.filter(
        voucher_type=voucher_type,
        asked_by=by,
        asked_at__gte=begin,
        asked_at__lt=begin + timedelta(days=1),
    ).exclude(state=VoucherBatch.State.DRAFT)
    made = today.aggregate(sum=Sum("size"))["sum"] or 0
    return bool(made + count > bound)


def ask_second_person(
    kind: str,
    payload: dict[str, Any],
    voucher_type: VoucherType,
    count: int | None,
    *,
    name: str,
    by: User,
    at: datetime,
) -> ChangeRequest:
    """Lay what is asked for before a second person."""
    summary = f"{name}: {how_many(voucher_type, count)}, {worth(voucher_type, count)}"
    return request_change(kind=kind, payload=payload, summary=summary, by=by, at=at)


def earlier_request(kind: str, key: str) -> ChangeRequest | None:
    """Return what the same key laid before a second person."""
    return ChangeRequest.objects.filter(kind=kind, payload__key=key).first()


def waiting_for(batch: VoucherBatch) -> ChangeRequest | None:
    """Return the open request to take an uploaded list in."""
    return ChangeRequest.objects.filter(
        kind=TAKE_IN, state=ChangeRequest.State.OPEN, payload__batch=batch.pk
    ).first()


def how_many(voucher_type: VoucherType, count: int | None) -> str:
    """Say how many codes, or uses of one code."""
    told = {"name": voucher_type.name}
    if count is None:
        return _("one code of “%(name)s” for any number of uses") % told
    if voucher_type.codes == VoucherType.Codes.SHARED:
        told["count"] = group_digits(count)
        return _("one code of “%(name)s” for %(count)s uses") % told
    sentence = ngettext(
        "%(count)s code of “%(name)s”", "%(count)s codes of “%(name)s”", count
    )
    return sentence % {"count": group_digits(count), **told}


def worth(voucher_type: VoucherType, count: int | None) -> str:
    """Say what so many codes, or uses of a shared one, take off at most."""
    one = worth_of_one_use(voucher_type)
    if one is not None and not one:
        return _("worth nothing at your own tills")
    is_shared = voucher_type.codes == VoucherType.Codes.SHARED
    uses = 1 if is_shared else voucher_type.uses_per_code
    if one is None or count is None or uses is None:
        return _("without an upper bound in money")
    money = format_money(one * count * uses, str(Programme.current().currency))
    return _("worth %(money)s at most") % {"money": money}
