"""Physical gifts: a row on the board of what is to be handed over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from activities.models import Store
from core.errors import DomainError
from core.phones import normalise_phone
from rewards.errors import CannotTakeBack, WishRefused
from rewards.giving import Gift, Kind
from rewards.models import Benefit, Fulfilment, FulfilmentEvent, GivenBenefit

Method = Fulfilment.Method
State = Fulfilment.State
# From here on the gift has left the house.
GONE = (State.SHIPPED, State.DONE)


def _give(
    benefit: Benefit, gifts: Sequence[Gift], at: datetime
) -> Mapping[int, DomainError]:
    refused: dict[int, DomainError] = {}
    rows = []
    for gift in gifts:
        try:
            wanted = read_wishes(benefit, gift.wishes)
        except DomainError as refusal:
            refused[gift.given.pk] = refusal
            continue
        rows.append(
            Fulfilment(
                given=gift.given,
                member_id=gift.given.member_id,
                delivery_fee=benefit.delivery_fee,
                changed_at=at,
                **wanted,
            )
        )
    made = Fulfilment.objects.bulk_create(rows, batch_size=200)
    FulfilmentEvent.objects.bulk_create(
        [FulfilmentEvent(fulfilment=f, state=f.state, happened_at=at) for f in made],
        batch_size=200,
    )
    return refused


def read_wishes(benefit: Benefit, wishes: Mapping[str, Any]) -> dict[str, Any]:
    """Check how a gift is wanted; returns the fields of its row. Raises WishRefused.

    Nothing said yet: the member is asked for it later.
    """
    method = str(wishes.get("method") or "")
    allowed = benefit.handover
    if not method:
        return {"state": State.ASKED.value}
    if allowed != Benefit.Handover.EITHER and method != allowed:
        raise WishRefused(_("This gift is not handed over that way."))
    if method == Method.PICK_UP:
        store_id = wishes.get("store_id")
        # Closed ones, too: who has paid for it must not be turned away at the till.
        if not Store.objects.filter(pk=store_id or 0).exists():
            raise WishRefused(_("Choose the store where you want to pick it up."))
        return {"state": State.NEW.value, "method": method, "store_id": store_id}
    if method != Method.DELIVERY:
        raise WishRefused(_("Choose delivery or pick-up."))
    told = {
        "recipient": str(wishes.get("recipient") or "").strip()[:120],
        "address": str(wishes.get("address") or "").strip()[:300],
        "province": str(wishes.get("province") or "").strip()[:60],
    }
    if not told["recipient"] or not told["address"]:
        raise WishRefused(_("Write who receives it and the full address."))
    phone = normalise_phone(str(wishes.get("phone") or ""))
    return {"state": State.NEW.value, "method": method, "phone": phone, **told}


def _take_back(given: GivenBenefit, at: datetime, actor: str) -> None:
    changed = (
        Fulfilment.objects.filter(given=given)
        .exclude(state__in=GONE)
        .update(state=State.CANCELLED, changed_at=at)
    )
    if not changed:
        raise CannotTakeBack(_("The gift is on its way or was handed over."))
    fulfilment = Fulfilment.objects.get(given=given)
    FulfilmentEvent.objects.create(
        fulfilment=fulfilment, state=State.CANCELLED, happened_at=at
    )


GIFT = Kind(Benefit.Kind.GIFT.value, _give, _take_back)
