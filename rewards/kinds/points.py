"""Value in a wallet: points, cashback, stamps or spins, through the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.utils.translation import gettext as _

from core.clock import local_date
from core.errors import DomainError
from points.errors import NotEnoughPoints
from points.models import Transfer
from points.services import Grant, TakeBack, expiry_day, grant_points, take_back
from rewards.errors import CannotTakeBack
from rewards.giving import Gift, Kind
from rewards.models import Benefit, GivenBenefit

# What a transfer names as its cause; its number is the given benefit's.
BENEFIT = "benefit"


def _give(
    benefit: Benefit, gifts: Sequence[Gift], at: datetime
) -> Mapping[int, DomainError]:
    wallet = benefit.wallet
    assert wallet is not None, "the database asks for it"
    assert benefit.amount is not None, "the database asks for it"
    last_day = expiry_day(wallet, local_date(at))
    keys = {f"benefit:{gift.given.pk}": gift.given for gift in gifts}
    grants = [
        Grant(
            member_id=given.member_id,
            amount=benefit.amount,
            key=key,
            expires_on=last_day,
            kind=Transfer.Kind.EARN.value,
            note=benefit.name,
            actor=given.actor,
            source_type=BENEFIT,
            source_id=given.pk,
            funder_id=benefit.funder_id,
        )
        for key, given in keys.items()
    ]
    grant_points(grants=grants, at=at, wallet=wallet)
    posted = dict(Transfer.objects.filter(key__in=keys).values_list("key", "pk"))
    for key, given in keys.items():
        given.transfer_id = posted[key]
    GivenBenefit.objects.bulk_update(keys.values(), ["transfer"], batch_size=200)
    return {}


def _take_back(given: GivenBenefit, at: datetime, actor: str) -> None:
    transfer = given.transfer
    assert transfer is not None, "value in a wallet was given by a transfer"
    part = TakeBack(transfer.pk, transfer.amount, f"benefit-back:{given.pk}")
    try:
        take_back([part], at=at, actor=actor)
    except NotEnoughPoints as refusal:
        raise CannotTakeBack(
            _("What it gave is spent already: %(why)s") % {"why": refusal.message}
        ) from refusal


POINTS = Kind(Benefit.Kind.POINTS.value, _give, _take_back)
