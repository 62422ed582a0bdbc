"""Back-tests in the console: asked for on a form, watched, read at a glance, exported."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from core.admin_tools import when
from core.clock import local_date
from core.errors import DomainError
from points.admin.backtest_page import result_page
from points.admin.backtest_parts import BackTestForm, member_lines, minutes_left
from points.backtests import ask_back_test, cancel_back_test, continue_back_test
from points.backtests.asking import testable_drafts
from points.models import BackTest, BackTestMember, EarnRule
from points.tasks import nudge_back_tests

SHOWN = 30
STATE_LABELS = {
    "waiting": "info",
    "running": "info",
    "done": "success",
    "failed": "danger",
    "cancelled": "warning",
}


class BackTestMixin:
    """The pages on which drafts are run over past orders before anyone publishes them."""

    admin_site: Any
    opts: Any
    log_change: Any
    has_change_permission: Any

    def back_test_urls(self) -> list[Any]:
        pages: list[tuple[str, Callable[..., HttpResponseBase], str]] = [
            ("backtest/", self.back_tests_view, "back_tests"),
            ("backtest/<int:test_id>/", self.back_test_view, "back_test"),
            ("backtest/<int:test_id>/stop/", self.stop_view, "back_test_stop"),
            ("backtest/<int:test_id>/continue/", self.continue_view, "back_test_continue"),
            ("backtest/<int:test_id>/members/", self.members_view, "back_test_members"),
        ]
        return [
            path(address, self.admin_site.admin_view(view), name=f"points_{name}")
            for address, view, name in pages
        ]

    # --- the ways to them -------------------------------------------------------------

    @action(description=_("Back-test"), icon="science", url_path="to-back-tests")
    def back_test_page(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:points_back_tests"))

    @action(
        description=_("Test this draft on past orders"),
        icon="science",
        permissions=["test_draft"],
        url_path="to-back-test",
    )
    def test_draft_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        address = reverse("admin:points_back_tests")
        return HttpResponseRedirect(f"{address}?rule={object_id}")

    def has_test_draft_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether this person may test the draft of this rule, and there is one."""
        if not self.has_change_permission(request):
            return False
        return any(str(rule.pk) == str(obj) for rule in testable_drafts())

    # --- asking -----------------------------------------------------------------------

    def back_tests_view(self, request: HttpRequest) -> HttpResponse:
        """Show the form and the back-tests there were; ask for a new one."""
        _may_look(request)
        may_ask = self.has_change_permission(request)
        drafts = testable_drafts()
        data = request.POST if request.method == "POST" else None
        form = BackTestForm(data, drafts=drafts, initial=_prefilled(request))
        if request.method == "POST":
            if not may_ask:
                raise PermissionDenied
            if form.is_valid() and (test := self._ask(request, form)):
                return HttpResponseRedirect(_address(test))
        context = {
            **self._frame(request, _("Back-test")),
            "form": form,
            "may_ask": may_ask,
            "drafts": drafts,
            "tests": [_row(test) for test in BackTest.objects.all()[:SHOWN]],
        }
        return render(request, "admin/points/earnrule/back_tests.html", context)

    def _ask(self, request: HttpRequest, form: BackTestForm) -> BackTest | None:
        now = timezone.now()
        first_day, last_day = form.period(local_date(now))
        try:
            test = ask_back_test(
                first_day=first_day,
                last_day=last_day,
                at=now,
                by=request.user.get_username(),
                rule=form.cleaned_data["rule"],
                point_worth=form.cleaned_data.get("point_worth"),
            )
        except DomainError as error:
            form.add_error(None, str(error.message))
            return None
        nudge_back_tests()
        return test

    # --- watching and reading ---------------------------------------------------------

    def back_test_view(self, request: HttpRequest, test_id: int) -> HttpResponse:
        """Show how far a back-test is, or what it came to; it refreshes itself."""
        _may_look(request)
        test = get_object_or_404(BackTest.objects.select_related("rule"), pk=test_id)
        context = {
            **self._frame(request, _("Back-test")),
            "test": test,
            "asked_at": when(test.asked_at),
            "state_label": STATE_LABELS[test.state],
            "may_ask": self.has_change_permission(request),
            "minutes_left": minutes_left(test, timezone.now()),
            "back": reverse("admin:points_back_tests"),
        }
        if test.state == BackTest.State.DONE:
            context |= result_page(test, request)
        response = render(request, "admin/points/earnrule/back_test.html", context)
        if request.headers.get("HX-Request") and not test.is_open:
            # The whole page once more: a chart is only drawn when a page loads.
            response["HX-Refresh"] = "true"
        return response

    def stop_view(self, request: HttpRequest, test_id: int) -> HttpResponse:
        return self._act(request, test_id, cancel_back_test, _("The back-test is stopped."))

    def continue_view(self, request: HttpRequest, test_id: int) -> HttpResponse:
        response = self._act(
            request, test_id, continue_back_test, _("The back-test goes on.")
        )
        nudge_back_tests()
        return response

    def _act(
        self,
        request: HttpRequest,
        test_id: int,
        verb: Callable[[BackTest], BackTest],
        done: Any,
    ) -> HttpResponse:
        if request.method != "POST" or not self.has_change_permission(request):
            raise PermissionDenied
        test = get_object_or_404(BackTest, pk=test_id)
        try:
            verb(test)
        except DomainError as error:
            messages.error(request, str(error.message))
        else:
            messages.success(request, done)
        return HttpResponseRedirect(_address(test))

    # --- all members as a file --------------------------------------------------------

    def members_view(self, request: HttpRequest, test_id: int) -> HttpResponseBase:
        """Stream what a back-test comes to for each member; that it was taken is noted."""
        _may_look(request)
        if not request.user.has_perm("members.view_member"):
            raise PermissionDenied
        test = get_object_or_404(BackTest, pk=test_id, state=BackTest.State.DONE)
        if not BackTestMember.objects.filter(back_test=test).exists():
            raise Http404
        self.log_change(request, test, "export of the members")
        response = StreamingHttpResponse(
            member_lines(test), content_type="text/csv; charset=utf-8"
        )
        name = f"back-test-{test.pk}-{timezone.localdate():%Y-%m-%d}.csv"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        response["Cache-Control"] = "no-store"
        return response

    def _frame(self, request: HttpRequest, title: Any) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
        }


def _may_look(request: HttpRequest) -> None:
    if not request.user.has_perm("points.view_earnrule"):
        raise PermissionDenied


def _address(test: BackTest) -> str:
    return reverse("admin:points_back_test", args=[test.pk])


def _prefilled(request: HttpRequest) -> dict[str, Any]:
    rule = request.GET.get("rule", "")
    found = EarnRule.objects.filter(pk=rule).first() if rule.isdigit() else None
    return {"rule": found.pk if found else None}


def _row(test: BackTest) -> dict[str, Any]:
    percent = 100 * test.num_done // test.num_orders if test.num_orders else 0
    return {
        "test": test,
        "address": _address(test),
        "asked_at": when(test.asked_at),
        "label": STATE_LABELS[test.state],
        "percent": percent,
    }
