from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RewardsConfig(AppConfig):
    name = "rewards"
    verbose_name = _("Rewards")

    def ready(self) -> None:
        # Models can be imported only now.
        from rewards import benefits, by_hand
        from rewards.batches import acts
        from rewards.giving import register_own_kinds
        from rewards.handouts import asking
        from rewards.segment_fields import register_reward_fields

        acts.register()
        register_own_kinds()
        by_hand.register()
        benefits.register()
        register_reward_fields()
        asking.register()
