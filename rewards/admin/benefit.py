"""Benefits in the console: the fields of their kind, what they give, where they are."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import DecimalField, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from simple_history.admin import SimpleHistoryAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from core.admin.editing import TwoPeopleMixin
from core.admin_tools import (
    NOTHING,
    ConsoleAdmin,
    list_address,
    money,
    number,
    programme_of,
    two_lines,
)
from core.form_fields import AmountField
from members.admin.search import member_ids_for_search
from members.models import Member
from points.models import Wallet
from rewards.admin.beside import BesideFormMixin
from rewards.admin.uses import uses_of
from rewards.benefits import save_benefit
from rewards.budgets import budget_too_small, given_so_far
from rewards.giving import KINDS
from rewards.models import Benefit, GivenBenefit
from rewards.sentence import describe_benefit

ON_BADGES = {"on": "success", "off": "warning"}
SHOWN = 10
# What was given is counted up to here; more is a matter of reports.
COUNTED = 10_000

# What the model says in a line, in a word.
KIND_NAMES: dict[str, Any] = {
    Benefit.Kind.POINTS: _("points or money"),
    Benefit.Kind.VOUCHER: _("voucher"),
    Benefit.Kind.GIFT: _("gift"),
    Benefit.Kind.EXPERIENCE: _("experience"),
    Benefit.Kind.DONATION: _("donation"),
    Benefit.Kind.TAG: _("tag"),
    Benefit.Kind.TIER_DAYS: _("days in a tier"),
}
# What happened is no use of a benefit.
RECORDS = frozenset({"rewards.GivenBenefit", "rewards.Slot"})

# What has to be said for a kind, and how it is asked for.
NEEDED: dict[str, dict[str, Any]] = {
    Benefit.Kind.POINTS: {
        "wallet": _("Choose the wallet."),
        "amount": _("Write how much of it is given."),
    },
    Benefit.Kind.VOUCHER: {"voucher_type": _("Choose the type of voucher.")},
    Benefit.Kind.DONATION: {"value": _("Write how much is donated.")},
    Benefit.Kind.TAG: {"tag": _("Choose the tag.")},
}


class BenefitForm(forms.ModelForm):
    """Asks for what the kind needs, where it is missing."""

    class Meta:
        model = Benefit
        fields = "__all__"  # noqa: DJ007 - the fieldsets below name what is shown

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        kind = data.get("kind") or self.instance.kind
        for name, sentence in NEEDED.get(kind, {}).items():
            if name not in self.errors and not data.get(name):
                self.add_error(name, sentence)
        return data

    def clean_budget(self) -> int | None:
        budget: int | None = self.cleaned_data["budget"]
        saved = Benefit.objects.filter(pk=self.instance.pk or 0).first()
        if budget is None or saved is None or budget == saved.budget:
            return budget
        given = given_so_far(saved)
        if budget < given:
            raise forms.ValidationError(budget_too_small(given))
        # The constraint would look at a count that may be old, or not there yet.
        self.instance.taken = given
        return budget


class FindMemberForm(forms.Form):
    """Who gets it."""

    q = forms.CharField(
        label=_("Phone, card number, e-mail, member code or name"),
        max_length=100,
        widget=UnfoldAdminTextInputWidget(attrs={"autofocus": True}),
    )


@admin.register(Benefit)
class BenefitAdmin(TwoPeopleMixin, BesideFormMixin, SimpleHistoryAdmin, ConsoleAdmin):
    form = BenefitForm
    list_display = ("title", "kind_badge", "num_value", "num_given", "state_badge")
    list_filter = ("kind", "is_active", "funder")
    list_select_related = ("wallet", "voucher_type", "tag")
    search_fields = ("code", "name")
    prepopulated_fields = {"code": ("name",)}
    compressed_fields = False
    autocomplete_fields = ("voucher_type", "tag", "funder")
    fieldsets = (
        (_("What it is"), {"fields": (("name", "code"), "kind")}),
        (
            _("What is given"),
            {
                "fields": (
                    ("wallet", "amount"),
                    "voucher_type",
                    ("handover", "delivery_fee"),
                    "cause",
                    "tag",
                )
            },
        ),
        (_("What it costs, and who pays"), {"fields": (("value", "funder"),)}),
        (_("How often, and where it stands"), {"fields": ("budget", "is_active")}),
    )
    change_form_outer_before_template = "admin/rewards/benefit/_summary.html"
    change_form_outer_after_template = "admin/rewards/benefit/_aside.html"
    empty_title = _("No benefits yet")
    empty_text = _(
        "A benefit is anything that can be given: a voucher, points, a gift. Rewards sell "
        "it, tiers and campaigns give it."
    )

    class Media:
        js = ("js/admin/follow.js",)

    # --- the form ---------------------------------------------------------------------

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        # What was given is taken back as what it is.
        given = obj is not None and GivenBenefit.objects.filter(benefit=obj).exists()
        return ("kind",) if given else ()

    def formfield_for_choice_field(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> Any:
        if db_field.name == "kind":
            # Only what an app here can hand over.
            kwargs["choices"] = [c for c in db_field.get_choices() if c[0] in ("", *KINDS)]
        return super().formfield_for_choice_field(db_field, request, **kwargs)

    def formfield_for_dbfield(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> Any:
        if isinstance(db_field, DecimalField):
            kwargs["form_class"] = AmountField
        if db_field.name == "wallet":
            kwargs["queryset"] = Wallet.objects.filter(is_active=True)
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def beside(self, request: HttpRequest, benefit: Benefit) -> dict[str, Any]:
        currency = str(programme_of(request).currency)
        beside: dict[str, Any] = {
            "sentence": describe_benefit(benefit, currency=currency)
            if benefit.kind
            else "",
            "follow_id": benefit.pk or 0,
            "kind": benefit.kind,
        }
        if benefit.pk:
            given = GivenBenefit.objects.filter(benefit=benefit)
            counted = given.filter(taken_back_at__isnull=True)[: COUNTED + 1].count()
            beside |= {
                "benefit": benefit,
                "given": number(min(counted, COUNTED)),
                "is_more": counted > COUNTED,
                "given_list": list_address(GivenBenefit, benefit__id__exact=benefit.pk),
                "uses": uses_of(benefit, request.user, without=RECORDS),
                "may_hand_out": request.user.has_perm("rewards.add_handout"),
                "may_give": benefit.is_active and self.has_give_permission(request),
            }
        return beside

    def save_model(
        self, request: HttpRequest, obj: Benefit, form: Any, change: bool
    ) -> None:
        # An earlier state is another object: nothing in its form was changed.
        is_earlier = hasattr(obj, "_history")
        save_benefit(obj, changed=form.fields if is_earlier else form.changed_data)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # What was given stays explained; a benefit is switched off instead.
        allowed = bool(super().has_delete_permission(request, obj))
        return allowed and obj is not None and not obj.given.exists()

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        own = [
            path(
                "<int:benefit_id>/sentence/",
                wrap(require_POST(self.sentence_view)),
                name="rewards_benefit_sentence",
            ),
            path(
                "<int:benefit_id>/give/",
                wrap(self.give_view),
                name="rewards_benefit_give",
            ),
        ]
        return [*own, *super().get_urls()]

    def sentence_view(self, request: HttpRequest, benefit_id: int) -> HttpResponse:
        """Say the benefit that stands in the form right now."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        benefit = Benefit.objects.filter(pk=benefit_id).first() or Benefit()
        obj = benefit if benefit.pk else None
        form = self.get_form(request, obj)(request.POST, instance=benefit)
        form.is_valid()
        currency = str(programme_of(request).currency)
        sentence = describe_benefit(benefit, currency=currency) if benefit.kind else ""
        context = {"sentence": sentence}
        return render(request, "admin/rewards/benefit/_sentence.html", context)

    # --- giving it by hand ------------------------------------------------------------

    def has_give_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("rewards.give_benefit"))

    def give_view(self, request: HttpRequest, benefit_id: int) -> HttpResponse:
        """Find the member who gets it; the member's own page gives it."""
        may_find = request.user.has_perm("members.view_member")
        if not self.has_give_permission(request) or not may_find:
            raise PermissionDenied
        benefit = get_object_or_404(Benefit, pk=benefit_id)
        term = request.GET.get("q", "").strip()
        context = {
            **self.admin_site.each_context(request),
            "title": _("Give this benefit"),
            "original": benefit,
            "opts": self.opts,
            "benefit": benefit,
            "term": term,
            "found": find_members(term),
            "find_form": FindMemberForm({"q": term} if term else None),
            "media": self.media,
        }
        return render(request, "admin/rewards/benefit/give.html", context)

    # --- the list ---------------------------------------------------------------------

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        currency = str(programme_of(request).currency)
        benefits = list(changelist.result_list)
        for benefit in benefits:
            benefit.sentence = describe_benefit(benefit, currency=currency)
            benefit.cost = money(benefit.value, currency) if benefit.value else NOTHING
        changelist.result_list = benefits
        return changelist

    @display(description=_("Benefit"), ordering="name")
    def title(self, benefit: Any) -> str:
        return two_lines(benefit.name, benefit.sentence)

    @display(description=_("Kind"), label=True, ordering="kind")
    def kind_badge(self, benefit: Benefit) -> str:
        return str(KIND_NAMES.get(benefit.kind, benefit.kind))

    @display(description=_("Costs"), ordering="value")
    def num_value(self, benefit: Any) -> str:
        return str(benefit.cost)

    @display(description=_("Given under its budget"), ordering="taken")
    def num_given(self, benefit: Benefit) -> str:
        if benefit.budget is None:
            return NOTHING
        return f"{number(benefit.taken)} / {number(benefit.budget)}"

    @display(description=_("State"), label=ON_BADGES, ordering="is_active")
    def state_badge(self, benefit: Benefit) -> tuple[str, str | Promise]:
        return ("on", _("in use")) if benefit.is_active else ("off", _("off"))


def find_members(term: str) -> QuerySet[Member]:
    """Return those who are meant by what was typed, a few of them."""
    ids = member_ids_for_search(term, limit=SHOWN) if term else []
    found = Member.objects.filter(pk__in=ids, merged_into__isnull=True)
    return found.order_by("name")[:SHOWN]
