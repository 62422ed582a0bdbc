"""One tier: its perks, and a button that drafts a points multiplier for its members."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import DecimalField
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from simple_history.admin import SimpleHistoryAdmin
from unfold.admin import TabularInline
from unfold.decorators import action, display

from core.admin_tools import ConsoleAdmin, link, programme_of
from core.errors import DomainError
from core.form_fields import PlainDecimalField
from points.models import Wallet
from tiers.admin.ladder import TierForm
from tiers.definition import draft_definition
from tiers.models import Perk, Tier, TierGift, TierReward
from tiers.multipliers import draft_multiplier, wallets_to_multiply
from tiers.sentence import describe_threshold


class PerkInline(TabularInline):
    model = Perk
    fields = ("name", "kind", "percent", "amount", "sentence")
    extra = 0
    hide_title = True
    verbose_name_plural = _("perks: what this tier is worth to its members")

    def formfield_for_dbfield(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> Any:
        if isinstance(db_field, DecimalField):
            kwargs["form_class"] = PlainDecimalField
        return super().formfield_for_dbfield(db_field, request, **kwargs)


class GiftInline(TabularInline):
    model = TierGift
    fields = ("occasion", "benefit", "is_active")
    autocomplete_fields = ("benefit",)
    extra = 0
    hide_title = True
    verbose_name_plural = _("gifts: what members of this tier are given, and when")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Switched off instead: what was given names it.
        return False


class RewardInline(TabularInline):
    model = TierReward
    fields = ("reward", "price_points", "early_hours", "is_required")
    autocomplete_fields = ("reward",)
    extra = 0
    hide_title = True
    verbose_name_plural = _("rewards: other prices and early access from this tier on")


@admin.register(Tier)
class TierAdmin(SimpleHistoryAdmin, ConsoleAdmin):
    form = TierForm
    list_display = ("name", "of_ladder", "asks", "is_active")
    list_filter = ("ladder", "is_active")
    list_select_related = ("ladder",)
    search_fields = ("code", "name")
    inlines = (PerkInline, GiftInline, RewardInline)
    actions_detail = ("multiplier", "to_ladder")
    fieldsets = (
        (_("Tier"), {"fields": (("name", "code"), "color", "is_active")}),
        (
            _("What it asks for"),
            {
                "fields": (("spend", "points", "orders"),),
                "description": _(
                    "Changes here belong to the draft: members notice them once the "
                    "ladder is published."
                ),
            },
        ),
    )

    def formfield_for_dbfield(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> Any:
        if isinstance(db_field, DecimalField):
            kwargs["form_class"] = PlainDecimalField
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Tiers are added on the page of their ladder, beside the others.
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        self.currency = str(programme_of(request).currency)
        return super().get_changelist_instance(request)

    @display(description=_("Ladder"), ordering="ladder")
    def of_ladder(self, tier: Tier) -> str:
        return link(tier.ladder)

    @display(description=_("What it asks for"))
    def asks(self, tier: Tier) -> str:
        draft = draft_definition(tier.ladder)
        step = draft.step(tier.pk)
        return describe_threshold(step, draft, currency=self.currency) if step else "–"

    # --- buttons ----------------------------------------------------------------------

    def has_multiplier_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("points.add_earnrule"))

    @action(
        description=_("More points for this tier"),
        icon="star",
        permissions=["multiplier"],
        url_path="multiplier",
    )
    def multiplier(self, request: HttpRequest, object_id: str) -> HttpResponse:
        tier = get_object_or_404(Tier.objects.select_related("ladder"), pk=object_id)
        wallets = wallets_to_multiply()
        chosen = [one for one in wallets if one.code == request.GET.get("wallet")]
        if len(wallets) > 1 and not chosen:
            return self._ask_wallet(request, tier, wallets)
        try:
            rule = draft_multiplier(tier, wallet=chosen[0] if chosen else None)
        except DomainError as error:
            messages.error(request, str(error.message))
            return HttpResponseRedirect(
                reverse("admin:tiers_tier_change", args=[object_id])
            )
        messages.success(
            request,
            _("Set how many times, then publish the rule. Until then it gives nothing."),
        )
        return HttpResponseRedirect(reverse("admin:points_earnrule_change", args=[rule.pk]))

    def _ask_wallet(
        self, request: HttpRequest, tier: Tier, wallets: list[Wallet]
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": _("More points for this tier"),
            "opts": self.opts,
            "original": tier,
            "wallets": wallets,
        }
        return render(request, "admin/tiers/tier/multiplier.html", context)

    @action(description=_("The whole ladder"), icon="stairs", url_path="ladder")
    def to_ladder(self, request: HttpRequest, object_id: str) -> HttpResponse:
        tier = get_object_or_404(Tier, pk=object_id)
        return HttpResponseRedirect(
            reverse("admin:tiers_ladder_change", args=[tier.ladder_id])
        )
