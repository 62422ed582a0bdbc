"""Connecting the brand's Official Account, and stopping it."""

import hashlib
import logging
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from core.errors import InvalidInput
from messaging.models import Channel, OfficialAccount
from messaging.zalo.client import ZaloClient
from messaging.zalo.tokens import fresh_token

logger = logging.getLogger(__name__)

HELD_UNTIL = {
    Channel.ZALO_UID.value: "uid_held_until",
    Channel.ZALO_PHONE.value: "phone_held_until",
}


def connect_official_account(
    *, oa_id: str = "", name: str = "", refresh_token: str = "", check: bool = False
) -> OfficialAccount:
    """Connect (or connect again) the Official Account with a grant of its administrator.

    What is left out comes from the settings. A grant that was given before does not
    replace the newer one that Zalo has since made of it, but a stopped account starts
    again. With ``check`` the grant is tried at once: GrantLost says that it is dead.
    """
    oa_id = oa_id or settings.ZALO_OA_ID
    refresh_token = refresh_token or settings.ZALO_REFRESH_TOKEN
    if not oa_id or not refresh_token:
        raise InvalidInput(
            _("Give the OA id and a refresh token, or set them in the environment.")
        )
    account = _write_down(oa_id, name, refresh_token)
    if check:
        with ZaloClient() as client:
            fresh_token(client)
        account.refresh_from_db()
    return account


@transaction.atomic
def _write_down(oa_id: str, name: str, refresh_token: str) -> OfficialAccount:
    account, _created = OfficialAccount.objects.get_or_create(
        oa_id=oa_id, defaults={"name": name or "Official Account"}
    )
    digest = hashlib.sha256(refresh_token.encode()).hexdigest()
    changes: dict[str, Any] = {
        "name": name or account.name,
        "state": OfficialAccount.State.ACTIVE,
        "last_error": "",
        "uid_held_until": None,
        "phone_held_until": None,
    }
    # Only a new grant touches the tokens: a renewal may be storing a pair just now.
    if account.connected_with != digest:
        changes |= {
            "connected_with": digest,
            "refresh_token": refresh_token,
            "access_token": "",
            "access_token_expires_at": None,
            "refreshed_at": None,
            "refreshing_until": None,
        }
    OfficialAccount.objects.filter(pk=account.pk).update(**changes)
    account.refresh_from_db()
    return account


def stop_account(*, account: OfficialAccount, error: str) -> None:
    """Send nothing more until a person has connected the account again."""
    running = OfficialAccount.objects.filter(
        pk=account.pk, state=OfficialAccount.State.ACTIVE
    )
    if running.update(state=OfficialAccount.State.STOPPED, last_error=error[:300]):
        logger.error("Zalo stopped OA %s: %s", account.oa_id, error)


def hold_channel(*, account: OfficialAccount, channel: str, until: datetime) -> None:
    """Let a channel rest: its quota is used up, or we were too fast."""
    field = HELD_UNTIL[channel]
    free = OfficialAccount.objects.filter(pk=account.pk).exclude(**{f"{field}__gte": until})
    if free.update(**{field: until}):
        logger.warning("Zalo channel %s of OA %s is held", channel, account.oa_id)


def held_channels(account: OfficialAccount, at: datetime) -> frozenset[str]:
    held = {channel: getattr(account, name) for channel, name in HELD_UNTIL.items()}
    return frozenset(channel for channel, until in held.items() if until and until > at)


RATE_PAUSE = timedelta(seconds=30)
