"""Spending: points leave a member, first-expiring first."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from core.retry import retry_on_conflict
from members.models import Member
from points.ledger import Posting, post, transfer_of
from points.models import Account, Transfer, Wallet
from points.services.accounts import lock_sides


@retry_on_conflict
@transaction.atomic
def spend_points(
    *,
    member: Member,
    amount: int,
    key: str,
    at: datetime,
    wallet: Wallet | None = None,
    note: str = "",
    actor: str = "",
) -> Transfer:
    """Take points from a member, first-expiring first, or raise NotEnoughPoints.

    A repeat of the same key gives back the first transfer; the same key for another
    amount raises KeyReused.
    """
    kind = Account.Kind.REDEEMED.value
    sides = lock_sides(wallet, member_ids=[member.pk], kinds=[kind])
    posting = Posting(
        key=key,
        kind=Transfer.Kind.SPEND.value,
        from_account=sides.members[member.pk],
        to_account=sides.programme[kind],
        amount=amount,
        happened_at=at,
        note=note,
        actor=actor,
    )
    return transfer_of(posting, post([posting], locked=sides.locked)[key])
