"""Message templates: what Zalo approved, what goes into its places, how it looks."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.html import escape, format_html, format_html_join
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from simple_history.admin import SimpleHistoryAdmin
from unfold.admin import TabularInline
from unfold.decorators import display
from unfold.forms import PaginationInlineFormSet

from core.admin_tools import ConsoleAdmin
from core.errors import DomainError
from messaging.admin.phone import Phone, phone_of
from messaging.fields import FIELDS
from messaging.models import MessageTemplate, TemplateParameter
from messaging.texts import preview_message, validate_template

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
                max_length=data.get("max_length") or 0,
            )
        )
    return parameters


class ParameterInline(TabularInline):
    model = TemplateParameter
    formset = ParameterFormSet
    fields = ("name", "value", "max_length")
    extra = 0
    hide_title = True


@admin.register(MessageTemplate)
class MessageTemplateAdmin(SimpleHistoryAdmin, ConsoleAdmin):
    list_display = ("name", "purpose_badge", "zalo_template_id", "ways", "state_badge")
    list_filter = ("purpose", "is_active")
    search_fields = ("code", "name", "zalo_template_id")
    inlines = (ParameterInline,)
    readonly_fields = ("field_help",)
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
            _("Where it is approved"),
            {
                "fields": (
                    "name",
                    "code",
                    "purpose",
                    "zalo_template_id",
                    "sends_by_uid",
                    "is_active",
                )
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
        if db_field.name == "body":
            field.widget.attrs["rows"] = 8
            # The theme writes help texts as they are; this one speaks of <places>.
            field.help_text = escape(field.help_text)
        return field

    @display(description=_("Purpose"), label=PURPOSE_BADGES, ordering="purpose")
    def purpose_badge(self, template: MessageTemplate) -> tuple[str, str]:
        return template.purpose, template.get_purpose_display()

    @display(description=_("Can go by"), label=True)
    def ways(self, template: MessageTemplate) -> list[str]:
        return ["OA", "ZNS"] if template.sends_by_uid else ["ZNS"]

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

    def get_urls(self) -> list[Any]:
        preview = path(
            "preview/",
            self.admin_site.admin_view(require_POST(self.preview_view)),
            name="messaging_messagetemplate_preview",
        )
        return [preview, *super().get_urls()]

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """Show the message that stands in the form right now, with sample facts."""
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
        names = ("purpose", "sends_by_uid", "body", "button_title", "button_parameter")
        data = {name: form.cleaned_data.get(name) or "" for name in names}
        template = MessageTemplate(**{**data, "sends_by_uid": bool(data["sends_by_uid"])})
        try:
            return draw(template, written_parameters(formset))
        except DomainError as error:
            return Phone(error=str(error))


def draw(template: MessageTemplate, parameters: list[TemplateParameter]) -> Phone:
    """Draw a template that is not saved yet, or raise what is wrong with it."""
    validate_template(template, parameters)
    # Reading the places of a row that is not saved would fail; they are handed over.
    template.pk = template.pk or 0
    template._prefetched_objects_cache = {"parameters": parameters}  # type: ignore[attr-defined]
    return phone_of(preview_message(template, None, timezone.now()))
