"""What staff change of a campaign: at once, or with a second person where it meets many.

A campaign that runs, rests or runs out meets members by itself. So whatever decides who
gets what is asked for like its start; its name and what it is for decide nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.approving import (
    LOOKED_AT,
    LOOKS,
    PERMISSION,
    changed_meanwhile,
    facts_of,
    looked_at,
    waiting_requests,
    what_counts,
)
from campaigns.errors import TransitionRefused
from campaigns.locks import lock_campaign
from campaigns.models import Campaign, CampaignPolicy
from campaigns.reaching import ACTING, num_met
from campaigns.steps.waiting import happening_label
from core.approvals import Act, Difference, named, register_act, request_change
from core.edits import num_members
from core.errors import DomainError
from core.models import ChangeRequest
from members.segments import describe_conditions, validate_conditions
from rewards.models import Benefit

CHANGE = "change_campaign"
DECIDES_NOTHING = ("name", "code", "description", "position")


def change_campaign(*, campaign: Campaign, by: User, at: datetime) -> ChangeRequest | None:
    """Write what was changed of a campaign; return the request where that has to wait.

    ``campaign`` carries the values that are wanted and, afterwards, those that stand. Its
    state and its steps are nobody's to change here. Whom it meets is counted before it is
    locked, and again where it is another by then. Raises NotAllowed, and Conflict where it
    is another each time.
    """
    for _look in range(LOOKS):
        found = Campaign.objects.get(pk=campaign.pk)
        looked_at_first, changes = what_counts(found), _changes(found, campaign)
        reach = _reach(found, campaign, at=at) if changes else None
        with transaction.atomic():
            now = lock_campaign(campaign)
            if what_counts(now) == looked_at_first:
                return _change(now, campaign, changes, reach, by=by, at=at)
    raise changed_meanwhile()


def _changes(found: Campaign, wanted: Campaign) -> dict[str, Any]:
    before, after = looked_at(found), looked_at(wanted)
    return {name: after[name] for name in LOOKED_AT if after[name] != before[name]}


def _reach(found: Campaign, wanted: Campaign, *, at: datetime) -> tuple[int, int] | None:
    """Count whom it meets, before and after, where a second person may have to look."""
    if CampaignPolicy.current().approve_above is None or found.state not in ACTING:
        return None
    before, after = (num_met(_in_state(one, found.state), at) for one in (found, wanted))
    return before, after


def _change(
    now: Campaign,
    campaign: Campaign,
    changes: Mapping[str, Any],
    reach: tuple[int, int] | None,
    *,
    by: User,
    at: datetime,
) -> ChangeRequest | None:
    bound = CampaignPolicy.current().approve_above
    asked = None
    if reach and bound is not None and reach[1] > bound:
        asked = _ask(now, changes, reach, by=by, at=at)
    names = DECIDES_NOTHING if asked else (*DECIDES_NOTHING, *changes)
    for name in names:
        setattr(now, name, getattr(campaign, name))
    now._history_user = by  # type: ignore[attr-defined]
    now.save(update_fields=names)
    campaign.refresh_from_db()
    return asked


def _in_state(campaign: Campaign, state: str) -> Campaign:
    """Return it in the state that counts: its form may have been opened in another."""
    found = copy(campaign)
    found.state = state
    return found


def _ask(
    now: Campaign,
    changes: Mapping[str, Any],
    reach: tuple[int, int],
    *,
    by: User,
    at: datetime,
) -> ChangeRequest:
    """Lay the changes before a second person; an open request for them is answered."""
    before = facts_of(now)
    for earlier in waiting_requests(now, CHANGE):
        if earlier.payload["before"] == before and earlier.payload["after"] == changes:
            return earlier
    summary = _("Change “%(name)s”, which is %(state)s: %(fields)s. %(before)s → %(after)s")
    told = {
        "name": now.name,
        "state": now.get_state_display(),
        "fields": ", ".join(_label(name) for name in changes),
        "before": num_members(reach[0]),
        "after": num_members(reach[1]),
    }
    payload = {
        "campaign": now.pk,
        "before": before,
        "after": changes,
        "reach": list(reach),
    }
    return request_change(
        kind=CHANGE, payload=payload, summary=summary % told, by=by, at=at
    )


# --- once it is approved ------------------------------------------------------------------


def _perform(payload: Mapping[str, Any], request: ChangeRequest, at: datetime) -> None:
    """Write exactly what was looked at, unless the campaign is another by now."""
    now = lock_campaign(Campaign(pk=payload["campaign"]))
    if now.state not in ACTING or facts_of(now) != payload["before"]:
        raise TransitionRefused(
            _("“%(name)s” was changed after it was asked for. Ask for it anew.")
            % {"name": now.name}
        )
    _set(now, payload["after"])
    _check(now)
    maker, checker = request.requested_by, request.decided_by
    assert checker is not None, "an approved request has a checker"
    now._history_user = checker  # type: ignore[attr-defined]
    now._change_reason = f"{maker.get_username()} + {checker.get_username()}"[:100]  # type: ignore[attr-defined]
    now.save(update_fields=list(payload["after"]))


def _check(campaign: Campaign) -> None:
    """Look whether what it points at is still there."""
    validate_conditions(campaign.conditions, campaign.parameters)
    try:
        campaign.clean_fields()
    except ValidationError as error:
        raise TransitionRefused(
            _("What “%(name)s” would give is no longer there. Ask for it anew.")
            % {"name": campaign.name}
        ) from error


def _set(campaign: Campaign, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        setattr(campaign, name, Campaign._meta.get_field(name).to_python(value))  # type: ignore[union-attr]


# --- in words -----------------------------------------------------------------------------


def _explain(payload: Mapping[str, Any]) -> Sequence[Difference]:
    """Say what changes from what to what, and how many members that meets."""
    before, after = Campaign(), Campaign()
    known = {name: payload["before"][name] for name in LOOKED_AT}
    _set(before, known)
    _set(after, {**known, **payload["after"]})
    reach = [num_members(count) for count in payload["reach"]]
    return [
        Difference(_("Reaches"), *reach),
        *(
            Difference(_label(name), _word(before, name), _word(after, name))
            for name in LOOKED_AT
            if name in payload["after"]
        ),
    ]


def _label(name: str) -> str:
    return str(Campaign._meta.get_field(name).verbose_name)  # type: ignore[union-attr]


def _word(campaign: Campaign, name: str) -> str:
    value = getattr(campaign, name)
    if name == "conditions":
        return _who(campaign)
    if name == "goal_benefit_id":
        return str(Benefit.objects.filter(pk=value or 0).first() or _("nothing"))
    if name in ("event", "goal_event"):
        return happening_label(value) or "–"
    if name == "at_time":
        return f"{value:%H:%M}"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if Campaign._meta.get_field(name).choices:  # type: ignore[union-attr]
        return str(getattr(campaign, f"get_{name}_display")())
    return str(value)


def _who(campaign: Campaign) -> str:
    try:
        what = describe_conditions(campaign.conditions, campaign.parameters)
    except DomainError as error:
        return str(error)
    return _("Members who %(what)s.") % {"what": what}


def register_change() -> None:
    """Let a second person decide about changes of a campaign that acts."""
    label = gettext_lazy("Change of a campaign")
    about = named(Campaign, "campaign")
    register_act(Act(CHANGE, label, PERMISSION, _perform, _explain, about))
