"""What a second person approves, and how it is carried out then."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from core.approvals import Act, named, register_act
from core.models import ChangeRequest
from rewards.batches.approving import MAKE, PERMISSION, SHARE, TAKE_IN
from rewards.batches.asking import Wish, check_wish, make_row
from rewards.batches.sharing import write_shared
from rewards.batches.uploading import put_in_line
from rewards.models import VoucherBatch, VoucherType
from rewards.tasks import nudge_batches


def register() -> None:
    """Say what can be asked for."""
    batch, voucher_type = named(VoucherBatch, "batch"), named(VoucherType, "voucher_type")
    for kind, label, perform, about in (
        (MAKE, _("Vouchers in bulk"), _make, voucher_type),
        (TAKE_IN, _("An uploaded list of vouchers"), _take_in, batch),
        (SHARE, _("A voucher code for everyone"), _share, voucher_type),
    ):
        register_act(Act(kind, label, PERMISSION, perform, about=about))


def _make(payload: Mapping[str, Any], request: ChangeRequest, at: datetime) -> None:
    wish = Wish(
        VoucherType.objects.get(pk=payload["voucher_type"]),
        payload["size"],
        payload["name"],
        _moment(payload["valid_from"]),
        _moment(payload["valid_until"]),
    )
    check_wish(wish, at=at)
    make_row(wish, by=request.requested_by, at=at, key=payload["key"])
    nudge_batches()


def _take_in(payload: Mapping[str, Any], request: ChangeRequest, at: datetime) -> None:
    put_in_line(payload["batch"], by=request.requested_by, at=at)
    nudge_batches()


def _share(payload: Mapping[str, Any], request: ChangeRequest, at: datetime) -> None:
    voucher_type = VoucherType.objects.get(pk=payload["voucher_type"])
    write_shared(voucher_type, payload["code"], at=at)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
