"""Benefits for many members: asked for, watched, stopped, taken back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from core.admin_tools import (
    ConsoleAdmin,
    ReadOnlyMixin,
    link,
    list_address,
    money,
    number,
    percent,
    programme_of,
    two_lines,
    when,
)
from core.errors import DomainError
from core.models import ChangeRequest
from members.models import Segment, Tag
from rewards.admin.batch_forms import TwoStepForm
from rewards.admin.batch_page import Consequences, Tile
from rewards.admin.batches import badge
from rewards.admin.two_steps import TwoStepMixin
from rewards.handouts import (
    Chosen,
    ask_handout,
    choose_list,
    choose_segment,
    choose_tag,
    continue_handout,
    stop_handout,
    take_back_handout,
    what_it_means,
)
from rewards.handouts.asking import request_for, waiting_for
from rewards.models import Benefit, GivenBenefit, Handout, HandoutMember
from rewards.sentence import describe_benefit
from rewards.tasks import nudge_batches

FOLDER = "admin/rewards/handout"
STATE_BADGES = {
    "waiting": "warning",
    "rejected": "danger",
    "running": "info",
    "done": "success",
    "stopped": "warning",
    "failed": "danger",
    "taking_back": "info",
    "taken_back": "warning",
}
CHANGE = "rewards.change_handout"
# So many lines of a list that name nobody are shown.
SHOWN = 10


class BenefitField(forms.ModelChoiceField):
    """A benefit in use."""

    def label_from_instance(self, obj: Benefit) -> str:
        return obj.name


class HandoutForm(TwoStepForm):
    """What is given, to whom, on what occasion."""

    benefit = BenefitField(
        label=gettext_lazy("What they get"),
        queryset=Benefit.objects.filter(is_active=True).order_by("name"),
        empty_label=gettext_lazy("choose…"),
        widget=UnfoldAdminSelectWidget(),
    )
    name = forms.CharField(
        label=gettext_lazy("On what occasion"),
        max_length=80,
        widget=UnfoldAdminTextInputWidget(),
        help_text=gettext_lazy("Stays with each of them: “Opening of the store in Huế”."),
    )
    segment = forms.ModelChoiceField(
        label=gettext_lazy("Everyone in a group"),
        queryset=Segment.objects.order_by("name"),
        required=False,
        empty_label="–",
        widget=UnfoldAdminSelectWidget(),
    )
    tag = forms.ModelChoiceField(
        label=gettext_lazy("Or everyone with a tag"),
        queryset=Tag.objects.order_by("name"),
        required=False,
        empty_label="–",
        widget=UnfoldAdminSelectWidget(),
    )
    listed = forms.CharField(
        label=gettext_lazy("Or a list"),
        required=False,
        max_length=200_000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 6}),
        help_text=gettext_lazy("One to a line: member code, phone or card number."),
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        told = [name for name in ("segment", "tag", "listed") if data.get(name)]
        if len(told) != 1:
            raise forms.ValidationError(_("Choose one of the three: group, tag or list."))
        return data

    def chosen(self, at: datetime) -> Chosen:
        """Return who is meant."""
        data = self.cleaned_data
        if data["segment"]:
            return choose_segment(data["segment"], at=at)
        return choose_tag(data["tag"]) if data["tag"] else choose_list(data["listed"])


@admin.register(Handout)
class HandoutAdmin(TwoStepMixin, ReadOnlyMixin, ConsoleAdmin):
    list_display = ("what", "num_members", "num_handed_out", "progress", "asked")
    list_filter = ("state", "benefit")
    list_select_related = ("benefit", "asked_by")
    search_fields = ("name", "benefit__name")
    search_help_text = gettext_lazy("Occasion or benefit")
    ordering = ("-pk",)
    actions_list = ("ask_page",)
    empty_title = gettext_lazy("Nothing was given to many yet")
    empty_text = gettext_lazy(
        "Choose a benefit and a group, a tag or a list: you see how many and what it costs "
        "before anything happens."
    )

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        own = [
            path("ask/", wrap(self.ask_view), name="rewards_handout_ask"),
            path(
                "<int:handout_id>/change/",
                wrap(self.page_view),
                name="rewards_handout_change",
            ),
            *(
                path(
                    f"<int:handout_id>/{name}/",
                    wrap(require_POST(self._step(verb, done))),
                    name=f"rewards_handout_{name}",
                )
                for name, verb, done in STEPS
            ),
        ]
        return [*own, *super().get_urls()]

    # --- asking -------------------------------------------------------------------------

    @action(
        description=gettext_lazy("Give to many"),
        icon="volunteer_activism",
        variant=ActionVariant.PRIMARY,
        permissions=["ask"],
        url_path="to-ask",
    )
    def ask_page(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:rewards_handout_ask"))

    def has_ask_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("rewards.add_handout"))

    def ask_view(self, request: HttpRequest) -> HttpResponse:
        """Say who gets what, read what that comes to, and do it."""

        def look(form: Any, now: datetime) -> Consequences:
            benefit = form.cleaned_data["benefit"]
            return consequences(benefit, form.chosen(now), request)

        def act(form: Any, now: datetime) -> HttpResponse:
            data = form.cleaned_data
            asked = ask_handout(
                benefit=data["benefit"],
                chosen=form.chosen(now),
                name=data["name"],
                key=data["key"],
                by=_user(request),
                at=now,
            )
            return self._asked(request, asked)

        initial = {"benefit": request.GET.get("benefit")}
        form = self._form(request, HandoutForm, initial)
        frame = {
            "title": _("Give to many"),
            "heading": _("A benefit for many members"),
            "lead": _(
                "Who is chosen now gets it, each once, in the background. What nobody has "
                "used can be taken back."
            ),
            "act": _("Give it"),
        }
        return self._two_steps(request, form, look, act, frame)

    def _asked(self, request: HttpRequest, asked: Handout | ChangeRequest) -> HttpResponse:
        if isinstance(asked, ChangeRequest):
            messages.warning(
                request, _("Nothing is given yet: a second person has to approve this.")
            )
            return HttpResponseRedirect(reverse("admin:core_changerequest_changelist"))
        self.log_addition(request, asked, f"for {asked.size} members")
        nudge_batches()
        return HttpResponseRedirect(_address(asked.pk))

    # --- one of them --------------------------------------------------------------------

    def page_view(self, request: HttpRequest, handout_id: int) -> HttpResponse:
        """Show how far it is and what became of it; it refreshes itself."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = Handout.objects.select_related("benefit", "asked_by")
        handout = get_object_or_404(rows, pk=handout_id)
        currency = str(programme_of(request).currency)
        waits = waiting_for(handout)
        context = {
            **self._page(request, handout.name),
            "original": handout,
            "handout": handout,
            "is_live": handout.is_open,
            "state_label": STATE_BADGES[handout.state],
            "part": handout.position,
            "asked": when(handout.asked_at),
            "gives": describe_benefit(handout.benefit, currency=currency),
            "tiles": tiles(handout, currency),
            "reasons": reasons(handout),
            "waiting": link(waits, _("Waits for a second person")) if waits else "",
            "why_not": why_not(handout),
            "may_change": request.user.has_perm(CHANGE),
            "num_open": handout.num_given - handout.num_back - handout.num_kept,
        }
        return render(request, f"{FOLDER}/page.html", context)

    def _step(self, verb: Callable[[Handout], Handout], done: Any) -> Callable[..., Any]:
        def view(request: HttpRequest, handout_id: int) -> HttpResponse:
            if not request.user.has_perm(CHANGE):
                raise PermissionDenied
            handout = get_object_or_404(Handout, pk=handout_id)
            try:
                verb(handout)
            except DomainError as error:
                messages.error(request, str(error.message))
            else:
                self.log_change(request, handout, verb.__name__.replace("_", " "))
                messages.success(request, str(done))
                nudge_batches()
            return HttpResponseRedirect(_address(handout_id))

        return view

    # --- the list -----------------------------------------------------------------------

    @display(description=gettext_lazy("Occasion"), ordering="name")
    def what(self, handout: Handout) -> str:
        return two_lines(handout.name, f"{handout.benefit} · {handout.chosen}")

    @display(description=gettext_lazy("Members"), ordering="size")
    def num_members(self, handout: Handout) -> str:
        return number(handout.size)

    @display(description=gettext_lazy("Given"), ordering="num_given")
    def num_handed_out(self, handout: Handout) -> str:
        return number(handout.num_given - handout.num_back)

    @display(description=gettext_lazy("State"), ordering="state")
    def progress(self, handout: Handout) -> str:
        state = badge(handout.get_state_display(), STATE_BADGES[handout.state])
        if not handout.is_open:
            return state
        return format_html(
            '<span class="console-under-way">{}<small class="console-quiet">{}</small>'
            "</span>",
            state,
            percent(*handout.position),
        )

    @display(description=gettext_lazy("Asked for"), ordering="asked_at")
    def asked(self, handout: Handout) -> str:
        return two_lines(when(handout.asked_at), handout.actor)


