from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class WebhooksConfig(AppConfig):
    name = "webhooks"
    verbose_name = _("Webhooks")

    def ready(self) -> None:
        # Models can be imported only now.
        from core.happenings import register_listener
        from webhooks.listening import tell

        register_listener(tell)
