"""What may be asked about messages and campaigns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from campaigns.models import Campaign
from campaigns.steps.messages import SOURCE_TYPE
from members.models import Member
from members.segments import (
    Field,
    Moment,
    Operator,
    ValueKind,
    register_field,
    yes_and_no,
)
from messaging.models import Message, MessageTemplate
from messaging.reach import with_channel

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
    register_field(_reached_by_campaign())


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
    )


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
