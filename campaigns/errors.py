"""What campaigns refuse."""

from core.errors import Conflict, DomainError, NotFound


class CampaignNotFound(NotFound):
    """No campaign has this code."""

    code = "campaign_not_found"


class NotRunning(DomainError):
    """A campaign acts only while it is running."""

    code = "campaign_not_running"
    status = 409


class TransitionRefused(Conflict):
    """From the state it is in, a campaign cannot get there."""

    code = "campaign_state"


class CampaignNotReady(DomainError):
    """Something that the campaign needs before it starts is missing."""

    code = "campaign_not_ready"


class StepsRefused(DomainError):
    """Steps on the board cannot be done so; ``problems`` names each by its key."""

    code = "steps_refused"


class BoardChanged(Conflict):
    """Somebody else has changed the steps since this person opened them."""

    code = "board_changed"


class CampaignsFailed(DomainError):
    """Some campaigns of a round failed; ``results`` tells what each came to."""

    code = "campaigns_failed"
    status = 500
