"""A message to oneself: the real text with a real member's facts, counted nowhere.

The row names no member, so neither caps nor results nor a timeline know of it; the facts
come with it and are forgotten as soon as it is sent.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils.translation import gettext as _

from core.limits import Limit, take
from core.phones import normalise_phone
from members.models import Member
from messaging.cascade import BY_PHONE, current_ways, is_configured
from messaging.errors import InvalidTest
from messaging.fields import SAMPLES, field_values
from messaging.models import Channel, Message, MessageTemplate
from messaging.outbox import TEST
from messaging.planning import MessagePlan, queue_messages
from messaging.tasks import nudge
from messaging.texts import names_in

LIFE = timedelta(hours=1)
PER_PERSON = Limit("message-tests", most=30, span=timedelta(hours=1))


@transaction.atomic
def send_test(
    *,
    template: MessageTemplate,
    channel: str,
    address: str,
    by: str,
    at: datetime,
    member: Member | None = None,
    context: Mapping[str, Any] | None = None,
) -> Message:
    """Queue one message to an address of one's own, as ``member`` would read it.

    ``by`` is who asks: each may send thirty an hour. Raises InvalidTest or InvalidPhone.
    """
    address = _checked(channel, address)
    if not template.is_active:
        raise InvalidTest(_("Switch the template on first: what is off sends nothing."))
    if channel not in template.channels or not is_configured(channel):
        raise InvalidTest(_("This template does not go by that channel."))
    if not take(PER_PERSON, by, at=at).is_allowed:
        raise InvalidTest(_("That were many tests. Wait a while before the next one."))
    current_ways()
    key = f"test:{secrets.token_hex(12)}"
    plan = MessagePlan(
        key=key,
        member_id=None,
        template_id=template.pk,
        channel=channel,
        address=address,
        due_at=at,
        expires_at=at + LIFE,
        context=_facts(template, member, at) | dict(context or {}),
        source_type=TEST,
    )
    queue_messages([plan])
    nudge()
    return Message.objects.get(key=key)


def _facts(
    template: MessageTemplate, member: Member | None, at: datetime
) -> dict[str, Any]:
    names = names_in(template)
    facts = {name: SAMPLES[name] for name in names if name in SAMPLES}
    # A test's link is its own.
    facts.pop("link", None)
    if member is not None:
        facts |= field_values([member.pk], names, at)[member.pk]
        facts["language"] = member.language
    return facts


def _checked(channel: str, address: str) -> str:
    address = address.strip()
    if channel in BY_PHONE:
        return normalise_phone(address)
    if channel == Channel.EMAIL:
        try:
            validate_email(address)
        except ValidationError:
            raise InvalidTest(_("Write an e-mail address like mai@example.com.")) from None
        return address.lower()
    if channel == Channel.ZALO_UID and address.isdecimal() and len(address) <= 20:
        return address
    if channel == Channel.ZALO_UID:
        raise InvalidTest(_("A Zalo user id is a long number."))
    raise InvalidTest(_("The inbox is a member's own page: look at it there."))
