"""Who tried to sign in to the console, and who is locked out."""

from __future__ import annotations

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.conf import settings
from django.contrib import admin
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from core.admin_tools import BigTableMixin, ConsoleAdmin, ReadOnlyMixin, when

for model in (AccessAttempt, AccessFailureLog, AccessLog):
    if admin.site.is_registered(model):
        admin.site.unregister(model)


@admin.register(AccessAttempt)
class FailedSignInAdmin(ReadOnlyMixin, BigTableMixin, ConsoleAdmin):
    list_display = ("username", "ip_address", "num_failures", "state_badge", "tried")
    search_fields = ("username", "ip_address")
    ordering = ("-attempt_time",)
    fields = (
        "username",
        "ip_address",
        "attempt_time",
        "failures_since_start",
        "user_agent",
    )
    empty_title = _("Nobody is locked out")
    empty_text = _("Wrong passwords are listed here. Delete an entry to let a person in.")

    # Deleting an entry is how a locked-out colleague is let in again.
    def has_delete_permission(self, request, obj=None) -> bool:  # type: ignore[no-untyped-def]
        return bool(request.user.has_perm("axes.delete_accessattempt"))

    def page_title(self, obj: AccessAttempt) -> str:
        return f"{obj.username} · {when(obj.attempt_time)}"

    @display(description=_("Failures"), ordering="failures_since_start")
    def num_failures(self, attempt: AccessAttempt) -> int:
        return int(attempt.failures_since_start)

    @display(description=_("State"), label={"locked": "danger", "open": "warning"})
    def state_badge(self, attempt: AccessAttempt) -> tuple[str, str | Promise]:
        if attempt.failures_since_start >= settings.AXES_FAILURE_LIMIT:
            return "locked", _("locked out")
        return "open", _("may try again")

    @display(description=_("Last tried"), ordering="attempt_time")
    def tried(self, attempt: AccessAttempt) -> str:
        return when(attempt.attempt_time)


@admin.register(AccessLog)
class SignInAdmin(ReadOnlyMixin, BigTableMixin, ConsoleAdmin):
    list_display = ("username", "ip_address", "signed_in", "signed_out")
    search_fields = ("username", "ip_address")
    ordering = ("-attempt_time",)
    fields = ("username", "ip_address", "attempt_time", "logout_time", "user_agent")

    def page_title(self, obj: AccessLog) -> str:
        return f"{obj.username} · {when(obj.attempt_time)}"

    @display(description=_("Signed in"), ordering="attempt_time")
    def signed_in(self, log: AccessLog) -> str:
        return when(log.attempt_time)

    @display(description=_("Signed out"), ordering="logout_time")
    def signed_out(self, log: AccessLog) -> str:
        return when(log.logout_time)
