"""What staff can do with a campaign: which acts are open now, and what each will cause."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from campaigns.admin.launch import launch_lines
from campaigns.dropping import worn_tags
from campaigns.models import Campaign, CampaignPolicy, Step
from campaigns.preview import has_holdout, num_found
from campaigns.services import Preview, allowed_states, preview_campaign
from campaigns.states import resting
from core.admin_tools import number
from messaging.models import Channel

Text = str | Promise
State = Campaign.State
RUN = "campaigns.run_campaign"
EXPORT = "campaigns.export_audience"


@dataclass(frozen=True, slots=True)
class Act:
    """One button of a campaign's page."""

    code: str
    label: Text
    icon: str
    permission: str = RUN
    is_primary: bool = False
    is_dangerous: bool = False
    address: str = ""


PREVIEW = Act("preview", gettext_lazy("Preview"), "visibility", "campaigns.view_campaign")
START = Act("start", gettext_lazy("Start"), "play_arrow", is_primary=True)
SEND = Act("send", gettext_lazy("Send"), "send", is_primary=True)
RESUME = Act("resume", gettext_lazy("Resume"), "play_arrow", is_primary=True)
RUN_NOW = Act("run", gettext_lazy("Run now"), "bolt")
SIMULATION = Act(
    "simulation",
    gettext_lazy("Simulate the way"),
    "fast_forward",
    "campaigns.view_campaign",
)
DRY_RUN = Act("dry-run", gettext_lazy("Dry run"), "science")
PAUSE = Act("pause", gettext_lazy("Pause"), "pause")
DRAIN = Act("drain", gettext_lazy("Let it run out"), "hourglass_bottom")
END = Act("end", gettext_lazy("End"), "stop", is_dangerous=True)
EXPORT_LIST = Act("export", gettext_lazy("Export the list"), "download", EXPORT)
ACTS = {
    act.code: act
    for act in (
        PREVIEW,
        SIMULATION,
        START,
        SEND,
        RESUME,
        RUN_NOW,
        DRY_RUN,
        PAUSE,
        DRAIN,
        END,
        EXPORT_LIST,
    )
}


def open_acts(campaign: Campaign) -> list[Act]:
    """Return what can be done with a campaign in the state that it is in."""
    allowed = allowed_states(campaign)
    acts = []
    if campaign.state == State.PAUSED:
        acts.append(RESUME)
    elif campaign.is_one_off and (campaign.is_running or State.RUNNING in allowed):
        acts.append(SEND)
    elif State.RUNNING in allowed:
        acts.append(START)
    acts += [PREVIEW, SIMULATION]
    if campaign.is_running and not campaign.is_one_off:
        acts.append(RUN_NOW)
    acts.append(DRY_RUN)
    if campaign.is_one_off:
        acts.append(EXPORT_LIST)
    if State.PAUSED in allowed:
        acts.append(PAUSE)
    if State.DRAINING in allowed:
        acts.append(DRAIN)
    if State.ENDED in allowed:
        acts.append(END)
    return acts


def available_acts(campaign: Campaign, user: Any) -> list[Act]:
    """Return the open acts that this person may do, with their addresses."""
    return [
        Act(
            act.code,
            act.label,
            act.icon,
            act.permission,
            act.is_primary,
            act.is_dangerous,
            act_address(campaign, act.code),
        )
        for act in open_acts(campaign)
        if user.has_perm(act.permission)
    ]


def act_address(campaign: Campaign, code: str) -> str:
    if code in (PREVIEW.code, SIMULATION.code):
        return reverse(f"admin:campaigns_campaign_{code}", args=[campaign.pk])
    return reverse("admin:campaigns_campaign_act", args=[campaign.pk, code])


# --- what a person reads before the click -----------------------------------------------


@dataclass(frozen=True, slots=True)
class Question:
    """A confirm page: the question, the number it is about, what will happen."""

    question: str
    consequences: list[str]
    figure: str = ""


def ask(campaign: Campaign, act: Act, *, at: datetime) -> Question:
    """Say what an act will cause, with the number of members and the channels."""
    name = {"name": campaign.name}
    if act in (START, SEND, RESUME, RUN_NOW):
        preview = preview_campaign(campaign=campaign, at=at)
        return _ask_to_begin(campaign, act, preview, at=at)
    if act is DRY_RUN:
        return Question(
            _("Count what “%(name)s” would do now?") % name,
            [
                _("Nobody gets anything; only a line in the run log is written."),
                _("It works in the background; you can leave the page."),
            ],
        )
    if act is PAUSE:
        return Question(
            _("Pause “%(name)s”?") % name,
            [
                _("It takes nobody in until it is resumed."),
                _("Messages that have not gone out yet wait; too old ones are dropped."),
            ],
        )
    if act is DRAIN:
        return Question(
            _("Take nobody into “%(name)s” any more?") % name,
            [
                _("Members on their way go on to the last step."),
                _("When nobody is on the way, the campaign ends by itself."),
                *_tags_leave(campaign),
            ],
            people(resting(campaign).count()),
        )
    if act is EXPORT_LIST:
        return Question(
            _("Export the list of “%(name)s”?") % name,
            [
                _("The file holds names and phone numbers: keep it as you keep those."),
                _("The export is written into the run log with your name."),
                _("A running campaign by hand ends with it."),
            ],
            people(num_found(campaign, at=at)),
        )
    return Question(
        _("End “%(name)s” for good?") % name,
        [
            _("An automatic campaign cannot be started again; make a new one instead."),
            _("Members on their way stop where they are."),
            _("Messages that have not gone out yet are cancelled."),
            _("Purchases of those whom it reached still count as returns."),
            *_tags_leave(campaign),
        ],
    )


