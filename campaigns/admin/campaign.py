"""A campaign in the console: a story from who to how we know that it worked."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, Max, Q
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.admin import SimpleHistoryAdmin
from unfold.admin import StackedInline
from unfold.decorators import display

from campaigns.admin.acts import available_acts
from campaigns.admin.results import campaign_results
from campaigns.admin.views import campaign_urls
from campaigns.models import Campaign, CampaignRun, Enrolment, Step
from core.admin_tools import NOTHING, ConsoleAdmin, number, percent, two_lines, when
from core.errors import DomainError
from members.admin.conditions import ConditionsField
from members.segments import describe_conditions
from messaging.admin.phone import Phone, phone_of
from messaging.texts import preview_message

STATE_BADGES = {
    "draft": "info",
    "running": "success",
    "paused": "warning",
    "ended": "default",
}
SHOWN_RUNS = 5
# The models say "order", which is also the word for a purchase.
POSITION = _("Position")


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
            "return_points",
            "episode",
            "position",
        )
        labels = {"position": POSITION}


class StepForm(forms.ModelForm):
    """A step holds what its kind needs, and nothing of the other kind."""

    class Meta:
        model = Step
        fields = ("position", "kind", "tag", "template", "offer", "news", "valid_days")
        labels = {"position": POSITION}

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("kind") == Step.Kind.TAG:
            data["template"] = None
            if not data.get("tag"):
                self.add_error("tag", _("Choose the tag that this step puts on."))
        if data.get("kind") == Step.Kind.MESSAGE:
            data["tag"] = None
            if not data.get("template"):
                self.add_error("template", _("Choose the message that this step sends."))
        return data


class StepInline(StackedInline):
    model = Step
    form = StepForm
    verbose_name = _("step")
    verbose_name_plural = _("What they get, and what we say")
    fields = (("kind", "position"), "tag", "template", "offer", "news", "valid_days")
    autocomplete_fields = ("tag", "template")
    extra = 0
    collapsible = False


@admin.register(Campaign)
class CampaignAdmin(SimpleHistoryAdmin, ConsoleAdmin):
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
    inlines = (StepInline,)
    fieldsets = (
        (_("What it is for"), {"fields": (("name", "code"), "description")}),
        (_("Who"), {"fields": ("days", "conditions"), "classes": ("console-wide",)}),
        (_("What they get"), {"fields": ("return_points",)}),
        (
            _("When"),
            {
                "fields": ("mode", "episode", "position"),
                "description": _(
                    "Automatic campaigns run by the clock while they are running; the "
                    "time is set under Settings → Schedules. A campaign by hand does its "
                    "work once, when you send it."
                ),
            },
        ),
    )
    history_list_display = ("state",)
    change_form_outer_before_template = "admin/campaigns/campaign/_summary.html"
    change_form_outer_after_template = "admin/campaigns/campaign/_results.html"
    empty_title = _("No campaigns yet")
    empty_text = _("A campaign finds members, does something for them, and tells you so.")

    class Media:
        js = ("js/admin/campaign.js",)

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
            returned=Count("pk", filter=Q(state=Enrolment.State.RETURNED)),
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
        row = self.people.get(campaign.pk, {"entered": 0, "returned": 0})
        if not row["entered"]:
            return NOTHING
        share = percent(row["returned"], row["entered"])
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
        context = extra_context or {}
        campaign = self.get_object(request, object_id) if object_id else None
        if campaign and self.has_view_permission(request, campaign):
            context |= {
                "campaign": campaign,
                "state_badge": STATE_BADGES[campaign.state],
                "sentence": _sentence(campaign),
                "acts": available_acts(campaign, request.user),
                "results": campaign_results(campaign),
                "phone": _phone(campaign),
                "runs": campaign.runs.all()[:SHOWN_RUNS],
            }
        return super().changeform_view(request, object_id, form_url, context)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # What a campaign has sent and brought about stays explained; it is ended instead.
        is_draft = obj is not None and obj.state == Campaign.State.DRAFT
        return is_draft and super().has_delete_permission(request, obj)

    def get_urls(self) -> list[Any]:
        return [*campaign_urls(self), *super().get_urls()]


def _sentence(campaign: Campaign) -> str:
    try:
        return describe_conditions(campaign.conditions, campaign.parameters)
    except DomainError as error:
        return str(error)


def _phone(campaign: Campaign) -> Phone | None:
    """Draw the campaign's message with sample facts and its own offer."""
    steps = campaign.steps.filter(kind=Step.Kind.MESSAGE).select_related("template")
    step = steps.first()
    if step is None or step.template is None:
        return None
    try:
        preview = preview_message(
            step.template,
            None,
            timezone.now(),
            offer=step.offer,
            context={"news": step.news} if step.news else None,
        )
    except DomainError as error:
        return Phone(error=str(error))
    return phone_of(preview)
