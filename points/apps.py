from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PointsConfig(AppConfig):
    name = "points"
    verbose_name = _("Points")

    def ready(self) -> None:
        # Models can be imported only now.
        from messaging.fields import register_fields
        from points import by_hand
        from points.segment_fields import register_points_fields
        from points.template_fields import NAMES, SAMPLES, points_fields

        by_hand.register()
        register_points_fields()
        register_fields(points_fields, NAMES, samples=SAMPLES)
