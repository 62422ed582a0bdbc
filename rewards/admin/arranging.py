"""The order of the catalogue: lines that staff drag, or move by buttons."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from rewards.catalogue import arrange_rewards
from rewards.models import Reward
from rewards.status import State, status_of


class ArrangingMixin:
    """The page on which staff put the catalogue into order."""

    admin_site: Any
    opts: Any
    media: Any
    has_change_permission: Any

    def arranging_urls(self) -> list[Any]:
        return [
            path(
                "arrange/",
                self.admin_site.admin_view(self.arrange_view),
                name="rewards_reward_arrange",
            )
        ]

    @action(
        description=_("Put into order"),
        icon="swap_vert",
        permissions=["change"],
        url_path="to-arrange",
    )
    def arrange_page(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:rewards_reward_arrange"))

    def arrange_view(self, request: HttpRequest) -> HttpResponse:
        """Show what members see or will see, in its order; take the new order."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        if request.method == "POST":
            moved = request.POST.getlist("reward")
            arrange_rewards([int(pk) for pk in moved if pk.isdigit()])
            messages.success(request, _("The catalogue shows them in this order now."))
            return HttpResponseRedirect(reverse("admin:rewards_reward_changelist"))
        at = timezone.now()
        rewards = Reward.objects.filter(is_active=True).select_related(
            "benefit", "category"
        )
        context = {
            **self.admin_site.each_context(request),
            "title": _("The order of the catalogue"),
            "opts": self.opts,
            "rows": [
                (reward, status)
                for reward in rewards
                if (status := status_of(reward, at=at)).state not in (State.OVER, State.OFF)
            ],
            "back": reverse("admin:rewards_reward_changelist"),
            "media": self.media,
        }
        return render(request, "admin/rewards/reward/arrange.html", context)
