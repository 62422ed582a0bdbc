"""New members at the counter."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from core.retry import retry_on_conflict
from members.models import Consent
from members.services import register_member, set_consent
from till.access import Desk
from till.acts import claim
from till.limits import count_new_member
from till.models import TillAct


@retry_on_conflict
@transaction.atomic
def join(
    *, desk: Desk, token: str, phone: str, name: str, consent: bool, at: datetime
) -> TillAct:
    """Make sure that a phone has its member; a repeat answers the first.

    Who says nothing to offers is asked on their own phone. Whose phone is known already
    stays as they are. Raises InvalidPhone, InvalidInput, TooMany.
    """
    act, is_new = claim(desk, token, TillAct.Kind.MEMBER, member_id=None, proof="", at=at)
    if not is_new:
        return act
    count_new_member(desk, at=at)
    member = register_member(phone=phone, name=name, source=desk.source, at=at)
    if consent and member.joined_at == at:
        set_consent(
            member_ids=[member.pk],
            purpose=Consent.Purpose.MARKETING,
            is_given=True,
            source=desk.source,
            at=at,
        )
    act.member = member
    act.save()
    return act
