"""A campaign in the console: a story from who to how we know that it worked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, Max, Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSelectWidget

from campaigns.admin.acts import available_acts
from campaigns.admin.board import phone_of_step
from campaigns.admin.changing import ChangingAdmin, change_sentence, waiting_links
from campaigns.admin.progress import run_progress
from campaigns.admin.results import campaign_results
from campaigns.admin.views import campaign_urls
from campaigns.journey import Journey
from campaigns.models import Campaign, CampaignRun, Enrolment
from campaigns.outline import Line, how_it_ends, outline, who_enters
from campaigns.preview import first_message
from campaigns.readiness import EVENT, WITH_EVENTS
from campaigns.services import has_draft
from core.admin_tools import NOTHING, number, percent, two_lines, when
from core.happenings import happening_kinds
from members.admin.conditions import ConditionsField
from messaging.admin.phone import Phone

STATE_BADGES = {
    "draft": "info",
    "running": "success",
    "paused": "warning",
    "draining": "warning",
    "ended": "default",
}
SHOWN_RUNS = 5
# The models say "order", which is also the word for a purchase.
POSITION = _("Position")


EVENT_FIELDS = ("event", "goal_event")
# When a field means something; the others keep their values, unseen.
SHOWN = {
    "trigger": {"mode": ["continuous"]},
    "event": {"mode": ["continuous"], "trigger": ["event"]},
    "episode": {"mode": ["continuous", "one_off"]},
    "recurs": {"mode": ["recurring"]},
    "weekday": {"mode": ["recurring"], "recurs": ["weekly"]},
    "month_day": {"mode": ["recurring"], "recurs": ["monthly"]},
    "at_time": {"mode": ["recurring"]},
    "leaves": {"mode": ["continuous", "recurring"], "trigger": ["conditions"]},
    "goal_event": {"goal": ["event"]},
    "goal_days": {"goal": ["order", "event"]},
    "goal_benefit": {"goal": ["order", "event"]},
}


class CampaignForm(forms.ModelForm):
    conditions = ConditionsField(with_days=True, label=_("Who"))

    class Meta:
        model = Campaign
        fields = (
            "name",
            "code",
            "description",
            "days",
            "conditions",
            "mode",
            "trigger",
            "event",
            "episode",
            "rest_days",
            "leaves",
            "recurs",
            "weekday",
            "month_day",
            "at_time",
            "goal",
            "goal_event",
            "goal_days",
            "goal_benefit",
            "holdout_percent",
            "position",
        )
        labels = {"position": POSITION}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in EVENT_FIELDS:
            if name in self.fields:
                self.fields[name] = _happening_field(Campaign._meta.get_field(name))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("mode") != Campaign.Mode.CONTINUOUS:
            data["trigger"] = Campaign.Trigger.CONDITIONS
        for name, wanted in (("event", "trigger"), ("goal_event", "goal")):
            if data.get(wanted) != "event":
                data[name] = ""
            elif not data.get(name):
                self.add_error(name, _("Choose what has to happen."))
        data["episode"] = _fitting(data)
        return data


def _fitting(data: Mapping[str, Any]) -> str:
    """Return how often that fits with how members enter: as chosen, where that can be."""
    episode = str(data.get("episode") or Campaign.Episode.LAPSE)
    if data.get("mode") == Campaign.Mode.RECURRING:
        return Campaign.Episode.SLOT
    if data.get("trigger") == Campaign.Trigger.EVENT:
        return episode if episode in WITH_EVENTS else EVENT
    if episode in (Campaign.Episode.SLOT, EVENT):
        return Campaign.Episode.LAPSE
    return episode


def _happening_field(field: Any) -> forms.ChoiceField:
    """Offer everything that can happen, by the app that knows it."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for kind in happening_kinds().values():
        groups.setdefault(str(kind.group), []).append((kind.code, str(kind.label)))
    return forms.ChoiceField(
        label=capfirst(field.verbose_name),
        required=False,
        choices=[("", _("choose…")), *groups.items()],
        widget=UnfoldAdminSelectWidget,
    )


