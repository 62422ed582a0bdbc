"""What the head of every console page says while test mode is on."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.translation import gettext as _

from messaging.models import SendingPolicy
from messaging.test_mode import current_test_mode


def test_mode_badge(request: HttpRequest) -> list[str] | None:
    """Warn that customers get nothing. One query."""
    policy = SendingPolicy.objects.filter(pk=SendingPolicy.SINGLETON_ID).first()
    if not current_test_mode(policy or SendingPolicy()).is_on:
        return None
    return [_("Test mode"), "danger"]
