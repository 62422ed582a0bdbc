from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PortalConfig(AppConfig):
    name = "portal"
    verbose_name = _("Member pages")

    def ready(self) -> None:
        # Models can be imported only now.
        from members.proving import register_prover
        from portal.proving import BY_CODE

        register_prover(BY_CODE)
