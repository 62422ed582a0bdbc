"""The verbs of campaigns.

Each verb has a page of its own: ``runs`` (one pass), ``enrolling`` (who enters),
``advancing`` (who goes on), ``steps`` (what is done with them), ``noticing`` and
``happenings`` (a purchase or something else arrives), ``board`` (edit and publish the
steps), ``states`` (start, pause, drain, end) and ``preview`` (look before you send).
"""

from django.utils.translation import gettext as _

from campaigns.board import (
    board_stamp,
    discard_board,
    edited_version,
    has_draft,
    is_closed,
    publish_board,
    read_board,
    read_kept,
    save_board,
)
from campaigns.errors import (
    BoardChanged,
    CampaignNotFound,
    CampaignNotReady,
    CampaignsFailed,
    NotRunning,
    StepsRefused,
    TransitionRefused,
)
from campaigns.merging import move_enrolments, move_enrolments_back
from campaigns.models import Campaign
from campaigns.noticing import notice_orders
from campaigns.preview import (
    Preview,
    PreviewedMember,
    export_audience,
    preview_campaign,
)
from campaigns.readiness import check_ready
from campaigns.runs import (
    advance_campaigns,
    log_export,
    run_campaign,
    run_campaigns,
)
from campaigns.states import (
    allowed_states,
    drain_campaign,
    end_campaign,
    pause_campaign,
    resume_campaign,
    start_campaign,
)

__all__ = [
    "BoardChanged",
    "CampaignNotFound",
    "CampaignNotReady",
    "CampaignsFailed",
    "NotRunning",
    "Preview",
    "PreviewedMember",
    "StepsRefused",
    "TransitionRefused",
    "advance_campaigns",
    "allowed_states",
    "board_stamp",
    "check_ready",
    "discard_board",
    "drain_campaign",
    "edited_version",
    "end_campaign",
    "export_audience",
    "find_campaign",
    "has_draft",
    "is_closed",
    "log_export",
    "move_enrolments",
    "move_enrolments_back",
    "notice_orders",
    "pause_campaign",
    "preview_campaign",
    "publish_board",
    "read_board",
    "read_kept",
    "resume_campaign",
    "run_campaign",
    "run_campaigns",
    "save_board",
    "start_campaign",
]


def find_campaign(*, code: str) -> Campaign:
    """Return the campaign with this code, or raise with the codes there are."""
    campaign = Campaign.objects.filter(code=code).first()
    if campaign is None:
        codes = ", ".join(Campaign.objects.values_list("code", flat=True)[:20])
        raise CampaignNotFound(
            _("There is no campaign “%(code)s”. Choose one of: %(codes)s.")
            % {"code": code[:60], "codes": codes or "–"}
        )
    return campaign
