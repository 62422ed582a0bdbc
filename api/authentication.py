"""Who is calling: a till or a web shop, by its key."""

import logging
import re

from django.contrib.auth.models import AnonymousUser
from django.utils.translation import gettext_lazy as _
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from api.models import TillKey
from core.questions import Question, Told

logger = logging.getLogger(__name__)

SCHEME = "Api-Key"
# What the key generator makes; anything else is refused without asking the database.
KEY_PATTERN = re.compile(r"[A-Za-z0-9]{8}\.[A-Za-z0-9]{32}")

KEY = Question(
    lambda: TillKey.objects.select_related("store").filter(prefix=Told(0, "text"))
)

# One sentence for every cause, so that the answer tells a guesser nothing.
NOT_VALID = _("This key is not valid. Ask the programme's staff for a new till key.")


class TillKeyAuthentication(BaseAuthentication):
    """``Authorization: Api-Key <key>``, or ``X-Api-Key: <key>``."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, TillKey] | None:
        text = _key_in(request)
        if text is None:
            return None
        return AnonymousUser(), _find_till_key(text)

    def authenticate_header(self, request: Request) -> str:
        return f'{SCHEME} realm="api"'


class HasTillKey(BasePermission):
    """Only a caller whose till key was found may pass."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return isinstance(request.auth, TillKey)


def _key_in(request: Request) -> str | None:
    """Return the key that was sent; None when there is none."""
    header = request.META.get("HTTP_AUTHORIZATION", "")
    scheme, _space, key = header.partition(" ")
    if scheme.lower() == SCHEME.lower():
        return str(key.strip())
    sent = request.META.get("HTTP_X_API_KEY")
    return None if sent is None else str(sent).strip()


def _find_till_key(text: str) -> TillKey:
    if not KEY_PATTERN.fullmatch(text):
        raise AuthenticationFailed(NOT_VALID)
    prefix = text.partition(".")[0]
    till_key = KEY.ask_one(prefix)
    reason = _reason_to_refuse(till_key, text)
    if reason:
        logger.info("Refused till key %s: %s", prefix, reason)
        raise AuthenticationFailed(NOT_VALID)
    assert till_key is not None  # or there was a reason
    return till_key


def _reason_to_refuse(till_key: TillKey | None, text: str) -> str:
    if till_key is None:
        return "unknown"
    if not till_key.is_valid(text):
        return "wrong secret"
    if till_key.revoked:
        return "revoked"
    return "expired" if till_key.has_expired else ""
