"""Asked just before a message leaves: does the reason for it still hold?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from campaigns.audience import audience
from campaigns.models import Campaign, Enrolment
from messaging.models import Message

RETURNED = "returned"
NO_LONGER_MATCHES = "no_longer_matches"


def still_eligible(messages: Sequence[Message], at: datetime) -> Mapping[int, str]:
    """Return message id → why it must not go. Two or three queries for each campaign."""
    by_campaign: dict[int, list[Message]] = defaultdict(list)
    for message in messages:
        if message.source_id is not None:
            by_campaign[message.source_id].append(message)
    reasons: dict[int, str] = {}
    for campaign in Campaign.objects.filter(pk__in=by_campaign):
        reasons |= _of_campaign(campaign, by_campaign[campaign.pk], at)
    return reasons


def _of_campaign(
    campaign: Campaign, messages: Sequence[Message], at: datetime
) -> dict[int, str]:
    member_ids = {message.member_id for message in messages if message.member_id}
    matching = set(
        audience(campaign, at=at).filter(pk__in=member_ids).values_list("pk", flat=True)
    )
    returned = set(
        Enrolment.objects.filter(
            campaign=campaign, member__in=member_ids, state=Enrolment.State.RETURNED
        ).values_list("member_id", "episode")
    )
    reasons: dict[int, str] = {}
    for message in messages:
        if (message.member_id, message.context.get("episode")) in returned:
            reasons[message.pk] = RETURNED
        elif message.member_id not in matching:
            reasons[message.pk] = NO_LONGER_MATCHES
    return reasons
