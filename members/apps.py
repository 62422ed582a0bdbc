from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MembersConfig(AppConfig):
    name = "members"
    verbose_name = _("Members")

    def ready(self) -> None:
        # Models can be imported only now.
        from core.happenings import register_happenings
        from members.happenings import member_happenings
        from members.segments import editing
        from members.segments.fields import register_own_fields

        register_happenings(member_happenings)
        register_own_fields()
        editing.register()
