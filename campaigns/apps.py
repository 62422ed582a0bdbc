from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CampaignsConfig(AppConfig):
    name = "campaigns"
    verbose_name = _("Campaigns")

    def ready(self) -> None:
        # Models can be imported only now.
        from campaigns import policy_editing, uses
        from campaigns.approving import register_start
        from campaigns.changing import register_change
        from campaigns.eligibility import NO_LONGER_MATCHES, RETURNED, still_eligible
        from campaigns.happenings import note
        from campaigns.segment_fields import register_campaign_fields
        from campaigns.states import ENDED, PAUSED
        from campaigns.steps.messages import SOURCE_TYPE
        from campaigns.tasks import begin_after_commit
        from campaigns.template_fields import NAMES, SAMPLES, recency_fields
        from core.happenings import register_listener
        from messaging.fields import register_eligibility, register_fields
        from messaging.reasons import register_reasons

        register_listener(note)
        register_start(begin_after_commit)
        register_change()
        uses.register()
        policy_editing.register()
        register_campaign_fields()
        register_fields(recency_fields, NAMES, samples=SAMPLES)
        register_eligibility(SOURCE_TYPE, still_eligible)
        register_reasons(
            {
                RETURNED: _("The member has bought again in the meantime."),
                NO_LONGER_MATCHES: _(
                    "The member no longer meets the campaign's conditions."
                ),
                PAUSED: _("Waits until the campaign is resumed."),
                ENDED: _("The campaign was ended before it could be sent."),
            }
        )
