from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ActivitiesConfig(AppConfig):
    name = "activities"
    verbose_name = _("Purchases")

    def ready(self) -> None:
        # Models can be imported only now.
        from activities.happenings import purchase_happenings
        from activities.segment_fields import register_purchase_fields
        from core.happenings import register_happenings

        register_happenings(purchase_happenings)
        register_purchase_fields()
