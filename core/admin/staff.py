"""Staff and their roles, in the console's own dress."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, Permission, User
from django.forms import ModelMultipleChoiceField
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from core.admin_tools import ConsoleAdmin, when

admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class StaffAdmin(UserAdmin, ConsoleAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "full_name", "roles", "state_badge", "last_seen")
    list_filter = ("is_active", "is_superuser", "groups")
    list_prefetch_related = ("groups",)
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Person"), {"fields": ("first_name", "last_name", "email")}),
        (
            _("What this person may do"),
            {
                "fields": ("is_active", "is_staff", "is_superuser", "groups"),
                "description": _("Give a role; a superuser may do everything."),
            },
        ),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    filter_horizontal = ()
    autocomplete_fields = ("groups",)
    readonly_fields = ("last_login", "date_joined")

    def get_queryset(self, request):  # type: ignore[no-untyped-def]
        return super().get_queryset(request).prefetch_related("groups")

    @display(description=_("Name"))
    def full_name(self, user: User) -> str:
        return user.get_full_name()

    @display(description=_("Roles"), label=True)
    def roles(self, user: User) -> list[str]:
        if user.is_superuser:
            return [str(_("superuser"))]
        return [group.name for group in user.groups.all()]

    @display(
        description=_("State"),
        label={"active": "success", "off": "danger"},
        ordering="is_active",
    )
    def state_badge(self, user: User) -> tuple[str, str | Promise]:
        return ("active", _("active")) if user.is_active else ("off", _("switched off"))

    @display(description=_("Last sign-in"), ordering="last_login")
    def last_seen(self, user: User) -> str:
        return when(user.last_login)


# What the table of permissions holds in English only.
ACTS = {"add": _("add"), "change": _("change"), "delete": _("delete"), "view": _("look at")}
SPECIAL = (
    gettext_noop("Can start, pause, end and run campaigns"),
    gettext_noop("Can export the list of a campaign"),
    gettext_noop("Can give and take points by hand"),
    gettext_noop("Can take the members of a segment as a file"),
    gettext_noop("Can merge members and undo it"),
    gettext_noop("Can publish earn rules"),
    gettext_noop("Can publish tier ladders"),
    gettext_noop("Can give a tier by hand"),
    gettext_noop("Can approve what others ask for"),
    gettext_noop("Can merge members and undo it"),
    gettext_noop("Can give benefits by hand"),
    gettext_noop("Can cancel redemptions"),
    gettext_noop("Can confirm payments of redemptions"),
    gettext_noop("Can export addresses of gifts"),
    gettext_noop("Can export voucher codes"),
    gettext_noop("Can export the points reports"),
    gettext_noop("Can cancel vouchers"),
    gettext_noop("Can use the till page"),
    gettext_noop("Can see and change the secret that signs webhooks"),
)


class PermissionsField(ModelMultipleChoiceField):
    """Names each permission in the reader's language: "Members: change"."""

    def label_from_instance(self, obj: Permission) -> str:
        kind = obj.content_type
        model = kind.model_class()
        what = model._meta.verbose_name_plural if model else kind.model
        act = ACTS.get(obj.codename.removesuffix(f"_{kind.model}"), gettext(obj.name))
        return f"{capfirst(str(what))}: {act}"


@admin.register(Group)
class RoleAdmin(GroupAdmin, ConsoleAdmin):
    list_display = ("name", "num_people")
    search_fields = ("name",)

    def formfield_for_manytomany(
        self, db_field: Any, request: HttpRequest | None = None, **kwargs: Any
    ) -> Any:
        if db_field.name == "permissions":
            kwargs["form_class"] = PermissionsField
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def get_queryset(self, request):  # type: ignore[no-untyped-def]
        return super().get_queryset(request).prefetch_related("user_set")

    @display(description=_("People"))
    def num_people(self, group: Group) -> int:
        return len(group.user_set.all())
