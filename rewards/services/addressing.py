"""How a gift is wanted: said by its member until it is packed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from core.retry import retry_on_conflict
from rewards.errors import StepRefused, WishRefused
from rewards.kinds.gifts import read_wishes
from rewards.models import Fulfilment, FulfilmentEvent

State = Fulfilment.State
# Until it is packed the label can still be written anew.
UNPACKED = (State.ASKED, State.NEW)
NOTHING_SAID = {
    "recipient": "",
    "phone": "",
    "address": "",
    "province": "",
    "store_id": None,
}


@retry_on_conflict
@transaction.atomic
def choose_handover(
    *, fulfilment: Fulfilment, wishes: Mapping[str, Any], at: datetime
) -> Fulfilment:
    """Note where a gift goes, for the first time or otherwise than before.

    Raises WishRefused and InvalidPhone when something is missing, StepRefused once it is
    packed; then nothing changes.
    """
    rows = Fulfilment.objects.select_related("given__benefit")
    before = rows.select_for_update(of=("self",)).get(pk=fulfilment.pk)
    wanted = read_wishes(before.given.benefit, wishes)
    if wanted["state"] == State.ASKED:
        raise WishRefused(_("Choose delivery or pick-up."))
    said = {**NOTHING_SAID, **wanted, "changed_at": at}
    if not Fulfilment.objects.filter(pk=before.pk, state__in=UNPACKED).update(**said):
        raise StepRefused(
            _("The gift is packed already, so this can no longer be changed here.")
        )
    if before.state == State.ASKED:
        FulfilmentEvent.objects.create(fulfilment=before, state=State.NEW, happened_at=at)
    return Fulfilment.objects.get(pk=before.pk)
