"""What holds for every campaign."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from simple_history.admin import SimpleHistoryAdmin

from campaigns.models import CampaignPolicy
from core.admin_tools import ConsoleAdmin, SingletonMixin


@admin.register(CampaignPolicy)
class CampaignPolicyAdmin(SingletonMixin, SimpleHistoryAdmin, ConsoleAdmin):
    fieldsets = (
        (
            _("How we know that it worked"),
            {"fields": ("holdout_percent", "margin_percent")},
        ),
        (_("Two people for one act"), {"fields": ("approve_above",)}),
    )
