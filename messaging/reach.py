"""Which channel reaches whom: one annotation, pure SQL, for any number of members."""

from django.db.models import (
    BooleanField,
    Case,
    CharField,
    Exists,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce

from members.models import Consent, Identifier, Member
from messaging.models import Channel, MessageTemplate

# Silence is no consent to offers; customer care goes on until someone objects.
CONSENT_WHEN_SILENT = {
    MessageTemplate.Purpose.MARKETING: False,
    MessageTemplate.Purpose.CARE: True,
}


def with_channel(
    members: QuerySet[Member], *, purpose: str, by_uid: bool = True
) -> QuerySet[Member]:
    """Annotate ``channel``: the best way to reach each member now, or None.

    Followers of the Official Account are reached by user id, everyone else by phone; both
    need consent for the purpose on that very channel.
    """
    by_phone = When(
        _has(Identifier.Kind.PHONE) & _allows(purpose, Channel.ZALO_PHONE),
        then=Value(Channel.ZALO_PHONE.value),
    )
    ways = [by_phone]
    if by_uid:
        follower = (
            Q(follows_oa=True)
            & _has(Identifier.Kind.ZALO)
            & _allows(purpose, Channel.ZALO_UID)
        )
        ways.insert(0, When(follower, then=Value(Channel.ZALO_UID.value)))
    return members.annotate(
        channel=Case(*ways, default=None, output_field=CharField(null=True))
    )


def _has(kind: str) -> Q:
    working = Identifier.objects.filter(member=OuterRef("pk"), kind=kind, is_valid=True)
    return Q(Exists(working))


def _allows(purpose: str, channel: str) -> Q:
    """A word about this channel counts before a word about every channel."""
    if purpose not in CONSENT_WHEN_SILENT:
        return Q()
    said = Consent.objects.filter(member=OuterRef("pk"), purpose=purpose)
    is_given = Coalesce(
        Subquery(said.filter(channel=channel).values("is_given")[:1]),
        Subquery(said.filter(channel=Consent.Channel.ANY).values("is_given")[:1]),
        Value(CONSENT_WHEN_SILENT[MessageTemplate.Purpose(purpose)]),
        output_field=BooleanField(),
    )
    return Q(is_given)
