"""Forgetting: whose data is erased leaves no address behind, and everything else stands."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db import transaction

from core.batch import chunks
from rewards.models import Fulfilment, FulfilmentEvent, Redemption

State = Fulfilment.State
# A parcel that is packed has an address on it: here stands that it was erased.
ERASED = "—"
SAID = ("recipient", "phone", "address", "province")


@transaction.atomic
def forget_handovers(member_ids: Collection[int], *, at: datetime) -> int:
    """Erase names, phones and addresses of these members' gifts; returns how many gifts.

    That and when something was handed over stays. A gift that is not packed yet waits for
    an address again. Safe to repeat.
    """
    erased = 0
    for some in chunks(sorted(member_ids)):
        gifts = Fulfilment.objects.filter(member__in=some)
        to_be_sent = gifts.filter(state=State.NEW, method=Fulfilment.Method.DELIVERY)
        to_be_sent.update(state=State.ASKED, method="", changed_at=at)
        on_the_way = gifts.filter(
            state__in=(State.PACKED, State.SHIPPED, State.READY),
            method=Fulfilment.Method.DELIVERY,
        )
        erased += on_the_way.update(**dict.fromkeys(SAID, ERASED), note="")
        rest = gifts.exclude(pk__in=on_the_way.values("pk"))
        erased += rest.update(**dict.fromkeys(SAID, ""), note="")
        FulfilmentEvent.objects.filter(fulfilment__member__in=some).update(note="")
        Redemption.objects.filter(member__in=some).exclude(wishes={}).update(wishes={})
    return erased
