"""What may be asked about messages and campaigns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from campaigns.models import Campaign, Step
from campaigns.steps.messages import SOURCE_TYPE
from members.models import Consent, Member
from members.segments import (
    Field,
    Moment,
    Operator,
    ValueKind,
    register_field,
    yes_and_no,
)
from members.segments.telling import fact, tell_yes_or_no
from members.segments.uses import register_trees
from messaging.models import Channel, Message, MessageTemplate
from messaging.reach import CONSENT_WHEN_SILENT, with_channel

GROUP = _("Messages and campaigns")
LONG_AGO = datetime(1, 1, 2, tzinfo=UTC)
# A message that ended like this has reached nobody.
IN_VAIN = (
    Message.State.FAILED,
    Message.State.REFUSED,
    Message.State.EXPIRED,
    Message.State.CANCELLED,
)


def register_campaign_fields() -> None:
    """Fill the registry of segments with the fields of this app."""
    register_field(_reachable())
    register_field(_reached_through())
    register_field(_allows("allows_offers_on", MessageTemplate.Purpose.MARKETING))
    register_field(_allows("allows_care_on", MessageTemplate.Purpose.CARE))
    register_field(_reached_by_campaign())
    register_trees(_trees)


def _reachable() -> Field:
    return Field(
        "reachable",
        _("can be reached with offers"),
        GROUP,
        yes_and_no(
            label_yes=_("yes"),
            label_no=_("no"),
            yes=_("can be reached with offers"),
            no=_("cannot be reached with offers on any channel"),
            build=lambda _moment: Q(
                Exists(_with_channel(Member.objects.filter(pk=OuterRef("pk"))))
            ),
        ),
        tell=_tell_channel,
    )


def _reached_through() -> Field:
    """Ask for the channel that an offer would take now."""
    return Field(
        "reached_through",
        _("channel that offers take"),
        GROUP,
        (
            Operator(
                "is",
                _("is"),
                _("would get offers by %(value)s"),
                lambda channel, _moment: _through(channel),
                ValueKind.CHOICE,
                lambda: Channel.choices,
            ),
            Operator(
                "is_not",
                _("is not"),
                _("would not get offers by %(value)s"),
                lambda channel, _moment: ~_through(channel),
                ValueKind.CHOICE,
                lambda: Channel.choices,
            ),
        ),
        tell=_tell_channel,
    )


def _tell_channel(
    member_ids: Sequence[int], _value: Any, _moment: Moment
) -> Mapping[int, str]:
    reached: Any = _with_channel(Member.objects.filter(pk__in=member_ids))
    channels = dict(reached.values_list("pk", "channel"))
    labels = dict(Channel.choices)
    return {
        pk: fact(
            _("channel that offers take"),
            labels[channels[pk]] if pk in channels else gettext("none"),
        )
        for pk in member_ids
    }


def _through(channel: str) -> Q:
    reached: Any = _with_channel(Member.objects.filter(pk=OuterRef("pk")))
    return Q(Exists(reached.filter(channel=channel)))


ALLOWED_ON = {
    "allows_offers_on": (
        _("allows offers on a channel"),
        _("allow offers on: %(value)s"),
        _("do not allow offers on: %(value)s"),
    ),
    "allows_care_on": (
        _("allows customer care on a channel"),
        _("allow customer care on: %(value)s"),
        _("do not allow customer care on: %(value)s"),
    ),
}


def _allows(code: str, purpose: str) -> Field:
    """Ask for consent on a channel: its own word first, then that about every channel."""
    label, yes, no = ALLOWED_ON[code]
    channels = [choice for choice in Consent.Channel.choices if choice[0]]
    return Field(
        code,
        label,
        GROUP,
        (
            Operator(
                "yes",
                _("yes"),
                yes,
                lambda channel, _moment: _allowed(purpose, channel),
                ValueKind.CHOICE,
                lambda: channels,
            ),
            Operator(
                "no",
                _("no"),
                no,
                lambda channel, _moment: ~_allowed(purpose, channel),
                ValueKind.CHOICE,
                lambda: channels,
            ),
        ),
        tell=tell_yes_or_no(
            label, lambda channel, _moment: _allowed(purpose, channel), lambda: channels
        ),
    )


def _allowed(purpose: str, channel: str) -> Q:
    said = Consent.objects.filter(member=OuterRef("pk"), purpose=purpose)
    here = said.filter(channel=channel)
    anywhere = said.filter(channel=Consent.Channel.ANY)
    spoken = Q(Exists(here.filter(is_given=True))) | (
        ~Q(Exists(here)) & Q(Exists(anywhere.filter(is_given=True)))
    )
    if CONSENT_WHEN_SILENT[MessageTemplate.Purpose(purpose)]:
        spoken |= ~Q(Exists(here)) & ~Q(Exists(anywhere))
    return spoken


def _with_channel(members: QuerySet[Member]) -> QuerySet[Member]:
    reached: QuerySet[Any] = with_channel(
        members, purpose=MessageTemplate.Purpose.MARKETING
    )
    return reached.filter(channel__isnull=False)


def _reached_by_campaign() -> Field:
    return Field(
        "reached_by_campaign",
        _("reached by a campaign since the last order"),
        GROUP,
        (
            Operator(
                "yes",
                _("yes"),
                _("were reached by “%(value)s” since their last order"),
                lambda code, _moment: _reached(code),
                ValueKind.CHOICE,
                _campaigns,
            ),
            Operator(
                "no",
                _("no"),
                _("were not reached by “%(value)s” since their last order"),
                lambda code, _moment: ~_reached(code),
                ValueKind.CHOICE,
                _campaigns,
            ),
        ),
        tell=_tell_reached,
    )


def _reached(code: str) -> Q:
    """Return a condition: a message in this lapse is on its way or has arrived."""
    since = Coalesce(OuterRef("purchases__last_order_at"), Value(LONG_AGO))
    return Q(
        Exists(
            _messages(code).filter(member=OuterRef("pk"), due_at__gt=since),
        )
    )


def _messages(code: str) -> QuerySet[Message]:
    source = Campaign.objects.filter(code=code).values("pk")
    return Message.objects.filter(source_type=SOURCE_TYPE, source_id__in=source).exclude(
        state__in=IN_VAIN
    )


def _campaigns() -> list[tuple[str, str]]:
    return list(Campaign.objects.values_list("code", "name"))


def _tell_reached(
    member_ids: Sequence[int], code: str, moment: Moment
) -> Mapping[int, str]:
    reached: Any = Member.objects.filter(_reached(code), pk__in=member_ids)
    reached_ids = set(reached.values_list("pk", flat=True))
    return {
        pk: gettext("reached by “%(campaign)s”") % {"campaign": code}
        if pk in reached_ids
        else gettext("not reached by “%(campaign)s”") % {"campaign": code}
        for pk in member_ids
    }


def _trees() -> tuple[Any, str, Iterable[tuple[int, str, Any]]]:
    """Return whom each campaign is for, and what its steps ask. Two queries."""
    whom = Campaign.objects.values_list("pk", "name", "conditions")
    steps = Step.objects.filter(kind=Step.Kind.BRANCH).values_list(
        "campaign", "campaign__name", "settings"
    )
    asked = [
        (pk, name, settings["conditions"])
        for pk, name, settings in steps
        if "conditions" in settings
    ]
    return Campaign._meta.verbose_name, "campaigns_campaign", [*whom, *asked]
