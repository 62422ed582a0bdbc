"""What Zalo keeps of our templates, who must get no advertising, and what people rated."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminTextInputWidget

from core.admin_tools import (
    NOTHING,
    BigTableMixin,
    ConsoleAdmin,
    ReadOnlyMixin,
    link,
    number,
    when,
)
from core.errors import DomainError
from core.phones import InvalidPhone, display_phone, mask_phone, normalise_phone
from messaging.admin.channel_names import prices
from messaging.models import (
    DoNotAdvertise,
    Feedback,
    MessageTemplate,
    OfficialAccount,
    ZaloTemplate,
)
from messaging.register import import_numbers
from messaging.registry import differences, sync_templates

STATE_BADGES = {
    "ENABLE": "success",
    "PENDING_REVIEW": "info",
    "REJECT": "danger",
    "DISABLE": "danger",
    "DELETE": "warning",
}
RATING_BADGES = {"good": "success", "fair": "warning", "bad": "danger"}
LARGEST_FILE = 20 * 1024 * 1024


@admin.register(ZaloTemplate)
class ZaloTemplateAdmin(ReadOnlyMixin, ConsoleAdmin):
    list_display = ("name", "template_id", "state_badge", "tag", "price", "fits")
    list_filter = ("state", "tag")
    search_fields = ("name", "template_id")
    actions_list = ("ask_zalo",)
    fields = (
        "template_id",
        "name",
        "state",
        "reason",
        "tag",
        "quality",
        "price",
        "places",
        "fits",
        "asked",
    )
    readonly_fields = ("price", "places", "fits", "asked")
    empty_title = _("Zalo has not been asked yet")
    empty_text = _("“Ask Zalo now” brings every template with its state and price.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ZaloTemplate]:
        # Read once for the whole list: which of them are ours.
        ours = MessageTemplate.objects.exclude(zalo_template_id="")
        self._ours = {
            template.zalo_template_id: template
            for template in ours.prefetch_related("parameters")
        }
        return super().get_queryset(request)

    @display(description=_("State"), label=STATE_BADGES)
    def state_badge(self, row: ZaloTemplate) -> tuple[str, str]:
        return row.state, row.get_state_display()

    @display(description=_("Price"))
    def price(self, row: ZaloTemplate) -> str:
        return " · ".join(prices(row)) or NOTHING

    @display(description=_("Asked Zalo at"))
    def asked(self, row: ZaloTemplate) -> str:
        return when(row.synced_at)

    @display(description=_("Places"))
    def places(self, row: ZaloTemplate) -> str:
        lines = [
            (place.get("name"), place.get("type"), place.get("maxLength"))
            for place in row.parameters
        ]
        items = format_html_join("", "<li><code>{}</code> · {} · {}</li>", lines)
        return format_html('<ul class="console-consequences">{}</ul>', items)

    @display(description=_("Beside ours"))
    def fits(self, row: ZaloTemplate) -> str:
        template = self._ours.get(row.template_id)
        if template is None:
            return str(_("We have none with this number."))
        found = differences(template, list(template.parameters.all()), row)
        if not found:
            return str(_("They fit together."))
        return format_html_join(" ", "{}", [(sentence,) for sentence in found])

    @action(
        description=_("Ask Zalo now"),
        icon="sync",
        variant=ActionVariant.PRIMARY,
        permissions=["ask"],
        url_path="ask-zalo",
        attrs={"data-post": "yes"},
    )
    def ask_zalo(self, request: HttpRequest) -> HttpResponse:
        account = OfficialAccount.objects.first()
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Ask Zalo now"),
            "question": _("Bring every template, its state and its price from Zalo?"),
            "consequences": [
                _("Nothing is sent to any member."),
                _("Templates that we do not have become drafts, switched off."),
                _("What Zalo has disabled is not sent any more."),
            ],
            "figure": account.name if account else "",
            "action": reverse("admin:messaging_zalotemplate_ask"),
            "submit": _("Ask Zalo"),
            "back": reverse("admin:messaging_zalotemplate_changelist"),
        }
        return render(request, "admin/confirm.html", context)

    def has_ask_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("messaging.change_messagetemplate"))

    def get_urls(self) -> list[Any]:
        ask = path(
            "ask/",
            self.admin_site.admin_view(require_POST(self.ask_view)),
            name="messaging_zalotemplate_ask",
        )
        return [ask, *super().get_urls()]

    def ask_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_ask_permission(request):
            raise PermissionDenied
        try:
            synced = sync_templates(at=timezone.now())
        except DomainError as error:
            messages.error(request, str(error))
        else:
            told = ngettext(
                "Zalo has %(number)s template: %(drafts)s new here, %(changed)s changed.",
                "Zalo has %(number)s templates: %(drafts)s new here, %(changed)s changed.",
                synced.templates,
            ) % {
                "number": synced.templates,
                "drafts": synced.drafts,
                "changed": synced.changed,
            }
            messages.success(request, told)
        return HttpResponseRedirect(reverse("admin:messaging_zalotemplate_changelist"))


# --- The register ------------------------------------------------------------------------


class PhoneForm(forms.ModelForm):
    class Meta:
        model = DoNotAdvertise
        fields = ("phone", "source")

    def clean_phone(self) -> str:
        try:
            return normalise_phone(self.cleaned_data["phone"])
        except InvalidPhone as error:
            raise forms.ValidationError(str(error)) from None


class ImportForm(forms.Form):
    file = forms.FileField(
        label=_("File"),
        widget=UnfoldAdminFileFieldWidget,
        help_text=_("A text or CSV file with one phone on each line, at most 20 MB."),
    )
    source = forms.CharField(
        label=_("Source"),
        max_length=60,
        initial="5656",
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("Where the list is from, and of which day."),
    )

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > LARGEST_FILE:
            raise forms.ValidationError(_("This file is larger than 20 MB."))
        return file


def _lines(file: Any) -> Iterator[str]:
    return (line.decode("utf-8", "replace") for line in file)


@admin.register(DoNotAdvertise)
class DoNotAdvertiseAdmin(BigTableMixin, ConsoleAdmin):
    form = PhoneForm
    list_display = ("phone_shown", "source", "since")
    search_fields = ("phone",)
    search_help_text = _("A phone")
    actions_list = ("take_in",)
    empty_title = _("No phone is in the register")
    empty_text = _("Take in the list of the national register 5656, or add phones by hand.")

    @display(description=_("Phone"))
    def phone_shown(self, row: DoNotAdvertise) -> str:
        return mask_phone(row.phone)

    @display(description=_("Since"), ordering="added_at")
    def since(self, row: DoNotAdvertise) -> str:
        return when(row.added_at)

    def page_title(self, obj: DoNotAdvertise) -> str:
        return display_phone(obj.phone)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[DoNotAdvertise], search_term: str
    ) -> tuple[QuerySet[DoNotAdvertise], bool]:
        if not search_term.strip():
            return queryset, False
        try:
            return queryset.filter(phone=normalise_phone(search_term)), False
        except InvalidPhone:
            return queryset.none(), False

    def save_model(
        self, request: HttpRequest, obj: DoNotAdvertise, form: Any, change: bool
    ) -> None:
        if not change:
            obj.added_at = timezone.now()
        super().save_model(request, obj, form, change)

    @action(
        description=_("Take in a file"),
        icon="upload_file",
        variant=ActionVariant.PRIMARY,
        permissions=["add"],
        url_path="take-in",
    )
    def take_in(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:messaging_donotadvertise_import"))

    def get_urls(self) -> list[Any]:
        page = path(
            "import/",
            self.admin_site.admin_view(self.import_view),
            name="messaging_donotadvertise_import",
        )
        return [page, *super().get_urls()]

    def import_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = ImportForm(request.POST or None, request.FILES or None)
        back = reverse("admin:messaging_donotadvertise_changelist")
        if request.method == "POST" and form.is_valid():
            told = import_numbers(
                lines=(
                    line.decode("utf-8", "replace") for line in form.cleaned_data["file"]
                ),
                source=form.cleaned_data["source"],
                at=timezone.now(),
            )
            messages.success(
                request,
                _("%(new)s new phones, %(known)s known before, %(bad)s lines without one.")
                % {
                    "new": number(told.new),
                    "known": number(told.known),
                    "bad": number(told.unread),
                },
            )
            return HttpResponseRedirect(back)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Take in a file"),
            "form": form,
            "back": back,
        }
        return render(request, "admin/messaging/donotadvertise/import.html", context)


# --- Ratings -----------------------------------------------------------------------------


@admin.register(Feedback)
class FeedbackAdmin(ReadOnlyMixin, BigTableMixin, ConsoleAdmin):
    list_display = ("stars", "who", "what", "note", "at")
    list_filter = ("rating",)
    list_select_related = ("message__member", "message__template")
    fields = ("stars", "who", "what", "picked", "note", "at")
    readonly_fields = ("stars", "who", "what", "picked", "at")
    empty_title = _("No ratings yet")
    empty_text = _("What people answer to a message that asks for a rating stands here.")

    @display(
        description=_("Rating"),
        label=RATING_BADGES,
    )
    def stars(self, row: Feedback) -> tuple[str, str]:
        grade = "good" if row.rating >= 4 else "fair" if row.rating == 3 else "bad"
        return grade, f"{row.rating}/5"

    @display(description=_("Member"))
    def who(self, row: Feedback) -> str:
        return link(row.message.member) if row.message and row.message.member else NOTHING

    @display(description=_("Message"))
    def what(self, row: Feedback) -> str:
        return link(row.message, row.message.template.name) if row.message else NOTHING

    @display(description=_("Chosen answers"))
    def picked(self, row: Feedback) -> str:
        return ", ".join(map(str, row.choices)) or NOTHING

    @display(description=_("When"), ordering="given_at")
    def at(self, row: Feedback) -> str:
        return when(row.given_at)
