"""Asked just before a message leaves: does the reason for it still hold?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from datetime import datetime

from campaigns.audience import audience
from campaigns.models import Campaign, Enrolment
from messaging.models import Message

RETURNED = "returned"
NO_LONGER_MATCHES = "no_longer_matches"
# The enrolment's state decides; those who did every step may still get its message.
OVER = (Enrolment.State.RETURNED, Enrolment.State.LEFT)


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
    over = Enrolment.objects.filter(
        campaign=campaign, member__in=member_ids, state__in=OVER
    )
    ended = {
        (member_id, episode): state
        for member_id, episode, state in over.values_list("member_id", "episode", "state")
    }
    matching = _matching(campaign, member_ids, at)
    reasons: dict[int, str] = {}
    for message in messages:
        episode = str(message.context.get("episode", ""))
        state = ended.get((message.member_id or 0, episode))
        if state == Enrolment.State.RETURNED:
            reasons[message.pk] = RETURNED
        elif state is not None or message.member_id not in matching:
            reasons[message.pk] = NO_LONGER_MATCHES
    return reasons


def _matching(campaign: Campaign, member_ids: Set[int], at: datetime) -> Set[int]:
    """Return who still meets the conditions; everybody where that is not asked for."""
    if not campaign.leaves or campaign.starts_by_event:
        return member_ids
    matching = audience(campaign, at=at, few=True).filter(pk__in=member_ids)
    return set(matching.values_list("pk", flat=True))
