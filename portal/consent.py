"""Offers and news: one switch for the member, whatever rows stand behind it."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from core.errors import InvalidInput
from members.models import Consent, Member
from members.services import MemberFact, save_members, set_consent
from messaging.models import Channel

SOURCE = "portal"


def allows_offers(member: Member) -> bool:
    """Tell whether offers may go to the member on one channel at least. One query."""
    said = dict(_answers(member).values_list("channel", "is_given"))
    in_general = said.get(Consent.Channel.ANY, False)
    return any(said.get(channel, in_general) for channel in Channel.values)


def has_answered(member: Member) -> bool:
    """Tell whether the member ever said yes or no. One query."""
    return _answers(member).exists()


@transaction.atomic
def answer_offers(*, member: Member, is_given: bool, at: datetime) -> None:
    """Note the member's yes or no for every channel, also those that have their own.

    A general "no" beside an old "yes" for one channel would still let offers through.
    """
    own = _answers(member).values_list("channel", flat=True)
    for channel in sorted({Consent.Channel.ANY.value, *own}):
        set_consent(
            member_ids=[member.pk],
            purpose=Consent.Purpose.MARKETING,
            channel=channel,
            is_given=is_given,
            source=SOURCE,
            at=at,
        )


@transaction.atomic
def answer_welcome(*, member: Member, name: str, is_given: bool, at: datetime) -> None:
    """Note what a new member answers: a name, if told, and yes or no to offers."""
    if name.strip() and not member.name:
        # By the code, which every member has; an unfit name is refused with a sentence.
        fact = MemberFact(code=member.code, phone=None, name=name.strip())
        saved = save_members([fact], source=SOURCE, at=at)[0]
        if saved.member_id is None:
            raise InvalidInput(saved.reason)
    answer_offers(member=member, is_given=is_given, at=at)


def _answers(member: Member) -> QuerySet[Consent]:
    return member.consents.filter(purpose=Consent.Purpose.MARKETING)
