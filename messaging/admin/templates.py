"""Message templates: the text, what goes into its places, how it looks on each channel."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.html import escape, format_html, format_html_join
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from simple_history.admin import SimpleHistoryAdmin
from unfold.admin import TabularInline
from unfold.decorators import action, display
from unfold.forms import PaginationInlineFormSet

from core.admin.editing import TwoPeopleMixin
from core.admin_tools import ConsoleAdmin
from core.errors import DomainError
from core.form_fields import ChoicesField
from members.models import Member
from members.services import find_member
from messaging.admin.channel_names import CHANNEL_NAMES, prices
from messaging.admin.phone import Phone, phone_of
from messaging.admin.template_pages import reach_page, test_page
from messaging.fields import FIELDS
from messaging.models import Channel, MessageTemplate, TemplateParameter, ZaloTemplate
from messaging.registry import differences
from messaging.texts import preview_message, validate_template

# What the form says that a picture of the message needs.
DRAWN = (
    "purpose",
    "zalo_template_id",
    "body",
    "body_en",
    "sms_text",
    "sms_text_en",
    "subject",
    "subject_en",
    "button_title",
    "button_title_en",
    "button_parameter",
)
PURPOSE_BADGES = {"marketing": "primary", "care": "info", "code": "warning"}


class ParameterFormSet(PaginationInlineFormSet):
    """Refuses, with one sentence, what could not be filled in when a message is sent."""

    def clean(self) -> None:
        super().clean()
        if any(self.errors):
            return
        try:
            validate_template(self.instance, written_parameters(self))
        except DomainError as error:
            raise forms.ValidationError(str(error)) from error


def written_parameters(formset: Any) -> list[TemplateParameter]:
    """Return the places as they stand in the form, saved or not."""
    parameters = []
    for form in formset.forms:
        data = getattr(form, "cleaned_data", None) or {}
        if not data.get("name") or data.get("DELETE"):
            continue
        parameters.append(
            TemplateParameter(
                name=data["name"],
                value=data.get("value") or "",
                value_en=data.get("value_en") or "",
                max_length=data.get("max_length") or 0,
            )
        )
    return parameters


class TemplateForm(forms.ModelForm):
    channels = ChoicesField(
        label=_("Channels"),
        choices=Channel.choices,
        required=True,
        help_text=_("Which it may take; their turn stands under Channels."),
    )


class ParameterInline(TabularInline):
    model = TemplateParameter
    formset = ParameterFormSet
    fields = ("name", "value", "value_en", "max_length")
    extra = 0
    hide_title = True


@admin.register(MessageTemplate)
class MessageTemplateAdmin(TwoPeopleMixin, SimpleHistoryAdmin, ConsoleAdmin):
    form = TemplateForm
    list_display = ("name", "purpose_badge", "zalo_template_id", "ways", "state_badge")
    list_filter = ("purpose", "is_active")
    search_fields = ("code", "name", "zalo_template_id")
    inlines = (ParameterInline,)
    readonly_fields = ("field_help", "at_zalo")
    actions_detail = ("show_reach", "try_out")
    fieldsets = (
        (
            _("What we say"),
            {
                "fields": ("body", "button_title", "button_parameter"),
                "description": _(
                    "Copy the text exactly as Zalo approved it. Its places, the words "
                    "between &lt; and &gt;, are filled in below."
                ),
            },
        ),
        (
            _("What it is, and which ways it takes"),
            {"fields": ("name", "code", "purpose", "channels", "is_active")},
        ),
        (
            _("Where it is approved"),
            {"fields": ("zalo_template_id", "sends_by_uid", "at_zalo")},
        ),
        (
            _("By SMS and e-mail"),
            {
                "fields": ("sms_text", "subject"),
                "description": _(
                    "Offers are marked with [QC] and end with a way to refuse them, as the "
                    "law wants; nobody need write that here."
                ),
                "classes": ("collapse",),
            },
        ),
        (
            _("In English"),
            {
                "fields": ("body_en", "button_title_en", "sms_text_en", "subject_en"),
                "description": _(
                    "For members who chose English. What is left empty stays Vietnamese."
                ),
                "classes": ("collapse",),
            },
        ),
        (
            _("What may go into the places"),
            {"fields": ("field_help",), "classes": ("collapse",)},
        ),
    )
    change_form_outer_after_template = "admin/messaging/messagetemplate/_preview.html"
    empty_title = _("No templates yet")
    empty_text = _("Zalo approves each text first; write it down here and fill its places.")

    class Media:
        js = ("js/admin/template.js",)

    def formfield_for_dbfield(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name in ("body", "body_en"):
            field.widget.attrs["rows"] = 8
            # The theme writes help texts as they are; this one speaks of <places>.
            field.help_text = escape(field.help_text)
        return field

    @display(description=_("Purpose"), label=PURPOSE_BADGES, ordering="purpose")
    def purpose_badge(self, template: MessageTemplate) -> tuple[str, str]:
        return template.purpose, template.get_purpose_display()

    @display(description=_("Can go by"), label=True)
    def ways(self, template: MessageTemplate) -> list[str]:
        taken = [name for name in CHANNEL_NAMES if name in template.channels]
        if not template.sends_by_uid:
            taken = [name for name in taken if name != Channel.ZALO_UID]
        return [str(CHANNEL_NAMES[name]) for name in taken]

    @display(description=_("At Zalo"))
    def at_zalo(self, template: MessageTemplate) -> str:
        """Say what Zalo keeps under this number, and where that differs from ours."""
        known = ZaloTemplate.objects.filter(template_id=template.zalo_template_id).first()
        if known is None:
            return str(_("Not known yet. “Ask Zalo now” under Templates at Zalo tells."))
        lines = [known.get_state_display(), *prices(known)]
        lines += differences(template, list(template.parameters.all()), known)
        items = format_html_join("", "<li>{}</li>", [(line,) for line in lines])
        return format_html('<ul class="console-consequences">{}</ul>', items)

    @display(
        description=_("State"),
        label={"on": "success", "off": "warning"},
        ordering="is_active",
    )
    def state_badge(self, template: MessageTemplate) -> tuple[str, str | Promise]:
        return ("on", _("active")) if template.is_active else ("off", _("off"))

    @display(description=_("Fields"))
    def field_help(self, template: MessageTemplate) -> str:
        rows = [
            (format_html("{{{{ {} }}}}", name), label) for name, label in FIELDS.items()
        ]
        lines = format_html_join("", "<dt><code>{}</code></dt><dd>{}</dd>", rows)
        return format_html('<dl class="console-facts">{}</dl>', lines)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Messages name the template they were sent with; it is switched off instead.
        return False

    # --- pages of one template --------------------------------------------------------

    @action(
        description=_("Reach and cost"),
        icon="groups",
        permissions=["view"],
        url_path="show-reach",
    )
    def show_reach(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return _to("reach", object_id)

    @action(
        description=_("Send a test to myself"),
        icon="send",
        permissions=["change"],
        url_path="try-out",
    )
    def try_out(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return _to("test", object_id)

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        return [
            path(
                "preview/",
                wrap(require_POST(self.preview_view)),
                name="messaging_messagetemplate_preview",
            ),
            path(
                "<int:template_id>/reach/",
                wrap(self.reach_view),
                name="messaging_messagetemplate_reach",
            ),
            path(
                "<int:template_id>/test/",
                wrap(self.test_view),
                name="messaging_messagetemplate_test",
            ),
            *super().get_urls(),
        ]

    def reach_view(self, request: HttpRequest, template_id: int) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return reach_page(self, request, get_object_or_404(MessageTemplate, pk=template_id))

    def test_view(self, request: HttpRequest, template_id: int) -> HttpResponse:
        if not self.has_change_permission(request):
            raise PermissionDenied
        return test_page(self, request, get_object_or_404(MessageTemplate, pk=template_id))

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """Show the message that stands in the form right now, for a member or samples."""
        phone = self._phone(request)
        return render(request, "admin/messaging/_phone.html", {"phone": phone})

    def _phone(self, request: HttpRequest) -> Phone:
        form = self.get_form(request)(request.POST)
        form.is_valid()
        inline = ParameterInline(MessageTemplate, self.admin_site)
        saved = MessageTemplate.objects.filter(pk=request.GET.get("template") or 0).first()
        formset = inline.get_formset(request)(
            data=request.POST, prefix="parameters", instance=saved or MessageTemplate()
        )
        formset.is_valid()
        data = {name: form.cleaned_data.get(name) or "" for name in DRAWN}
        template = MessageTemplate(
            **data,
            sends_by_uid=bool(form.cleaned_data.get("sends_by_uid")),
            channels=form.cleaned_data.get("channels") or [],
        )
        channel = request.POST.get("preview_channel") or Channel.ZALO_PHONE.value
        language = request.POST.get("preview_language") or ""
        try:
            return draw(
                template,
                written_parameters(formset),
                member=preview_member(request),
                channel=channel if channel in Channel.values else Channel.ZALO_PHONE.value,
                language=language if language in Member.Language.values else "",
            )
        except DomainError as error:
            return Phone(error=str(error))


def preview_member(request: HttpRequest) -> Member | None:
    """Return the real member of a preview, for those who may see members."""
    told = request.POST.get("preview_member", "").strip()
    if not told or not request.user.has_perm("members.view_member"):
        return None
    try:
        return find_member(phone=told)
    except DomainError:
        return find_member(code=told)


def draw(
    template: MessageTemplate,
    parameters: list[TemplateParameter],
    *,
    member: Member | None = None,
    channel: str = Channel.ZALO_PHONE.value,
    language: str = "",
) -> Phone:
    """Draw a template that is not saved yet, or raise what is wrong with it."""
    validate_template(template, parameters)
    # Reading the places of a row that is not saved would fail; they are handed over.
    template.pk = template.pk or 0
    template._prefetched_objects_cache = {"parameters": parameters}  # type: ignore[attr-defined]
    shown = preview_message(
        template, member, timezone.now(), channel=channel, language=language
    )
    return phone_of(shown)


def _to(page: str, object_id: str) -> HttpResponse:
    name = f"admin:messaging_messagetemplate_{page}"
    return HttpResponseRedirect(reverse(name, args=[object_id]))
