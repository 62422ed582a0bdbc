"""The states of a campaign and the ways between them."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils.translation import gettext as _

from campaigns.errors import TransitionRefused
from campaigns.locks import lock_campaign
from campaigns.models import Campaign, Enrolment
from campaigns.readiness import check_ready
from campaigns.steps.messages import SOURCE_TYPE
from messaging.waiting import cancel_waiting, hold_waiting, release_waiting

State = Campaign.State

# From where to where; a campaign by hand may be done again, an automatic one is over.
TRANSITIONS: dict[str, frozenset[str]] = {
    State.DRAFT: frozenset({State.RUNNING}),
    State.RUNNING: frozenset({State.PAUSED, State.DRAINING, State.ENDED}),
    State.PAUSED: frozenset({State.RUNNING, State.ENDED}),
    State.DRAINING: frozenset({State.ENDED}),
    State.ENDED: frozenset(),
}
AGAIN = {Campaign.Mode.ONE_OFF: frozenset({State.RUNNING})}

PAUSED = "campaign_paused"
ENDED = "campaign_ended"


def allowed_states(campaign: Campaign) -> frozenset[str]:
    """Return the states to which staff may take a campaign now."""
    allowed = TRANSITIONS[campaign.state]
    if campaign.state == State.ENDED:
        allowed |= AGAIN.get(Campaign.Mode(campaign.mode), frozenset())
    return allowed


@transaction.atomic
def start_campaign(*, campaign: Campaign, at: datetime, actor: str = "") -> Campaign:
    """Let a campaign act from now on, or raise with what it lacks."""
    check_ready(campaign)
    return _move(campaign, State.RUNNING, at=at, actor=actor, not_from=State.PAUSED)


@transaction.atomic
def pause_campaign(*, campaign: Campaign, at: datetime, actor: str = "") -> Campaign:
    """Stop a campaign for a while; its messages wait until it resumes, or grow too old."""
    moved = _move(campaign, State.PAUSED, at=at, actor=actor)
    hold_waiting(source_type=SOURCE_TYPE, source_id=campaign.pk, reason=PAUSED)
    return moved


@transaction.atomic
def resume_campaign(*, campaign: Campaign, at: datetime, actor: str = "") -> Campaign:
    """Let a paused campaign go on, and its waiting messages out."""
    check_ready(campaign)
    moved = _move(campaign, State.RUNNING, at=at, actor=actor, only_from=State.PAUSED)
    release_waiting(source_type=SOURCE_TYPE, source_id=campaign.pk, reason=PAUSED, at=at)
    return moved


@transaction.atomic
def drain_campaign(*, campaign: Campaign, at: datetime, actor: str = "") -> Campaign:
    """Take nobody in any more; members on their way go on, and with the last it ends."""
    return _move(campaign, State.DRAINING, at=at, actor=actor)


def end_drained(campaign: Campaign, *, at: datetime) -> None:
    """End a campaign that runs out, when nobody rests at a step any more."""
    with transaction.atomic():
        now = lock_campaign(campaign)
        if now.state == State.DRAINING and not resting(now).exists():
            _move(campaign, State.ENDED, at=at, actor="")


def resting(campaign: Campaign) -> QuerySet[Enrolment]:
    """Return the ways on which there are steps to come."""
    return Enrolment.objects.filter(
        campaign=campaign, state=Enrolment.State.ACTIVE, step__isnull=False
    )


@transaction.atomic
def end_campaign(*, campaign: Campaign, at: datetime, actor: str = "") -> Campaign:
    """End a campaign for good: no further step, and what it has not sent is cancelled.

    Purchases of those whom it reached still count as returns.
    """
    moved = _move(campaign, State.ENDED, at=at, actor=actor)
    resting(campaign).update(
        step=None,
        waiting_for="",
        due_at=F("entered_at") + timedelta(days=campaign.goal_days),
    )
    cancel_waiting(source_type=SOURCE_TYPE, source_id=campaign.pk, reason=ENDED)
    return moved


def _move(
    campaign: Campaign,
    state: str,
    *,
    at: datetime,
    actor: str,
    only_from: str = "",
    not_from: str = "",
) -> Campaign:
    now = lock_campaign(campaign)
    is_allowed = state in allowed_states(now) and now.state != not_from
    if not is_allowed or (only_from and now.state != only_from):
        raise TransitionRefused(
            _("“%(name)s” is %(state)s; from there it cannot become %(wanted)s.")
            % {
                "name": now.name,
                "state": now.get_state_display(),
                "wanted": State(state).label,
            },
            state=now.state,
        )
    now.state = state
    now.started_at = now.started_at or (at if state == State.RUNNING else None)
    now.ended_at = at if state == State.ENDED else None
    now._change_reason = actor[:100]  # type: ignore[attr-defined]
    now.save(update_fields=["state", "started_at", "ended_at"])
    campaign.state, campaign.started_at = now.state, now.started_at
    campaign.ended_at = now.ended_at
    return campaign
