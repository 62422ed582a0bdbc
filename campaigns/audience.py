"""Whom a campaign speaks of at a moment, as QuerySets; and how to walk through them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import (
    Count,
    Exists,
    F,
    FilteredRelation,
    OuterRef,
    Q,
    QuerySet,
    Value,
)
from django.db.models.functions import Coalesce

from campaigns.models import Campaign, Enrolment, Step
from core.batch import chunks
from members.models import Member, MemberTag
from members.segments import members_matching
from messaging.cascade import current_ways
from messaging.models import MessageTemplate
from messaging.reach import with_channel

LONG_AGO = datetime(1, 1, 2, tzinfo=UTC)


def audience(campaign: Campaign, *, at: datetime, few: bool = False) -> QuerySet[Member]:
    """Return the active members who meet the campaign's conditions.

    ``few`` as with ``members_matching``: for those whom the caller names.
    """
    matching = members_matching(
        campaign.conditions, at=at, parameters=campaign.parameters, few=few
    )
    return matching.filter(state=Member.State.ACTIVE)


def untagged(matching: QuerySet[Member], step: Step) -> QuerySet[Member]:
    """Return those of the audience who lack the step's tag."""
    worn = MemberTag.objects.filter(tag=step.tag_id, member=OuterRef("pk"))
    return matching.filter(~Exists(worn))


def tags_to_take_off(
    campaign: Campaign, matching: QuerySet[Member], step: Step
) -> QuerySet[MemberTag]:
    """Return the tags that this campaign put on members who no longer match."""
    put_on = MemberTag.objects.filter(tag=step.tag_id, source=campaign.tag_source)
    return put_on.filter(~Exists(matching.filter(pk=OuterRef("member_id"))))


def count_tag_changes(
    campaign: Campaign, matching: QuerySet[Member], step: Step
) -> tuple[int, int]:
    """Return how many lack the step's tag, and how many wear it in vain.

    The audience is looked at once: who matches and wears the tag is taken away from who
    matches, and from who wears it. Mostly both come to nothing.
    """
    ours = Q(worn__source=campaign.tag_source)
    found = matching.annotate(
        worn=FilteredRelation("tags", condition=Q(tags__tag=step.tag_id))
    ).aggregate(
        all=Count("pk"), wearing=Count("worn"), wearing_ours=Count("worn", filter=ours)
    )
    put_on = MemberTag.objects.filter(tag=step.tag_id, source=campaign.tag_source).count()
    # An order may have arrived between the two statements.
    return found["all"] - found["wearing"], max(0, put_on - found["wearing_ours"])


def not_yet_enrolled(
    campaign: Campaign, matching: QuerySet[Member], *, episode: str, at: datetime
) -> QuerySet[Member]:
    """Return those of the audience whom this episode has not taken in yet.

    A lapse begins with the last purchase: whoever was taken in since then is in the same
    lapse still, also when an older order became known only later.
    """
    taken = Enrolment.objects.filter(campaign=campaign, member=OuterRef("pk"))
    if campaign.rest_days:
        rested = at - timedelta(days=campaign.rest_days)
        matching = matching.filter(~Exists(taken.filter(entered_at__gt=rested)))
    if campaign.episode == Campaign.Episode.LAPSE:
        since = Coalesce(OuterRef("purchases__last_order_at"), Value(LONG_AGO))
        taken = taken.filter(entered_at__gt=since)
    elif campaign.episode == Campaign.Episode.ENTRY:
        # Whom the conditions have met ever since has not begun to match.
        taken = taken.filter(Q(episode=episode) | Q(ceased_at__isnull=True))
    else:
        taken = taken.filter(episode=episode)
    return matching.filter(~Exists(taken))


def no_longer_matching(
    enrolments: QuerySet[Enrolment], matching: QuerySet[Member]
) -> QuerySet[Enrolment]:
    """Return those whose member the conditions do not meet any more."""
    return enrolments.filter(~Exists(matching.filter(pk=OuterRef("member_id"))))


def reached(members: QuerySet[Member], step: Step | None) -> QuerySet[Member]:
    """Annotate the channel that a step's message would take.

    While no Official Account is connected, messages by Zalo are planned all the same: they
    wait for it. A brand that does without Zalo switches its channels off.
    """
    if step is None or step.template is None:
        return with_channel(members, purpose=MessageTemplate.Purpose.MARKETING)
    return with_channel(
        members,
        purpose=step.template.purpose,
        template=step.template,
        ways=replace(current_ways(), has_account=True),
    )


def channels_of(members: QuerySet[Member], step: Step) -> dict[int, str | None]:
    """Return by member the channel that a step's message would take; None: no channel."""
    found: QuerySet[Any] = reached(members, step)
    return dict(found.values_list("pk", "channel"))


def count_by_channel(members: QuerySet[Any]) -> dict[str | None, int]:
    """Count members by the channel they were annotated with; None: no channel."""
    counted = members.order_by().values("channel").annotate(number=Count("pk"))
    return {row["channel"]: row["number"] for row in counted}


def stream(rows: QuerySet[Any, Any], size: int) -> Iterator[list[Any]]:
    """Read a long answer in pieces, while other statements write in between.

    PostgreSQL keeps the answer on its side. An open cursor of SQLite would keep every
    other process from writing, so there the answer is read at once.
    """
    if connection.vendor == "postgresql":
        return chunks(rows.iterator(chunk_size=size), size)
    return chunks(list(rows), size)


def with_episode(members: QuerySet[Member]) -> QuerySet[Any]:
    """Annotate what the episode of an enrolment is made of."""
    return members.annotate(last_order_on=F("purchases__last_order_on"))