@admin.register(Campaign)
class CampaignAdmin(ChangingAdmin):
    form = CampaignForm
    list_display = (
        "title",
        "state_badge",
        "mode_shown",
        "num_entered",
        "num_returned",
        "last_run",
    )
    list_filter = ("state", "mode")
    search_fields = ("code", "name", "description")
    prepopulated_fields = {"code": ("name",)}
    autocomplete_fields = ("goal_benefit",)
    fieldsets = (
        (_("What it is for"), {"fields": (("name", "code"), "description")}),
        (_("Who"), {"fields": ("days", "conditions"), "classes": ("console-wide",)}),
        (
            _("When they enter"),
            {
                "fields": (
                    ("mode", "trigger"),
                    "event",
                    ("recurs", "at_time"),
                    ("weekday", "month_day"),
                    ("episode", "rest_days"),
                    "leaves",
                ),
                "description": _(
                    "Automatic campaigns run by the clock while they are running; the "
                    "time is set under Settings → Schedules. A campaign by hand does its "
                    "work once, when you send it."
                ),
            },
        ),
        (
            _("The goal, and how we know that it worked"),
            {
                "fields": (
                    ("goal", "goal_days"),
                    "goal_event",
                    "goal_benefit",
                    ("holdout_percent", "position"),
                )
            },
        ),
    )
    history_list_display = ("state",)
    actions_list = ("gallery_page",)
    change_form_outer_before_template = "admin/campaigns/campaign/_summary.html"
    change_form_outer_after_template = "admin/campaigns/campaign/_results_to_come.html"
    empty_title = _("No campaigns yet")
    empty_text = _("A campaign finds members, does something for them, and tells you so.")

    class Media:
        js = ("js/admin/follow.js",)

    # --- the list ---------------------------------------------------------------------

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Count the people of all campaigns of this page at once."""
        changelist = super().get_changelist_instance(request)
        rows = list(changelist.result_list)
        changelist.result_list = rows
        ids = [campaign.pk for campaign in rows]
        people = Enrolment.objects.filter(campaign__in=ids).values("campaign")
        counted = people.annotate(
            entered=Count("pk"),
            # Who was left alone did not come back by the campaign.
            reached=Count("pk", filter=Q(is_holdout=False)),
            returned=Count(
                "pk", filter=Q(state=Enrolment.State.RETURNED, is_holdout=False)
            ),
        )
        self.people: dict[int, Any] = {row["campaign"]: row for row in counted}
        runs = CampaignRun.objects.filter(campaign__in=ids, is_dry=False)
        last = runs.values("campaign").annotate(at=Max("started_at"))
        self.last_runs = {row["campaign"]: row["at"] for row in last}
        return changelist

    @display(description=_("Campaign"), ordering="name")
    def title(self, campaign: Campaign) -> str:
        days = _("X = %(days)s days") % {"days": campaign.days}
        return two_lines(campaign.name, f"{campaign.code} · {days}")

    @display(description=_("State"), label=STATE_BADGES, ordering="state")
    def state_badge(self, campaign: Campaign) -> tuple[str, str]:
        return campaign.state, campaign.get_state_display()

    @display(description=_("Mode"), ordering="mode")
    def mode_shown(self, campaign: Campaign) -> str:
        return campaign.get_mode_display()

    @display(description=_("Taken in"))
    def num_entered(self, campaign: Campaign) -> str:
        return number(self.people.get(campaign.pk, {}).get("entered", 0))

    @display(description=_("Came back"))
    def num_returned(self, campaign: Campaign) -> str:
        row = self.people.get(campaign.pk, {"reached": 0, "returned": 0})
        if not row["reached"]:
            return NOTHING
        share = percent(row["returned"], row["reached"])
        return f"{number(row['returned'])} ({share})"

    @display(description=_("Last run"))
    def last_run(self, campaign: Campaign) -> str:
        return when(self.last_runs.get(campaign.pk))

    # --- the page ---------------------------------------------------------------------

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context = {**(extra_context or {}), "shown": SHOWN}
        campaign = self.get_object(request, object_id) if object_id else None
        if campaign and self.has_view_permission(request, campaign):
            context |= {
                "campaign": campaign,
                "state_badge": STATE_BADGES[campaign.state],
                "enters": who_enters(campaign),
                "ends": how_it_ends(campaign),
                "acts": available_acts(campaign, request.user),
                "results": campaign_results(campaign, at=timezone.now()),
                "lines": outline(campaign, version=campaign.version),
                "draft_lines": _draft_lines(campaign),
                "change_sentence": change_sentence(campaign),
                "progress": run_progress(campaign, request),
                "waiting": waiting_links(campaign, request.user),
                "phone": _phone(campaign),
                "runs": campaign.runs.all()[:SHOWN_RUNS],
            }
        return super().changeform_view(request, object_id, form_url, context)

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Begin with the templates; an empty form is one of the choices there."""
        if request.method == "GET" and not request.GET and self.has_add_permission(request):
            return HttpResponseRedirect(reverse("admin:campaigns_campaign_gallery"))
        return super().add_view(request, form_url, extra_context)

    def has_gallery_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(self.has_add_permission(request))

    @action(
        description=_("From a template"),
        icon="library_add",
        permissions=["gallery"],
        url_path="to-templates",
    )
    def gallery_page(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:campaigns_campaign_gallery"))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # What a campaign has sent and brought about stays explained; it is ended instead.
        is_draft = obj is not None and obj.state == Campaign.State.DRAFT
        return is_draft and super().has_delete_permission(request, obj)

    def get_urls(self) -> list[Any]:
        return [*campaign_urls(self), *super().get_urls()]


def _draft_lines(campaign: Campaign) -> list[Line]:
    if campaign.state == Campaign.State.DRAFT or not has_draft(campaign):
        return []
    return outline(campaign, version=campaign.version + 1)


def _phone(campaign: Campaign) -> Phone | None:
    """Draw the campaign's first message."""
    step = first_message(Journey(campaign, campaign.version))
    return phone_of_step(step) if step else None
