"""The pages on which staff merge two members, and undo it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.widgets import UnfoldAdminTextInputWidget

from core.errors import DomainError
from core.models import ChangeRequest
from flows.merge import PERMISSION, ask_to_merge, check_can_undo, unmerge_members
from members.admin.merge_sides import (
    consequences,
    outcome_lines,
    sides,
    undo_consequences,
)
from members.admin.search import member_ids_for_search
from members.models import Member, MemberMerge
from members.services import check_can_merge
from points.services import plan_unmerge

SHOWN = 10


class FindForm(forms.Form):
    """Who else is this person in the programme."""

    q = forms.CharField(
        label=_("Phone, card number, e-mail, member code or name"),
        max_length=100,
        widget=UnfoldAdminTextInputWidget(attrs={"autofocus": True}),
        help_text=_("Of the other entry for the same person."),
    )


class WhyForm(forms.Form):
    """In a few words, why: it stays with the record."""

    note = forms.CharField(
        label=_("How do you know"),
        max_length=200,
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("For example: same identity card, shown at the counter."),
    )


class WhyNotForm(WhyForm):
    """In a few words, why they are two people after all."""

    note = forms.CharField(
        label=_("What was wrong"),
        max_length=200,
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("For example: mother and daughter who share a phone."),
    )


class MergingMixin:
    """Merge with another member, and undo it."""

    admin_site: Any
    opts: Any
    media: Any
    log_change: Any

    def get_urls(self) -> list[Any]:
        pages = [
            path(
                "<int:member_id>/merge/",
                self.admin_site.admin_view(self.merge_view),
                name="members_member_merge",
            ),
            path(
                "<int:member_id>/unmerge/",
                self.admin_site.admin_view(self.unmerge_view),
                name="members_member_unmerge",
            ),
        ]
        return [*pages, *super().get_urls()]  # type: ignore[misc]

    @action(
        description=_("Merge with another member…"),
        icon="call_merge",
        permissions=["merge"],
        url_path="merge-with",
    )
    def merge_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:members_member_merge", args=[object_id]))

    @action(
        description=_("Undo the merge"),
        icon="call_split",
        permissions=["unmerge"],
        url_path="undo-merge",
    )
    def unmerge_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return HttpResponseRedirect(
            reverse("admin:members_member_unmerge", args=[object_id])
        )

    def has_merge_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(PERMISSION) and not _is_merged(obj)

    def has_unmerge_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(PERMISSION) and _is_merged(obj)

    def merge_view(self, request: HttpRequest, member_id: int) -> HttpResponse:
        """Find the other member, look at both, and merge."""
        if not request.user.has_perm(PERMISSION):
            raise PermissionDenied
        kept = get_object_or_404(Member, pk=member_id)
        term = request.GET.get("q", "").strip()
        other, found = _find(request.GET.get("other", ""), term, kept)
        form = WhyForm(request.POST or None)
        context = {
            "title": _("Merge with another member"),
            "member": kept,
            "term": term,
            "found": found,
            "form": form,
            "find_form": FindForm({"q": term} if term else None),
        }
        if other is None:
            return self._page(request, "merge.html", context)
        if request.method == "POST" and form.is_valid():
            try:
                self._merge(request, kept, other, form.cleaned_data["note"])
            except DomainError as error:
                form.add_error(None, str(error))
            else:
                return HttpResponseRedirect(kept.get_absolute_url())
        context |= {
            "other": other,
            "sides": sides(kept, other, request),
            "consequences": consequences(kept, other),
            "refusal": _refusal(check_can_merge, kept=kept, merged=other),
        }
        return self._page(request, "merge.html", context)

    def unmerge_view(self, request: HttpRequest, member_id: int) -> HttpResponse:
        """Show what undoing a merge gives back, and undo it."""
        if not request.user.has_perm(PERMISSION):
            raise PermissionDenied
        standing = MemberMerge.objects.filter(undone_at__isnull=True)
        merge = get_object_or_404(
            standing.select_related("kept", "merged"), merged=member_id
        )
        form = WhyNotForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                self._unmerge(request, merge, form.cleaned_data["note"])
            except DomainError as error:
                form.add_error(None, str(error))
            else:
                return HttpResponseRedirect(merge.merged.get_absolute_url())
        plans = plan_unmerge(
            merge_id=merge.pk, kept_id=merge.kept_id, merged_id=merge.merged_id
        )
        context = {
            "title": _("Undo the merge"),
            "member": merge.merged,
            "merge": merge,
            "form": form,
            "consequences": undo_consequences(merge, plans),
            "is_short": any(plan.short for plan in plans),
            "refusal": _refusal(check_can_undo, merge),
        }
        return self._page(request, "unmerge.html", context)

    def _merge(self, request: HttpRequest, kept: Member, other: Member, note: str) -> None:
        assert isinstance(request.user, User), "the console lets nobody else in"
        done = ask_to_merge(
            kept=kept, merged=other, note=note, by=request.user, at=timezone.now()
        )
        if isinstance(done, ChangeRequest):
            messages.warning(
                request, _("Nothing has moved yet: a second person has to approve this.")
            )
            return
        self.log_change(request, kept, f"Merged with {other.code}: {note}")
        messages.success(
            request,
            _("%(merged)s is now %(kept)s.") % {"merged": other.code, "kept": kept},
        )

    def _unmerge(self, request: HttpRequest, merge: MemberMerge, note: str) -> None:
        undone = unmerge_members(
            merge=merge, note=note, by=request.user.get_username(), at=timezone.now()
        )
        self.log_change(request, merge.kept, f"Merge undone: {note}")
        messages.success(request, _("The merge is undone."))
        for line in outcome_lines(undone):
            messages.info(request, line)

    def _page(
        self, request: HttpRequest, template: str, context: dict[str, Any]
    ) -> HttpResponse:
        shell = {
            **self.admin_site.each_context(request),
            "original": context["member"],
            "opts": self.opts,
            "media": self.media,
        }
        return render(request, f"admin/members/member/{template}", {**shell, **context})


def _is_merged(pk: Any) -> bool:
    return bool(pk and Member.objects.filter(pk=pk, merged_into__isnull=False).exists())


def _find(chosen: str, term: str, kept: Member) -> tuple[Member | None, list[Member]]:
    """Return the member that was chosen or found alone, else those to choose from."""
    others = Member.objects.exclude(pk=kept.pk)
    if chosen.isdigit():
        return get_object_or_404(others, pk=int(chosen)), []
    others = others.filter(merged_into__isnull=True)
    if not term:
        return None, []
    ids = member_ids_for_search(term, limit=SHOWN)
    found = list(others.filter(pk__in=ids).order_by("name", "code")[:SHOWN])
    return (found[0], []) if len(found) == 1 else (None, found)


def _refusal(check: Any, *args: Any, **kwargs: Any) -> str:
    """Return why something cannot be, before anybody fills in a form."""
    try:
        check(*args, **kwargs)
    except DomainError as error:
        return str(error)
    return ""
