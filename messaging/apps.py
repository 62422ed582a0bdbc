from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MessagingConfig(AppConfig):
    name = "messaging"
    verbose_name = _("Messages")

    def ready(self) -> None:
        # Models can be imported only now.
        from messaging import editing
        from messaging.fields import register_own_fields

        register_own_fields()
        editing.register()
