from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TiersConfig(AppConfig):
    name = "tiers"
    verbose_name = _("Tiers")

    def ready(self) -> None:
        # Models can be imported only now.
        from core.happenings import register_happenings
        from tiers.happenings import tier_happenings
        from tiers.reward_terms import register_tier_terms
        from tiers.segment_fields import register_tier_fields
        from tiers.tier_days import register_tier_days

        register_happenings(tier_happenings)
        register_tier_fields()
        register_tier_terms()
        register_tier_days()
