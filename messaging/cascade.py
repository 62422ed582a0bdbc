"""Which way a message takes, and which comes next when it leads nowhere.

The order of the channels is data; each template says which of them it may take.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Case, F, Q, Value, When

from core.batch import Column, insert_new
from members.models import Identifier
from messaging.channels.sms import is_configured as sms_is_configured
from messaging.models import (
    ZALO_CHANNELS,
    Channel,
    MessageTemplate,
    OfficialAccount,
    SendingChannel,
    ZaloTemplate,
)

ONE_TIME_CODE = MessageTemplate.Purpose.ONE_TIME_CODE
# What a member must have to be reached; the inbox needs nothing.
KINDS = {
    Channel.ZALO_UID.value: Identifier.Kind.ZALO.value,
    Channel.ZALO_PHONE.value: Identifier.Kind.PHONE.value,
    Channel.SMS.value: Identifier.Kind.PHONE.value,
    Channel.EMAIL.value: Identifier.Kind.EMAIL.value,
}
BY_PHONE = frozenset({Channel.ZALO_PHONE.value, Channel.SMS.value})
MINUTE = timedelta(minutes=1)

# channel, turn, in use, price: how a new programme begins.
DEFAULTS = (
    (Channel.ZALO_UID.value, 1, True, 0),
    (Channel.ZALO_PHONE.value, 2, True, 0),
    (Channel.SMS.value, 3, False, 0),
    (Channel.EMAIL.value, 4, False, 0),
    (Channel.INBOX.value, 5, True, 0),
)
COLUMNS = (
    Column("channel", "text"),
    Column("position", "smallint"),
    Column("is_on", "boolean"),
    Column("price", "integer"),
    Column("per_minute", "integer"),
    Column("stopped_because", "text"),
    Column("window_used", "integer"),
)


@dataclass(frozen=True, slots=True)
class Ways:
    """The brand's channels in their turn, and the templates that Zalo does not send."""

    rows: dict[str, SendingChannel]
    has_account: bool
    barred: frozenset[str]

    def of(self, template: MessageTemplate) -> list[str]:
        """List the channels a template's messages may take now, the first one first."""
        return [channel for channel in self.rows if self._leads(channel, template)]

    def after(self, channel: str, template: MessageTemplate) -> list[str]:
        """List the channels that come behind one, whether or not that is in use."""
        order = list(self.rows)
        behind = set(order[order.index(channel) + 1 :])
        return [way for way in self.of(template) if way in behind]

    def is_on(self, channel: str) -> bool:
        return self.rows[channel].is_on

    def is_barred(self, template: MessageTemplate) -> bool:
        """Tell whether Zalo knows no such template, or does not send it."""
        return template.zalo_template_id in self.barred

    def _leads(self, channel: str, template: MessageTemplate) -> bool:
        row = self.rows[channel]
        if not row.is_on or row.stopped_because or channel not in template.channels:
            return False
        if template.purpose == ONE_TIME_CODE and channel not in BY_PHONE:
            return False
        if channel == Channel.ZALO_UID and not template.sends_by_uid:
            return False
        if channel in ZALO_CHANNELS:
            return self.has_account and not self.is_barred(template)
        return is_configured(channel)


def current_ways() -> Ways:
    """Return the channels as they stand. Three queries."""
    rows = list(SendingChannel.objects.all())
    if len(rows) < len(DEFAULTS):
        new = [(*default, 0, "", 0) for default in DEFAULTS]
        insert_new(
            SendingChannel._meta.db_table, COLUMNS, new, conflict="channel", returning="id"
        )
        rows = list(SendingChannel.objects.all())
    barred = ZaloTemplate.objects.exclude(state=ZaloTemplate.State.ENABLED)
    return Ways(
        {row.channel: row for row in rows},
        OfficialAccount.objects.exists(),
        frozenset(barred.values_list("template_id", flat=True)) | {""},
    )


def is_configured(channel: str) -> bool:
    """Tell whether the environment says how this channel sends."""
    if channel == Channel.SMS:
        return sms_is_configured()
    return channel != Channel.EMAIL or bool(settings.EMAIL_URL)


def way_of_code(template: MessageTemplate) -> str:
    """Return the channel that a one-time code takes to a phone."""
    ways = current_ways().of(template)
    return ways[0] if ways else Channel.ZALO_PHONE.value


# --- What it costs ----------------------------------------------------------------------


def zalo_templates(templates: Collection[MessageTemplate]) -> dict[str, ZaloTemplate]:
    """Return what Zalo says of these templates, by its own id. At most one query."""
    ids = {template.zalo_template_id for template in templates} - {""}
    if not ids:
        return {}
    found = ZaloTemplate.objects.filter(template_id__in=ids)
    return {known.template_id: known for known in found}


def price_of(
    channel: str, template: MessageTemplate, ways: Ways, known: ZaloTemplate | None
) -> int:
    """Return what one message costs in VND; of an SMS, what one part costs."""
    told = None
    if known is not None and channel == Channel.ZALO_UID:
        told = known.price_uid
    elif known is not None and channel == Channel.ZALO_PHONE:
        told = known.price_phone
    return ways.rows[channel].price if told is None else told


# --- How fast it may go -----------------------------------------------------------------


def room(ways: Ways, at: datetime) -> dict[str, int]:
    """Return how many messages a channel with a limit may still take in this minute."""
    window = _minute(at)
    return {
        row.channel: row.per_minute - (row.window_used if row.window_from == window else 0)
        for row in ways.rows.values()
        if row.per_minute
    }


def take_room(channel: str, number: int, at: datetime) -> bool:
    """Count messages of one channel, all of them or none: one statement for all relays."""
    window = _minute(at)
    same = Q(window_from=window)
    fits = Q(same, window_used__lte=F("per_minute") - number) | (
        (~same | Q(window_from__isnull=True)) & Q(per_minute__gte=number)
    )
    free = SendingChannel.objects.filter(fits, channel=channel)
    used = Case(When(same, then=F("window_used") + number), default=Value(number))
    return bool(free.update(window_used=used, window_from=window))


def next_minute(at: datetime) -> datetime:
    return _minute(at) + MINUTE


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)