STEPS = (
    ("stop", stop_handout, gettext_lazy("It is stopped. What was given so far stays.")),
    ("continue", continue_handout, gettext_lazy("It goes on.")),
    (
        "take-back",
        take_back_handout,
        gettext_lazy("What nobody has used is being taken back."),
    ),
)


def consequences(benefit: Benefit, chosen: Chosen, request: HttpRequest) -> Consequences:
    """Say how many get it, what that costs, and what stands in the way."""
    meaning = what_it_means(benefit, chosen)
    currency = str(programme_of(request).currency)
    text = ngettext(
        "%(count)s active member (%(chosen)s) gets: %(gives)s",
        "%(count)s active members (%(chosen)s) get: %(gives)s",
        meaning.count,
    )
    lines = [
        text
        % {
            "count": number(meaning.count),
            "chosen": chosen.words,
            "gives": describe_benefit(benefit, currency=currency),
        },
        _("It costs %(cost)s in all.") % {"cost": money(meaning.cost, currency)},
    ]
    if meaning.room is not None:
        told = {"room": number(meaning.room)}
        if meaning.is_short:
            lines.append(
                _("The budget has room for %(room)s only: the others get nothing.") % told
            )
        else:
            lines.append(_("The budget has room for %(room)s.") % told)
    if chosen.unknown:
        shown = ", ".join(chosen.unknown[:SHOWN])
        dots = " …" if len(chosen.unknown) > SHOWN else ""
        lines.append(
            _("%(count)s of the list are nobody here: %(lines)s")
            % {"count": number(len(chosen.unknown)), "lines": shown + dots}
        )
    if meaning.waits:
        lines.append(_("It is so much that a second person has to approve it first."))
    return Consequences(lines, meaning.waits)


