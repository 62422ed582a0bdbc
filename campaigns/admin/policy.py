"""What holds for every campaign."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from simple_history.admin import SimpleHistoryAdmin

from campaigns.models import CampaignPolicy
from core.admin.editing import TwoPeopleMixin
from core.admin_tools import ConsoleAdmin, SingletonMixin


@admin.register(CampaignPolicy)
class CampaignPolicyAdmin(TwoPeopleMixin, SingletonMixin, SimpleHistoryAdmin, ConsoleAdmin):
    fieldsets = (
        (
            _("How we know that it worked"),
            {"fields": ("holdout_percent", "margin_percent")},
        ),
        (
            _("Two people for one act"),
            {
                "fields": ("approve_above",),
                "description": _(
                    "The same holds for changes of what such a campaign uses: its "
                    "segments, benefits and texts. Raising this number, or emptying it, "
                    "takes a second person as well."
                ),
            },
        ),
    )
