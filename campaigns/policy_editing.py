"""How the policy is edited: who would decide alone about more is not one who decides so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy

from campaigns.models import Campaign, CampaignPolicy
from campaigns.reaching import ACTING
from core.edits import Editable, register_editable


def takes_two(before: Mapping[str, Any], changes: Mapping[str, Any]) -> bool:
    """Tell whether a second person decides about a change of the policy.

    Once there is a bound, raising it or taking it away does, and whom all campaigns leave
    alone as long as one of them acts. Lowering it is anybody's.
    """
    bound = before["approve_above"]
    if bound is None:
        return False
    wanted = changes.get("approve_above", bound)
    if wanted is None or wanted > bound:
        return True
    acting = Campaign.objects.filter(state__in=ACTING)
    return "holdout_percent" in changes and acting.exists()


def register() -> None:
    """Let a second person decide about the policy of campaigns."""
    register_editable(
        Editable(
            model=CampaignPolicy,
            label=gettext_lazy("Change of the campaign policy"),
            permission="campaigns.change_campaignpolicy",
            decides=("holdout_percent", "approve_above"),
            put=lambda policy, changed: policy.save(update_fields=changed),
            takes_two=takes_two,
        )
    )
