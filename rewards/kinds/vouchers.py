"""Vouchers as a benefit: one code for each occasion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.utils.translation import gettext as _

from core.errors import DomainError
from rewards.errors import BenefitUnavailable, CannotTakeBack
from rewards.giving import Gift, Kind
from rewards.issuing import cancel_vouchers, issue_vouchers
from rewards.models import Benefit, GivenBenefit, Voucher


def _give(
    benefit: Benefit, gifts: Sequence[Gift], at: datetime
) -> Mapping[int, DomainError]:
    voucher_type = benefit.voucher_type
    assert voucher_type is not None, "the database asks for it"
    owners = [(gift.given.pk, gift.given.member_id) for gift in gifts]
    issued = issue_vouchers(voucher_type, owners, at=at)
    refusal = BenefitUnavailable(
        _("There are no codes left of %(name)s.") % {"name": voucher_type}
    )
    return {given_id: refusal for given_id, _member in owners if given_id not in issued}


def _take_back(given: GivenBenefit, at: datetime, actor: str) -> None:
    if not cancel_vouchers(Voucher.objects.filter(given=given), at=at):
        raise CannotTakeBack(_("The voucher was used already."))


VOUCHER = Kind(Benefit.Kind.VOUCHER.value, _give, _take_back)
