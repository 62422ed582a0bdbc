"""Rewards in the console: the form says what members will see and what comes of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, DecimalField, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from simple_history.admin import SimpleHistoryAdmin
from unfold.admin import TabularInline
from unfold.decorators import display

from core.admin_tools import (
    NOTHING,
    ConsoleAdmin,
    list_address,
    number,
    programme_of,
    two_lines,
)
from core.form_fields import AmountField
from core.picture_fields import PictureUploads, picture_preview
from points.models import Wallet
from points.queries import points_wallet
from rewards.admin.arranging import ArrangingMixin
from rewards.admin.beside import BesideFormMixin
from rewards.admin.preview import preview_of
from rewards.catalogue import (
    copy_reward,
    save_reward,
    stock_too_small,
    switch_rewards,
)
from rewards.models import Redemption, Reward, RewardLimit
from rewards.sentence import describe_price
from rewards.status import State, status_of, with_status

STATE_BADGES = {
    State.SHOWN: "success",
    State.COMING: "info",
    State.SOLD_OUT: "danger",
    State.OVER: "warning",
    State.OFF: "default",
}
LATELY = timedelta(days=30)


class RewardForm(forms.ModelForm):
    """Checks what only makes sense beside what members took already."""

    class Meta:
        model = Reward
        fields = "__all__"  # noqa: DJ007 - the fieldsets below name what is shown

    def clean_stock(self) -> int | None:
        stock: int | None = self.cleaned_data["stock"]
        row = Reward.objects.filter(pk=self.instance.pk or 0)
        taken = row.values_list("taken", flat=True).first() or 0
        if stock is not None and stock < taken:
            raise forms.ValidationError(stock_too_small(taken))
        self.instance.taken = taken
        return stock


class LimitInline(TabularInline):
    model = RewardLimit
    fields = ("times", "period", "per")
    verbose_name_plural = _("how often it can be had")
    extra = 0
    hide_title = True


class StateFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(state.value, state.label) for state in State]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Reward]
    ) -> QuerySet[Reward]:
        state = self.value()
        if state not in State.values:
            return queryset
        return with_status(queryset, state, at=timezone.now())


@admin.register(Reward)
class RewardAdmin(
    BesideFormMixin, PictureUploads, ArrangingMixin, SimpleHistoryAdmin, ConsoleAdmin
):
    form = RewardForm
    list_display = (
        "shown_picture",
        "title",
        "num_price",
        "num_left",
        "num_lately",
        "state_badge",
    )
    list_display_links = ("title",)
    list_filter = (StateFilter, "category", "benefit__kind", "is_featured")
    list_select_related = ("benefit", "category", "wallet")
    search_fields = ("code", "name", "benefit__name")
    search_help_text = _("Name, code, or what members get")
    ordering = ("position", "pk")
    prepopulated_fields = {"code": ("name",)}
    # Labels above their fields: the preview takes a third of the width.
    compressed_fields = False
    autocomplete_fields = ("benefit", "audience", "category")
    inlines = (LimitInline,)
    actions = ("switch_on", "switch_off")
    actions_list = ("arrange_page",)
    fieldsets = (
        (
            _("What it is"),
            {
                "fields": (
                    "name",
                    ("code", "category"),
                    "picture",
                    "description",
                    "fine_print",
                )
            },
        ),
        (_("What members get"), {"fields": ("benefit",)}),
        (
            _("What it costs them"),
            {
                "fields": (
                    ("price_points", "wallet"),
                    ("price_amount", "payment_hours"),
                )
            },
        ),
        (
            _("How many there are"),
            {
                "fields": (("stock", "low_stock"),),
                "description": _("How often each member can have it stands below."),
            },
        ),
        (
            _("Who and when"),
            {
                "fields": (
                    "audience",
                    "active_from",
                    "active_until",
                    "visible_from",
                    "visible_until",
                )
            },
        ),
        (
            _("By itself"),
            {"fields": ("redeems_itself", ("redeems_from", "redeems_asked"))},
        ),
        (_("Where it stands"), {"fields": ("is_active", "is_featured")}),
    )
    change_form_outer_before_template = "admin/rewards/reward/_summary.html"
    change_form_outer_after_template = "admin/rewards/reward/_aside.html"
    empty_title = _("The catalogue is empty")
    empty_text = _(
        "A reward is something that members can have for their points: make the first one."
    )

    class Media:
        js = ("js/admin/follow.js",)

    # --- the form ---------------------------------------------------------------------

    def formfield_for_dbfield(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> Any:
        if isinstance(db_field, DecimalField):
            kwargs["form_class"] = AmountField
        if db_field.name == "wallet":
            kwargs["queryset"] = Wallet.objects.filter(is_active=True)
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def beside(self, request: HttpRequest, reward: Reward) -> dict[str, Any]:
        """Return what stands above and beside the form."""
        at, is_saved = timezone.now(), reward.pk is not None
        limits = list(reward.limits.all()) if is_saved else []
        beside: dict[str, Any] = {
            "preview": preview_of(reward, limits, programme_of(request)),
            "preview_id": reward.pk or 0,
        }
        if is_saved:
            status = status_of(reward, at=at)
            beside |= {
                "reward": reward,
                "status": status,
                "state_badge": STATE_BADGES[status.state],
                "lately": had_lately([reward], at).get(reward.pk, 0),
                "redemptions": list_address(Redemption, reward__id__exact=reward.pk),
                "may_change": self.has_change_permission(request, reward),
                "may_copy": self.has_add_permission(request),
            }
        return beside

    def save_model(
        self, request: HttpRequest, obj: Reward, form: Any, change: bool
    ) -> None:
        save_reward(obj, changed=form.changed_data)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # What somebody had stays explained; it is switched off instead.
        allowed = bool(super().has_delete_permission(request, obj))
        return allowed and obj is not None and not obj.redemptions.exists()

    def get_urls(self) -> list[Any]:
        own = [
            path(
                f"<int:reward_id>/{name}/",
                self.admin_site.admin_view(require_POST(view)),
                name=f"rewards_reward_{name}",
            )
            for name, view in (
                ("preview", self.preview_view),
                ("copy", self.copy_view),
                ("switch", self.switch_view),
            )
        ]
        return [*own, *self.arranging_urls(), *super().get_urls()]

    def preview_view(self, request: HttpRequest, reward_id: int) -> HttpResponse:
        """Show what stands in the form right now; 0 is a reward that is not saved yet."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        reward = Reward.objects.filter(pk=reward_id).first() or Reward()
        obj = reward if reward.pk else None
        form = self.get_form(request, obj)(request.POST, instance=reward)
        form.is_valid()
        inline = LimitInline(Reward, self.admin_site)
        formset = inline.get_formset(request)(
            data=request.POST, prefix="limits", instance=Reward(pk=reward.pk)
        )
        formset.is_valid()
        limits = [
            RewardLimit(per=row["per"], times=row["times"], period=row["period"])
            for row in (each.cleaned_data for each in formset.forms if each.is_valid())
            if row.get("times") and not row.get("DELETE")
        ]
        context = {"preview": preview_of(reward, limits, programme_of(request))}
        return render(request, "admin/rewards/reward/_preview.html", context)

    # --- buttons ----------------------------------------------------------------------

    def copy_view(self, request: HttpRequest, reward_id: int) -> HttpResponse:
        """Make a reward like this one, switched off, and open it."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        copy = copy_reward(get_object_or_404(Reward, pk=reward_id))
        self.log_addition(request, copy, "Copied.")
        messages.success(
            request, _("This is the copy. It is switched off: change it, then show it.")
        )
        return HttpResponseRedirect(_address(copy))

    def switch_view(self, request: HttpRequest, reward_id: int) -> HttpResponse:
        """Put it into the catalogue or take it out, as the button said."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        reward = get_object_or_404(Reward, pk=reward_id)
        self._switch(request, [reward], on=request.POST.get("on") == "1")
        return HttpResponseRedirect(_address(reward))

    @admin.action(description=_("Put into the catalogue"), permissions=["change"])
    def switch_on(self, request: HttpRequest, queryset: QuerySet[Reward]) -> None:
        self._switch(request, list(queryset), on=True)

    @admin.action(description=_("Take out of the catalogue"), permissions=["change"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[Reward]) -> None:
        self._switch(request, list(queryset), on=False)

    def _switch(self, request: HttpRequest, rewards: list[Reward], *, on: bool) -> None:
        changed = switch_rewards(rewards, on=on)
        for reward in changed:
            self.log_change(request, reward, "Switched on." if on else "Switched off.")
        if on:
            text = ngettext(
                "%(count)s reward is in the catalogue now.",
                "%(count)s rewards are in the catalogue now.",
                len(changed),
            )
        else:
            text = ngettext(
                "%(count)s reward is out of the catalogue. What members have stays.",
                "%(count)s rewards are out of the catalogue. What members have stays.",
                len(changed),
            )
        messages.success(request, text % {"count": number(len(changed))})

    # --- the list ---------------------------------------------------------------------

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Count what was had lately for all rewards of this page at once."""
        changelist = super().get_changelist_instance(request)
        at, programme = timezone.now(), programme_of(request)
        rewards = list(changelist.result_list)
        lately = had_lately(rewards, at)
        wallet = points_wallet()
        for reward in rewards:
            reward.lately = lately.get(reward.pk, 0)
            reward.status = status_of(reward, at=at)
            paid_from = reward.wallet or wallet
            reward.price = describe_price(
                reward,
                unit=str(paid_from.unit_name if paid_from else programme.unit_name),
                currency=str(programme.currency),
            )
        changelist.result_list = rewards
        return changelist

    @display(description=_("Picture"))
    def shown_picture(self, reward: Reward) -> str:
        return picture_preview(reward.picture_id)

    @display(description=_("Reward"), ordering="name")
    def title(self, reward: Any) -> str:
        told = (reward.category or reward.benefit.name, reward.status.why)
        return two_lines(reward.name, " · ".join(str(part) for part in told if part))

    @display(description=_("Price"), ordering="price_points")
    def num_price(self, reward: Any) -> str:
        return str(reward.price)

    @display(description=_("Left"), ordering="stock")
    def num_left(self, reward: Reward) -> str:
        if reward.left is None:
            return NOTHING
        of_all = gettext("of %(stock)s") % {"stock": number(reward.stock)}
        if not reward.left or reward.left > (reward.low_stock or 0):
            return two_lines(number(reward.left), of_all)
        low = gettext("running low, %(of_all)s") % {"of_all": of_all}
        left = format_html('<span class="console-loss">{}</span>', number(reward.left))
        return two_lines(left, low)

    @display(description=_("Had in 30 days"))
    def num_lately(self, reward: Any) -> str:
        return number(reward.lately)

    @display(description=_("State"), label=STATE_BADGES)
    def state_badge(self, reward: Any) -> tuple[str, str]:
        return reward.status.state, reward.status.state.label


def had_lately(rewards: Iterable[Reward], at: datetime) -> dict[int, int]:
    """Return how often each was had in the last 30 days, without what was cancelled."""
    rows = Redemption.objects.filter(
        reward__in=[reward.pk for reward in rewards],
        redeemed_at__gt=at - LATELY,
        state__in=[Redemption.State.DONE, Redemption.State.UNPAID],
    )
    counted = rows.order_by().values_list("reward").annotate(Count("pk"))
    return dict(counted)


def _address(reward: Reward) -> str:
    return reverse("admin:rewards_reward_change", args=[reward.pk])
