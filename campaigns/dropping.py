"""Tags that a campaign keeps no longer: they leave, as they do when conditions cease.

A tag is kept by the version in force of a campaign that is not over. What an earlier
version kept, and what a campaign kept that has ended, would stay on members for ever: the
next pass takes it off. Where another campaign keeps the same tag on the same member, that
campaign has it from then on. What people, files and other steps put on stays.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet

from campaigns.audience import audience, stream, tags_to_take_off
from campaigns.locks import lock_campaign
from campaigns.models import Campaign, Step
from core.errors import DomainError
from members.models import Member, MemberTag

logger = logging.getLogger(__name__)

State = Campaign.State
CHUNK = 1_000
# Who else keeps a tag, as its source, and whom they mean.
Wanted = Sequence[tuple[str, QuerySet[Member]]]
# Whose tags stay: a paused campaign may go on, and stands still until then.
KEEPING = (State.RUNNING, State.PAUSED)


def drop_tags(campaign: Campaign, *, at: datetime, dry_run: bool = False) -> int:
    """Take off what a campaign keeps no longer; return how many tags. Safe to repeat."""
    return sum(
        _drop(campaign, tag_id, at=at, dry_run=dry_run) for tag_id in dropped_tags(campaign)
    )


def drop_what_is_over(*, at: datetime) -> dict[str, int]:
    """Take the tags of campaigns that run out or have ended off; return how many of each.

    While one runs out, its tags leave whom the conditions do not meet any more. One that
    fails keeps no other from it, and is tried again by the next pass.
    """
    over = Campaign.objects.filter(
        state__in=(State.DRAINING, State.ENDED), steps__kind=Step.Kind.TAG
    )
    dropped: dict[str, int] = {}
    for campaign in over.distinct().order_by("position", "code"):
        try:
            num_tags = drop_tags(campaign, at=at) + _drop_leavers(campaign, at=at)
        except Exception:
            logger.exception("The tags of campaign %s stay on", campaign.code)
            continue
        if num_tags:
            dropped[campaign.code] = num_tags
    return dropped


def dropped_tags(campaign: Campaign) -> list[int]:
    """Return which tags a campaign kept once, and keeps no longer, by id."""
    if campaign.state in (State.DRAFT, State.PAUSED):
        return []
    steps = campaign.steps.filter(version__lte=campaign.version)
    kept_once = _tags(steps.filter(kind=Step.Kind.TAG))
    # A step that puts the same tag on means it to stay.
    stay = _tags(steps.filter(kind=Step.Kind.ADD_TAG))
    if campaign.state != State.ENDED:
        stay |= _tags(steps.filter(kind=Step.Kind.TAG, version=campaign.version))
    return sorted(kept_once - stay)


def worn_tags(campaign: Campaign) -> QuerySet[MemberTag]:
    """Return the tags on members that leave when a campaign ends."""
    kept = campaign.steps.filter(kind=Step.Kind.TAG, version=campaign.version)
    return MemberTag.objects.filter(tag__in=kept.values("tag"), source=campaign.tag_source)


def _tags(steps: QuerySet[Step]) -> set[int]:
    return {tag_id for tag_id in steps.values_list("tag_id", flat=True) if tag_id}


def _drop(campaign: Campaign, tag_id: int, *, at: datetime, dry_run: bool) -> int:
    worn = MemberTag.objects.filter(tag=tag_id, source=campaign.tag_source)
    keepers = _keepers(campaign, tag_id)
    try:
        wanted = [
            (one.tag_source, audience(one, at=at, few=not dry_run)) for one in keepers
        ]
    except DomainError:
        # Nobody can say whom the other campaign means: its tags stay until someone can.
        logger.exception("Tag %s of campaign %s stays on", tag_id, campaign.code)
        return 0
    if dry_run:
        for _source, matching in wanted:
            worn = worn.exclude(_is_among(matching))
        return worn.count()
    return _in_chunks(campaign, worn, wanted)


def _keepers(campaign: Campaign, tag_id: int) -> QuerySet[Campaign]:
    """Return the other campaigns that keep the same tag."""
    others = Campaign.objects.filter(
        mode=Campaign.Mode.CONTINUOUS,
        state__in=KEEPING,
        steps__kind=Step.Kind.TAG,
        steps__tag=tag_id,
        steps__version=F("version"),
    )
    return others.exclude(pk=campaign.pk).order_by("position", "code")


def _is_among(matching: QuerySet[Member]) -> Exists:
    return Exists(matching.filter(pk=OuterRef("member_id")))


def _in_chunks(campaign: Campaign, worn: QuerySet[MemberTag], wanted: Wanted) -> int:
    num_dropped = 0
    for tag_ids in stream(worn.values_list("pk", flat=True), CHUNK):
        with transaction.atomic():
            now = lock_campaign(campaign)
            if (now.state, now.version) != (campaign.state, campaign.version):
                # Somebody did something with it: the next pass sees what holds now.
                return num_dropped
            num_dropped += _drop_chunk(campaign, tag_ids, wanted)
    return num_dropped


def _drop_chunk(campaign: Campaign, tag_ids: Sequence[int], wanted: Wanted) -> int:
    """Delete what nobody wants and hand the rest on; what an order holds is left alone."""
    chosen = MemberTag.objects.filter(pk__in=tag_ids, source=campaign.tag_source)
    free = chosen.order_by("pk").select_for_update(of=("self",), skip_locked=True)
    rows = MemberTag.objects.filter(pk__in=list(free.values_list("pk", flat=True)))
    unwanted = rows
    for _source, matching in wanted:
        unwanted = unwanted.exclude(_is_among(matching))
    num_dropped = unwanted.delete()[0]
    for source, matching in wanted:
        ours = rows.filter(source=campaign.tag_source)
        ours.filter(_is_among(matching)).update(source=source)
    return num_dropped


def _drop_leavers(campaign: Campaign, *, at: datetime) -> int:
    """Take its tags off whom a campaign that runs out does not mean any more."""
    if campaign.state != State.DRAINING:
        return 0
    steps = campaign.steps.filter(kind=Step.Kind.TAG, version=campaign.version)
    matching = audience(campaign, at=at)
    own = [(campaign.tag_source, audience(campaign, at=at, few=True))]
    return sum(
        _in_chunks(campaign, tags_to_take_off(campaign, matching, step), own)
        for step in steps
    )
