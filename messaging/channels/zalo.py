"""Both ways through Zalo: one account, one token, two hosts."""

from __future__ import annotations

from concurrent.futures import Future
from datetime import datetime

from messaging.accounts import held_channels, hold_channel, stop_account
from messaging.channels.answers import Answer, Fault, Kind, Outcome
from messaging.channels.base import Parcel, Sender, tracking_id
from messaging.errors import GrantLost, NotConnected
from messaging.models import ZALO_CHANNELS, Channel, OfficialAccount
from messaging.zalo.client import ZaloClient
from messaging.zalo.errors import error_by_phone, error_by_uid
from messaging.zalo.tokens import TokenUnavailable, current_account, fresh_token


class ZaloSender(Sender):
    """Templates by user id, and by phone (ZNS)."""

    channels = ZALO_CHANNELS

    def __init__(self, *, connections: int) -> None:
        self._client = ZaloClient(connections=connections)
        self._account: OfficialAccount | None = None
        self._token = ""

    def open(self) -> str:
        self._account = current_account()
        if self._account is None:
            return "not_connected"
        if self._account.state == OfficialAccount.State.STOPPED:
            return "account_stopped"
        return ""

    def close(self) -> None:
        self._client.close()

    def make_ready(self, parcel: Parcel) -> str:
        why = "" if self._token else self._renew()
        parcel.token = self._token
        return why

    def send(self, parcel: Parcel) -> Future[Answer]:
        message = parcel.message
        if message.channel == Channel.ZALO_UID:
            return self._client.send_by_uid(
                token=parcel.token,
                user_id=parcel.address,
                template_id=message.template.zalo_template_id,
                data=parcel.data,
            )
        return self._client.send_by_phone(
            token=parcel.token,
            phone=parcel.address,
            template_id=message.template.zalo_template_id,
            data=parcel.data,
            tracking_id=tracking_id(message.pk),
        )

    def explain(self, parcel: Parcel, answer: Answer) -> Fault:
        is_uid = parcel.message.channel == Channel.ZALO_UID
        return error_by_uid(answer.code) if is_uid else error_by_phone(answer.code)

    def wants_again(self, parcel: Parcel, answer: Answer) -> bool:
        """Send once more with a new token when Zalo refused the old one."""
        if answer.outcome != Outcome.REFUSED or parcel.is_second_try:
            return False
        if self.explain(parcel, answer).kind != Kind.TOKEN:
            return False
        # Another answer may have brought a new token already.
        return parcel.token != self._token or not self._renew(rejected=parcel.token)

    def held(self, at: datetime) -> frozenset[str]:
        return held_channels(self._account, at) if self._account else frozenset()

    def hold(self, channel: str, until: datetime) -> None:
        if self._account is not None:
            hold_channel(account=self._account, channel=channel, until=until)
            self._account = current_account()

    def stop(self, error: str) -> None:
        if self._account is not None:
            stop_account(account=self._account, error=error)

    def _renew(self, rejected: str = "") -> str:
        """Hold a token that works, or say why there is none."""
        try:
            self._token = fresh_token(self._client, rejected=rejected)
        except GrantLost:
            return "grant_lost"
        except NotConnected:
            return "not_connected"
        except TokenUnavailable:
            return "no_token"
        return ""
