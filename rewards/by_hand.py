"""Benefits by hand: small ones at once, large ones only with a second person.

Value in a wallet is bound by the wallet, like points by hand; everything else by what it
costs, under the programme's bound. Many small ones of one day count together.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Sum
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.approvals import Act, named, register_act, request_change
from core.clock import local_date, start_of_day
from core.models import ChangeRequest, Programme
from members.models import Member
from points.by_hand import needs_approval as points_need_approval
from rewards.giving import Giving, give_benefit
from rewards.models import Benefit, GivenBenefit

GIVE = "give_benefit"
PERMISSION = "rewards.give_benefit"


@transaction.atomic
def give_by_hand(
    *, benefit: Benefit, member: Member, key: str, at: datetime, note: str, by: User
) -> GivenBenefit | ChangeRequest:
    """Give a benefit to a member, or ask a second person to approve it.

    A repeat with the same key answers what was given, or the request that waits. Raises
    what ``give_benefit`` raises.
    """
    facts = {"benefit": benefit.pk, "member": member.pk, "key": key, "note": note}
    known = GivenBenefit.objects.filter(key=key).exists()
    if known or not needs_approval(benefit=benefit, member=member, by=by, at=at):
        return _give(facts, actor=by.get_username(), at=at)
    earlier = ChangeRequest.objects.filter(kind=GIVE, payload__key=key).first()
    if earlier is not None:
        return earlier
    summary = _("“%(benefit)s” for %(member)s: %(note)s") % {
        "benefit": benefit,
        "member": member,
        "note": note,
    }
    return request_change(kind=GIVE, payload=facts, summary=summary, by=by, at=at)


def needs_approval(*, benefit: Benefit, member: Member, by: User, at: datetime) -> bool:
    """Tell whether giving it needs a second person."""
    if benefit.wallet is not None and benefit.amount is not None:
        return points_need_approval(
            member=member, wallet=benefit.wallet, amount=benefit.amount, by=by, at=at
        )
    bound = Programme.current().gift_approval_above
    if bound is None:
        return False
    return benefit.value + _given_today(member, by, at) > bound


def _given_today(member: Member, by: User, at: datetime) -> Decimal:
    """Add up what one person gave one member today, without value in wallets."""
    today = GivenBenefit.objects.filter(
        member=member,
        source=GivenBenefit.Source.STAFF,
        actor=by.get_username(),
        given_at__gte=start_of_day(local_date(at)),
        taken_back_at__isnull=True,
        transfer__isnull=True,
    )
    return today.aggregate(sum=Sum("value"))["sum"] or Decimal(0)


def _perform(payload: Mapping[str, Any], request: ChangeRequest, at: datetime) -> None:
    maker, checker = request.requested_by, request.decided_by
    assert checker is not None, "an approved request has a checker"
    _give(payload, actor=f"{maker.get_username()} + {checker.get_username()}", at=at)


def _give(facts: Mapping[str, Any], *, actor: str, at: datetime) -> GivenBenefit:
    giving = Giving(
        benefit=Benefit.objects.select_related("wallet", "voucher_type").get(
            pk=facts["benefit"]
        ),
        member_id=facts["member"],
        key=facts["key"],
        source=GivenBenefit.Source.STAFF.value,
        actor=actor[:80],
        note=facts["note"],
    )
    return give_benefit(giving, at=at)


def register() -> None:
    """Say that benefits by hand can be asked for."""
    about = named(Member, "member")
    label = gettext_lazy("A benefit by hand")
    register_act(Act(GIVE, label, PERMISSION, _perform, about=about))
