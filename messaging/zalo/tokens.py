"""Access tokens, renewed by a refresh token that works only once.

Whoever uses a refresh token kills it, so only one process may: it claims the account by
one conditional update, asks Zalo outside any transaction, and stores the new pair before
anyone uses it. A pair that was lost on the way cannot be had again without a person.
"""

import logging
import time
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.utils import timezone
from django.utils.translation import gettext as _

from messaging.errors import GrantLost, NotConnected
from messaging.models import OfficialAccount
from messaging.zalo.client import Outcome, TokenPair, ZaloClient

logger = logging.getLogger(__name__)

ACTIVE = OfficialAccount.State.ACTIVE.value
LOST = Q(state=OfficialAccount.State.GRANT_LOST)

# Longer than two refresh calls can take.
CLAIM = timedelta(seconds=90)
# 20 of Zalo's 25 hours: five hours are left for a person to act when it fails.
SHARE_OF_LIFE = 0.8
PATIENCE_SECONDS = 20.0
PAUSE_SECONDS = 0.1


class TokenUnavailable(Exception):
    """Zalo could not be asked just now; later it may be."""


def current_account() -> OfficialAccount | None:
    """Return the Official Account that speaks for the programme. One query."""
    return OfficialAccount.objects.order_by("pk").first()


def fresh_token(client: ZaloClient, *, rejected: str = "") -> str:
    """Return an access token that Zalo has not rejected, renewing it when it is due.

    Raises NotConnected, GrantLost, or TokenUnavailable.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        account = current_account()
        if account is None or not account.refresh_token:
            raise NotConnected(_("Connect an Official Account first."))
        now = timezone.now()
        works = _works(account, rejected, now)
        if works and not _is_due(account, now):
            return account.access_token
        if account.state == OfficialAccount.State.GRANT_LOST:
            return _last_of_lost_grant(account, rejected, works=works)
        if _claim(account, now):
            _renew(account, client, works=works)
            continue
        # Someone else is renewing it.
        if works:
            return account.access_token
        if time.monotonic() > deadline:
            raise TokenUnavailable
        time.sleep(PAUSE_SECONDS)


def _works(account: OfficialAccount, rejected: str, now: datetime) -> bool:
    expires_at = account.access_token_expires_at
    is_valid = expires_at is not None and expires_at > now
    return is_valid and account.access_token not in ("", rejected)


def _is_due(account: OfficialAccount, now: datetime) -> bool:
    if account.refreshed_at is None or account.access_token_expires_at is None:
        return True
    life = account.access_token_expires_at - account.refreshed_at
    return now >= account.refreshed_at + life * SHARE_OF_LIFE


def _last_of_lost_grant(account: OfficialAccount, rejected: str, *, works: bool) -> str:
    """Use up what is left of the last access token."""
    if works:
        return account.access_token
    if rejected:
        _unchanged(account).filter(access_token=rejected).update(access_token="")
    raise GrantLost(
        _("Zalo no longer accepts our permission. Connect the Official Account again.")
    )


def _claim(account: OfficialAccount, now: datetime) -> bool:
    free = Q(refreshing_until__isnull=True) | Q(refreshing_until__lt=now)
    # The tokens in the filter are the fence: who read an older pair renews nothing.
    same = _unchanged(account).filter(access_token=account.access_token)
    return bool(same.filter(free).update(refreshing_until=now + CLAIM))


def _renew(account: OfficialAccount, client: ZaloClient, *, works: bool) -> None:
    """Ask for a new pair and store it, or write down why there is none."""
    code = 0
    # A grant that a person put into the environment later helps out when ours is dead.
    for token in dict.fromkeys([account.refresh_token, settings.ZALO_REFRESH_TOKEN]):
        if not token:
            continue
        answer = client.refresh(token)
        if answer.pair:
            return _store(account, answer.pair)
        if answer.outcome != Outcome.REFUSED:
            return _put_off(account, works=works)
        code = answer.code
    return _lose(account, code)


def _store(account: OfficialAccount, pair: TokenPair) -> None:
    now = timezone.now()
    stored = _unchanged(account).update(
        access_token=pair.access_token,
        refresh_token=pair.refresh_token,
        access_token_expires_at=now + timedelta(seconds=pair.seconds),
        refreshed_at=now,
        refreshing_until=None,
        # A pair that another process believed lost has come after all; an account that
        # was stopped stays so until a person has looked.
        state=Case(When(LOST, then=Value(ACTIVE)), default=F("state")),
        last_error=Case(When(LOST, then=Value("")), default=F("last_error")),
    )
    logger.info("Zalo token renewed for OA %s: stored=%s", account.oa_id, stored)


def _put_off(account: OfficialAccount, *, works: bool) -> None:
    """Leave everything as it is; with a token that still works nobody need wait."""
    pause = timedelta(minutes=1) if works else timedelta(0)
    _unchanged(account).update(refreshing_until=timezone.now() + pause)
    logger.warning("Zalo token of OA %s could not be renewed yet", account.oa_id)
    if not works:
        raise TokenUnavailable


def _lose(account: OfficialAccount, code: int) -> None:
    lost = _unchanged(account).update(
        state=OfficialAccount.State.GRANT_LOST,
        refreshing_until=None,
        last_error=_("Zalo refused to renew the permission (error %(code)s).")
        % {"code": code},
    )
    if lost:
        logger.error(
            "Zalo grant lost for OA %s (error %s): an OA administrator must connect "
            "it again",
            account.oa_id,
            code,
        )


def _unchanged(account: OfficialAccount) -> QuerySet[OfficialAccount]:
    """Narrow to the account as long as its grant is the one we read."""
    return OfficialAccount.objects.filter(
        pk=account.pk, refresh_token=account.refresh_token
    )
