"""Members give points to each other, where the wallet allows it."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import Sum
from django.utils.translation import gettext as _

from core.clock import local_date, start_of_day
from core.money import group_digits, round_whole
from core.retry import retry_on_conflict
from members.models import Member
from points.errors import GiftRefused
from points.ledger import Posting, lock_accounts, post, transfer_of
from points.models import Account, Transfer, Wallet
from points.services.accounts import member_accounts, programme_account


@retry_on_conflict
@transaction.atomic
def gift_points(
    *,
    giver: Member,
    receiver: Member,
    amount: int,
    key: str,
    at: datetime,
    wallet: Wallet,
    note: str = "",
    actor: str = "",
) -> Transfer:
    """Move points from one member to another; they keep the days on which they expire.

    The giver pays the wallet's fee on top. A repeat of the key gives back the first
    transfer. Raises GiftRefused with the wallet's rule that forbids it, NotEnoughPoints,
    KeyReused.
    """
    _check_terms(wallet, giver, receiver, amount, at)
    accounts = member_accounts(wallet, [giver.pk, receiver.pk])
    source, target = accounts[giver.pk], accounts[receiver.pk]
    posting = Posting(
        key=key,
        kind=Transfer.Kind.GIFT.value,
        from_account=source,
        to_account=target,
        amount=amount,
        happened_at=at,
        note=note,
        actor=actor,
    )
    # Under the lock of both, or two gifts at once would each see room for one.
    lock_accounts([source, target])
    if not Transfer.objects.filter(key=key).exists():
        _check_daily_limit(wallet, source, target, amount, at)
    postings = [posting]
    if fee := gift_fee(wallet, amount):
        postings.append(
            posting._replace(
                key=f"{key}:fee",
                kind=Transfer.Kind.FEE.value,
                to_account=programme_account(wallet, Account.Kind.FEE),
                amount=fee,
            )
        )
    return transfer_of(posting, post(postings)[key])


def gift_fee(wallet: Wallet, amount: int) -> int:
    """Return what the giver pays on top, in the wallet's units."""
    return round_whole(Decimal(amount) * wallet.transfer_fee_percent / 100, wallet.rounding)


def _check_terms(
    wallet: Wallet, giver: Member, receiver: Member, amount: int, at: datetime
) -> None:
    """Refuse what no balance could make right."""
    if not wallet.transfers_allowed or not wallet.is_active:
        raise GiftRefused(_("Points of this kind cannot be given to others."))
    if giver.pk == receiver.pk:
        raise GiftRefused(_("Nobody can give points to themselves."))
    for member in (giver, receiver):
        if member.state != Member.State.ACTIVE:
            raise GiftRefused(_("Both members must be active."))
    if amount < wallet.transfer_minimum:
        raise GiftRefused(
            _("The smallest gift is %(points)s points.")
            % {"points": group_digits(wallet.transfer_minimum)}
        )
    first_day = giver.joined_at + timedelta(days=wallet.transfer_member_days)
    if at < first_day:
        raise GiftRefused(
            _("Points can be given after %(days)s days of membership.")
            % {"days": wallet.transfer_member_days}
        )


def _check_daily_limit(
    wallet: Wallet, source: int, target: int, amount: int, at: datetime
) -> None:
    """Refuse what passes the day's limit of either side."""
    if wallet.transfer_daily_limit is None:
        return
    today = local_date(at)
    gifts = Transfer.objects.filter(
        kind=Transfer.Kind.GIFT,
        happened_at__gte=start_of_day(today),
        happened_at__lt=start_of_day(today + timedelta(days=1)),
    )
    sides = (gifts.filter(from_account=source), gifts.filter(to_account=target))
    most = max(side.aggregate(total=Sum("amount"))["total"] or 0 for side in sides)
    if most + amount > wallet.transfer_daily_limit:
        raise GiftRefused(
            _("At most %(points)s points a day can be given or received.")
            % {"points": group_digits(wallet.transfer_daily_limit)}
        )
