"""Members give points to each other, where the wallet allows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Sum
from django.utils.translation import gettext as _

from core.clock import local_date, start_of_day
from core.models import Programme
from core.money import round_whole
from core.retry import retry_on_conflict
from members.models import Member
from points.amounts import Unit
from points.errors import GiftRefused
from points.ledger import Posting, lock_accounts, post, transfer_of
from points.models import Account, Transfer, Wallet
from points.queries import usable_points
from points.services.accounts import member_accounts, programme_account


@dataclass(frozen=True, slots=True)
class GiftQuote:
    """What a gift costs its giver, in the wallet's units; ``left`` is what stays usable."""

    amount: int
    fee: int
    left: int


def quote_gift(*, giver: Member, amount: int, at: datetime, wallet: Wallet) -> GiftQuote:
    """Work out what a gift would cost, whoever receives it; nothing is moved.

    Raises GiftRefused with what the wallet's terms or the giver's points do not allow.
    """
    _check_terms(wallet, giver, amount, at)
    fee = gift_fee(wallet, amount)
    usable = usable_points(giver, wallet=wallet, on=local_date(at))
    if amount + fee > usable:
        unit = Unit.of(wallet, Programme.current())
        raise GiftRefused(
            _("This takes %(wanted)s, any fee included; you can use %(usable)s.")
            % {"wanted": unit.amount(amount + fee), "usable": unit.amount(usable)}
        )
    if wallet.transfer_daily_limit is not None:
        given = _gifted_today(at, from_account__member=giver, from_account__wallet=wallet)
        _check_daily_limit(wallet, given + amount)
    return GiftQuote(amount, fee, usable - amount - fee)


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
    _check_pair(giver, receiver)
    _check_terms(wallet, giver, amount, at)
    accounts = member_accounts(wallet, [giver.pk, receiver.pk])
    source, target = accounts[giver.pk], accounts[receiver.pk]
    if source == target:
        # Two members who were merged a moment ago.
        raise GiftRefused(_("Nobody can give points to themselves."))
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
    is_new = not Transfer.objects.filter(key=key).exists()
    if is_new and wallet.transfer_daily_limit is not None:
        given = _gifted_today(at, from_account=source)
        received = _gifted_today(at, to_account=target)
        _check_daily_limit(wallet, max(given, received) + amount)
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


def _check_pair(giver: Member, receiver: Member) -> None:
    """Refuse two people who can give each other nothing."""
    if giver.pk == receiver.pk:
        raise GiftRefused(_("Nobody can give points to themselves."))
    for member in (giver, receiver):
        if member.state != Member.State.ACTIVE:
            raise GiftRefused(_("Both members must be active."))


def _check_terms(wallet: Wallet, giver: Member, amount: int, at: datetime) -> None:
    """Refuse what no balance could make right."""
    if not wallet.transfers_allowed or not wallet.is_active:
        raise GiftRefused(_("Points of this kind cannot be given to others."))
    if amount < wallet.transfer_minimum:
        raise GiftRefused(
            _("The smallest gift is %(amount)s.")
            % {"amount": _worded(wallet, wallet.transfer_minimum)}
        )
    first_day = giver.joined_at + timedelta(days=wallet.transfer_member_days)
    if at < first_day:
        raise GiftRefused(
            _("Points can be given after %(days)s days of membership.")
            % {"days": wallet.transfer_member_days}
        )


def _gifted_today(at: datetime, **side: Any) -> int:
    """Return what one side gave or received on the programme's day."""
    today = local_date(at)
    gifts = Transfer.objects.filter(
        kind=Transfer.Kind.GIFT,
        happened_at__gte=start_of_day(today),
        happened_at__lt=start_of_day(today + timedelta(days=1)),
        **side,
    )
    return int(gifts.aggregate(total=Sum("amount"))["total"] or 0)


def _check_daily_limit(wallet: Wallet, moved: int) -> None:
    """Refuse what passes the day's limit of either side."""
    if wallet.transfer_daily_limit is not None and moved > wallet.transfer_daily_limit:
        raise GiftRefused(
            _("At most %(amount)s a day can be given or received.")
            % {"amount": _worded(wallet, wallet.transfer_daily_limit)}
        )


def _worded(wallet: Wallet, amount: int) -> str:
    return Unit.of(wallet, Programme.current()).amount(amount)
