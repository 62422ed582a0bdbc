"""The campaign row as a lock: a pause, once answered, is a pause."""

from __future__ import annotations

from django.utils.translation import gettext as _

from campaigns.errors import NotRunning
from campaigns.models import Campaign


def lock_campaign(campaign: Campaign) -> Campaign:
    """Lock the row until the transaction ends and return it as it is now."""
    # No key: enrolments that point at the campaign may go on being written.
    rows = Campaign.objects.select_for_update(no_key=True)
    return rows.get(pk=campaign.pk)


def lock_running(campaign: Campaign) -> None:
    """Lock the row for one chunk of a run, or raise when someone stopped the campaign."""
    check_running(lock_campaign(campaign))


def lock_going_on(campaign: Campaign) -> None:
    """Lock the row while members on their way go on, or raise when that was stopped."""
    now = lock_campaign(campaign)
    if not now.is_going_on:
        check_running(now)


def check_running(campaign: Campaign) -> None:
    if not campaign.is_running:
        raise NotRunning(
            _("“%(name)s” is not running (it is: %(state)s). Start it first.")
            % {"name": campaign.name, "state": campaign.get_state_display()},
            state=campaign.state,
        )
