"""The tag step: who matches wears the tag, who no longer does loses it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.core.exceptions import EmptyResultSet
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from campaigns.audience import (
    audience,
    count_tag_changes,
    stream,
    tags_to_take_off,
    untagged,
)
from campaigns.counts import Counts
from campaigns.locks import lock_running
from campaigns.models import Campaign, Step
from core.batch import Column, execute, rows_source, sql_value
from members.models import Member, MemberTag

# One statement a chunk; a lock lasts for a fraction of a second.
TAG_CHUNK = 10_000
UNTAG_CHUNK = 1_000

TABLE = MemberTag._meta.db_table


def tag_audience(
    campaign: Campaign, step: Step, *, at: datetime, counts: Counts, dry_run: bool
) -> None:
    """Tag those who match and lack the tag; take this campaign's own off the others."""
    matching = audience(campaign, at=at)
    num_tagged, num_untagged = count_tag_changes(campaign, matching, step)
    if not dry_run:
        # Off before on: an order that arrives in between is noticed by the second.
        if num_untagged:
            leaving = tags_to_take_off(campaign, matching, step)
            num_untagged = _take_off(campaign, leaving, at=at)
        if num_tagged:
            entering = untagged(matching, step)
            num_tagged = _put_on(campaign, step, entering, at=at)
    counts.untagged += num_untagged
    counts.left += num_untagged
    counts.tagged += num_tagged
    counts.entered += num_tagged


def _put_on(
    campaign: Campaign, step: Step, entering: QuerySet[Member], *, at: datetime
) -> int:
    num_tagged = 0
    for member_ids in stream(entering.values_list("pk", flat=True), TAG_CHUNK):
        with transaction.atomic():
            lock_running(campaign)
            num_tagged += insert_tags(campaign, step, sorted(member_ids), at=at)
    return num_tagged


def insert_tags(
    campaign: Campaign, step: Step, member_ids: Sequence[int], *, at: datetime
) -> int:
    """Put the step's tag on those of these members who lack it; return how many."""
    source, parameters = rows_source(
        [Column("member_id", "bigint")], [(pk,) for pk in member_ids]
    )
    return execute(
        f"INSERT INTO {TABLE} (member_id, tag_id, tagged_at, source) "
        f"SELECT r.member_id, %s, %s, %s FROM {source} WHERE true "
        "ON CONFLICT (tag_id, member_id) DO NOTHING",
        [step.tag_id, sql_value(at), campaign.tag_source, *parameters],
    )


def _take_off(campaign: Campaign, leaving: QuerySet[MemberTag], *, at: datetime) -> int:
    num_untagged = 0
    matching = audience(campaign, at=at, few=True)
    for tag_ids in stream(leaving.values_list("pk", flat=True), UNTAG_CHUNK):
        with transaction.atomic():
            lock_running(campaign)
            num_untagged += _delete_tags(tag_ids, matching)
    return num_untagged


def _delete_tags(tag_ids: Sequence[int], matching: QuerySet[Member]) -> int:
    """Delete these tags, except where an order arrived since they were chosen.

    An order locks its member's tag until it is committed (see notice_orders): such rows
    are left alone. The others are locked by us, and looked at once more.
    """
    chosen = MemberTag.objects.filter(pk__in=tag_ids).order_by("pk")
    free = list(
        chosen.select_for_update(of=("self",), skip_locked=True).values_list(
            "pk", flat=True
        )
    )
    still = MemberTag.objects.filter(pk__in=free).filter(
        ~Exists(matching.filter(pk=OuterRef("member_id")))
    )
    return still.delete()[0]


def tag_at_once(
    campaign: Campaign, step: Step, member_ids: Sequence[int], *, at: datetime
) -> None:
    """Put the tag on those of these members who match now, and lock it where it is."""
    asked = audience(campaign, at=at, few=True).filter(pk__in=member_ids)
    matching = asked.order_by("pk")
    try:
        sql, parameters = matching.values("id").query.sql_with_params()
    except EmptyResultSet:
        return
    execute(
        f"INSERT INTO {TABLE} (member_id, tag_id, tagged_at, source) "
        f"SELECT m.id, %s, %s, %s FROM ({sql}) AS m WHERE true "
        # Nothing changes, but the row is ours until commit: a run that wants to take the
        # tag off at this moment passes over it.
        "ON CONFLICT (tag_id, member_id) DO UPDATE SET tagged_at = "
        f"{TABLE}.tagged_at",
        [step.tag_id, sql_value(at), campaign.tag_source, *parameters],
    )