def tiles(handout: Handout, currency: str) -> list[Tile]:
    """Return the numbers of a handout, and the lists behind them."""
    given = list_address(
        GivenBenefit, source=GivenBenefit.Source.STAFF.value, source_id=handout.pk
    )
    stays = handout.num_given - handout.num_back
    cost = money(handout.benefit.value * stays, currency)
    return [
        Tile(_("Members"), number(handout.size), handout.chosen),
        Tile(
            _("Given"),
            number(stays),
            _("cost %(cost)s") % {"cost": cost},
            given if handout.num_given else "",
        ),
        Tile(_("Not given"), number(handout.num_refused), _("said why below")),
        Tile(
            _("Taken back"),
            number(handout.num_back),
            _("%(count)s used already") % {"count": number(handout.num_kept)},
        ),
    ]


def why_not(handout: Handout) -> str:
    """Say who did not approve it, and why."""
    asked = request_for(handout) if handout.state == Handout.State.REJECTED else None
    if asked is None or asked.decided_at is None:
        return ""
    if asked.decided_by is None:
        text = _("Taken back by who asked for it, %(at)s. Nobody gets anything.")
        return text % {"at": when(asked.decided_at)}
    text = _("%(who)s did not approve it, %(at)s. Nobody gets anything.")
    told = text % {"who": asked.decided_by.get_username(), "at": when(asked.decided_at)}
    return f"{told} {asked.decision_note}".strip()


def reasons(handout: Handout) -> list[tuple[str, str]]:
    """Return why some got nothing, or keep it, with how many these are."""
    Outcome = HandoutMember.Outcome
    rows = HandoutMember.objects.filter(
        handout=handout, outcome__in=(Outcome.REFUSED, Outcome.KEPT)
    )
    counted = rows.order_by().values_list("reason").annotate(count=Count("pk"))
    return [(why, number(count)) for why, count in sorted(counted, key=lambda r: -r[1])]


def _address(handout_id: int) -> str:
    return reverse("admin:rewards_handout_change", args=[handout_id])


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User), "the console lets nobody else in"
    return request.user
