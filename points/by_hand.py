"""Points by hand: small corrections at once, large ones only with a second person."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, Sum
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.approvals import Act, named, register_act, request_change
from core.clock import local_date, start_of_day
from core.models import ChangeRequest, Programme
from members.models import Member
from points.amounts import Unit, closed_up
from points.models import Transfer, Wallet
from points.services import adjust_points

ADJUST = "adjust_points"


@transaction.atomic
def give_by_hand(
    *,
    member: Member,
    wallet: Wallet,
    amount: int,
    key: str,
    at: datetime,
    reason: str,
    note: str,
    by: User,
) -> Transfer | ChangeRequest:
    """Correct a member's points, or ask a second person to approve it.

    ``amount`` in units of the wallet, below zero takes away. Above the wallet's bound,
    counting what the same person gave or took from this member today, the answer is the
    request that now waits. Raises what ``adjust_points`` raises.
    """
    facts: dict[str, Any] = {
        "member": member.pk,
        "wallet": wallet.pk,
        "amount": amount,
        "key": key,
        "reason": reason,
        "note": note,
    }
    if not needs_approval(member=member, wallet=wallet, amount=amount, by=by, at=at):
        return _adjust(facts, actor=by.get_username(), at=at)
    earlier = ChangeRequest.objects.filter(kind=ADJUST, payload__key=key).first()
    if earlier is not None:
        return earlier
    unit = Unit.of(wallet, Programme.current())
    summary = closed_up(
        _("%(points)s %(unit)s for %(member)s: %(note)s")
        % {
            "points": unit.signed(amount),
            "unit": unit.name,
            "member": member,
            "note": note,
        }
    )
    return request_change(kind=ADJUST, payload=facts, summary=summary, by=by, at=at)


def needs_approval(
    *, member: Member, wallet: Wallet, amount: int, by: User, at: datetime
) -> bool:
    """Tell whether a correction needs a second person; many small ones count together.

    What was given by hand as a benefit counts as well.
    """
    if wallet.approval_above is None:
        return False
    begin = start_of_day(local_date(at))
    today = Transfer.objects.filter(
        Q(kind=Transfer.Kind.ADJUST) | Q(source_type="benefit"),
        actor=by.get_username(),
        created_at__gte=begin,
        created_at__lt=begin + timedelta(days=1),
    )
    sides = (
        today.filter(to_account__member=member, to_account__wallet=wallet),
        today.filter(from_account__member=member, from_account__wallet=wallet),
    )
    moved = sum(side.aggregate(sum=Sum("amount"))["sum"] or 0 for side in sides)
    return bool(moved + abs(amount) > wallet.approval_above)


def _perform(payload: Mapping[str, Any], request: ChangeRequest, at: datetime) -> None:
    maker, checker = request.requested_by, request.decided_by
    assert checker is not None, "an approved request has a checker"
    actor = f"{maker.get_username()} + {checker.get_username()}"
    _adjust(payload, actor=actor, at=at)


def _adjust(facts: Mapping[str, Any], *, actor: str, at: datetime) -> Transfer:
    return adjust_points(
        member=Member.objects.get(pk=facts["member"]),
        wallet=Wallet.objects.get(pk=facts["wallet"]),
        amount=facts["amount"],
        key=facts["key"],
        at=at,
        reason=facts["reason"],
        note=facts["note"],
        actor=actor[:80],
    )


def register() -> None:
    """Say that points by hand can be asked for."""
    about = named(Member, "member")
    label = gettext_lazy("Points by hand")
    register_act(Act(ADJUST, label, "points.adjust_points", _perform, about=about))
