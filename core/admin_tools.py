"""What every page of the staff console shares: base classes, badges, numbers, times."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar

from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet, TextField
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from unfold.admin import ModelAdmin
from unfold.paginator import InfinitePaginator

from core.models import Programme
from core.money import format_money, group_digits

NOTHING = "–"


class Titled:
    """An object under a name that staff understand, for the head of its page."""

    def __init__(self, obj: Model, title: str) -> None:
        self._meta, self.pk, self.title = obj._meta, obj.pk, title

    def __str__(self) -> str:
        return self.title


class ConsoleAdmin(ModelAdmin):
    """The base of every list and form in the console.

    Columns whose name begins with ``num_`` are numbers: the stylesheet puts them right.
    """

    list_per_page = 50
    list_filter_submit = True
    empty_value_display = NOTHING
    warn_unsaved_form = True
    # What an empty list says, and what to do about it.
    empty_title: ClassVar[Any] = ""
    empty_text: ClassVar[Any] = ""

    def page_title(self, obj: Any) -> str:
        """Return what stands at the head of an object's page."""
        return str(obj)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        # One way to save and one to stay; a third button only asks for thought.
        context["show_save_and_add_another"] = False
        if context.get("original"):
            title = self.page_title(context["original"])
            context["original"] = Titled(context["original"], title)
            context["subtitle"] = title
        return super().render_change_form(request, context, *args, **kwargs)

    def formfield_for_dbfield(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if isinstance(db_field, TextField) and field is not None:
            field.widget.attrs["rows"] = 3
        return field


class BigTableMixin:
    """A list that never counts its table: the pages go on as long as there are rows."""

    paginator = InfinitePaginator
    show_full_result_count = False


class ReadOnlyMixin:
    """Rows that only verbs write: staff may look, nobody may touch."""

    warn_unsaved_form = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class SingletonMixin:
    """One row of settings: the menu opens its form, there is nothing to list."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):  # type: ignore[attr-defined]
            raise PermissionDenied
        model: type[Model] = self.model  # type: ignore[attr-defined]
        row = self.current_row()
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}_change"
        return HttpResponseRedirect(reverse(name, args=[row.pk]))

    def current_row(self) -> Model:
        """Return the one row, made with its defaults at the first visit."""
        model: type[Model] = self.model  # type: ignore[attr-defined]
        return model._default_manager.get_or_create(pk=1)[0]


# --- How things are written -----------------------------------------------------------


def number(value: int | None) -> str:
    """Write a whole number with dots between thousands."""
    return NOTHING if value is None else group_digits(value)


def signed(value: int, text: str = "") -> SafeString:
    """Write points with their sign; colour only helps.

    ``text`` is the same amount as its wallet writes it.
    """
    plain = f"+{group_digits(value)}" if value > 0 else group_digits(value)
    kind = "gain" if value > 0 else "loss"
    shown = text or plain.replace("-", "−")
    return format_html('<span class="console-{}">{}</span>', kind, shown)


def money(value: Decimal | None, currency: str) -> str:
    return NOTHING if value is None else format_money(value, currency)


def percent(part: int, whole: int) -> str:
    """Write a share with one decimal; nothing of nothing is no share at all."""
    if not whole:
        return NOTHING
    return f"{100 * part / whole:.1f}".replace(".", ",") + " %"


def when(value: datetime | date | None) -> str:
    """Write a time or a day as the whole console does: 09:30 31/12/2026."""
    if value is None:
        return NOTHING
    if isinstance(value, datetime):
        return str(formats.localize(timezone.localtime(value)))
    return str(formats.localize(value))


def days_ago(day: date, today: date) -> str:
    """Write how long ago a day was, near ones in words."""
    days = (today - day).days
    if days == 0:
        return _("today")
    if days == 1:
        return _("yesterday")
    if days < 0:
        return ngettext("in %(days)s day", "in %(days)s days", -days) % {
            "days": number(-days)
        }
    return ngettext("%(days)s day ago", "%(days)s days ago", days) % {"days": number(days)}


def link(obj: Model | None, text: str | None = None) -> str:
    """Link to an object's page in the console."""
    if obj is None:
        return NOTHING
    meta = obj._meta
    address = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[obj.pk])
    return format_html('<a class="console-link" href="{}">{}</a>', address, text or obj)


def list_address(model: type[Model] | str, **filters: Any) -> str:
    """Return the address of a list with filters set."""
    label = model if isinstance(model, str) else model._meta.label_lower
    app, name = label.split(".")
    query = "&".join(f"{key}={value}" for key, value in filters.items())
    address = reverse(f"admin:{app}_{name}_changelist")
    return f"{address}?{query}" if query else address


def two_lines(first: Any, second: Any) -> SafeString:
    """Show a main line and a quieter one below it."""
    return format_html(
        '<span class="console-two"><b>{}</b><small>{}</small></span>', first, second
    )


def programme_of(request: HttpRequest) -> Programme:
    """Return the programme's settings, read once for each request."""
    programme: Programme | None = getattr(request, "console_programme", None)
    if programme is None:
        programme = Programme.current()
        request.console_programme = programme  # type: ignore[attr-defined]
    return programme


def only(queryset: QuerySet[Any], size: int) -> list[Any]:
    """Take the first rows of a queryset as a list."""
    return list(queryset[:size])