def _tags_leave(campaign: Campaign) -> list[str]:
    """Say on how many members the tags are that a campaign keeps while it is not over."""
    worn = worn_tags(campaign).order_by().values("tag__name").annotate(count=Count("pk"))
    return [
        ngettext(
            "%(count)s member wears the tag “%(tag)s” by it. With its end the tag leaves "
            "them, tonight at the latest, unless another campaign keeps it on.",
            "%(count)s members wear the tag “%(tag)s” by it. With its end the tag leaves "
            "them, tonight at the latest, unless another campaign keeps it on.",
            row["count"],
        )
        % {"count": number(row["count"]), "tag": row["tag__name"]}
        for row in worn
    ]


def _ask_to_begin(
    campaign: Campaign, act: Act, preview: Preview, *, at: datetime
) -> Question:
    questions = {
        START.code: _("Start “%(name)s”?"),
        SEND.code: _("Send “%(name)s” now?"),
        RESUME.code: _("Resume “%(name)s”?"),
        RUN_NOW.code: _("Run “%(name)s” now instead of waiting for the clock?"),
    }
    lines, alone = _begin_lines(campaign, act), sum(preview.held_out.values())
    count = preview.count - alone
    if _sends(campaign):
        lines = [channel_sentence(preview), *holdout_lines(campaign, preview), *lines]
        count = sum(preview.gets_by_channel.values())
    else:
        lines = [*holdout_lines(campaign, preview), *lines]
    if act in (START, SEND):
        lines += launch_lines(campaign, preview, at=at)
    return Question(questions[act.code] % {"name": campaign.name}, lines, people(count))


def _begin_lines(campaign: Campaign, act: Act) -> list[str]:
    lines = []
    if _sends(campaign):
        lines.append(
            _(
                "Each message is checked again before it leaves: consent, quiet "
                "hours, how often."
            )
        )
    elif _keeps_tags(campaign):
        lines.append(
            _("They get the tag; it leaves them when the conditions no longer hold.")
        )
    if act is SEND:
        lines.append(_("The campaign ends when its messages are planned."))
    elif act is RUN_NOW:
        lines.append(_("Whoever is in the campaign already is not taken in twice."))
    elif act is START:
        lines.append(_when_it_begins(campaign))
    else:
        lines.append(_("The clock runs it from now on; you can pause it at any time."))
    return lines


def _when_it_begins(campaign: Campaign) -> str:
    if campaign.starts_by_event:
        return _("From now on it takes in whoever it happens to; you can pause it.")
    if not campaign.begins_at_once:
        return _("It takes members in on its days; you can pause it at any time.")
    return _(
        "It takes them in at once and looks for more every day; you can pause it at any "
        "time."
    )


def _sends(campaign: Campaign) -> bool:
    steps = campaign.steps.filter(version=campaign.version)
    return steps.filter(kind=Step.Kind.MESSAGE).exists()


def _keeps_tags(campaign: Campaign) -> bool:
    steps = campaign.steps.filter(version=campaign.version)
    return steps.filter(kind=Step.Kind.TAG).exists()


def people(count: int) -> str:
    return ngettext("%(count)s member", "%(count)s members", count) % {
        "count": number(count)
    }


def channel_sentence(preview: Preview) -> str:
    """Write by which channels the members of a preview are reached."""
    by = preview.gets_by_channel
    if not preview.count:
        return _("Nobody matches now, so nobody gets a message.")
    sentence = (
        _("About %(count)s will get a message: %(channels)s.")
        if preview.is_estimate
        else _("%(count)s will get a message: %(channels)s.")
    ) % {
        "count": number(sum(by.values())),
        "channels": ", ".join(_by_channel(by)) or _("by no channel"),
    }
    if not (unreached := preview.by_channel.get(None)):
        return sentence
    rest = _("%(count)s more match, but no channel reaches them.") % {
        "count": number(unreached)
    }
    return f"{sentence} {rest}"


def holdout_lines(campaign: Campaign, preview: Preview) -> list[str]:
    """Say how many are left alone to compare: they match and get nothing."""
    alone = sum(preview.held_out.values())
    if _sends(campaign):
        alone -= preview.held_out.get(None, 0)
    if preview.is_estimate:
        return [
            _("About %(count)s more are left alone, to compare: the hold-out group.")
            % {"count": number(alone)}
        ]
    if alone:
        return [
            ngettext(
                "%(count)s more is left alone, to compare: the hold-out group.",
                "%(count)s more are left alone, to compare: the hold-out group.",
                alone,
            )
            % {"count": number(alone)}
        ]
    if preview.count and has_holdout(campaign, CampaignPolicy.current()):
        return [_("They are so few that none of them falls into the hold-out group.")]
    return []


def _by_channel(by: Mapping[str, int]) -> list[str]:
    texts = {
        Channel.ZALO_UID.value: _("%(count)s by Official Account"),
        Channel.ZALO_PHONE.value: _("%(count)s by ZNS"),
        Channel.SMS.value: _("%(count)s by SMS"),
        Channel.EMAIL.value: _("%(count)s by e-mail"),
        Channel.INBOX.value: _("%(count)s in their inbox"),
    }
    return [
        text % {"count": number(by[channel])}
        for channel, text in texts.items()
        if by.get(channel)
    ]
