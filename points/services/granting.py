"""Points outside any rule: opening balances, gifts of campaigns, corrections by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction
from django.utils.translation import gettext as _

from core.clock import local_date
from core.retry import retry_on_conflict
from members.models import Member
from points.errors import AmountOutOfRange
from points.ledger import Posting, post, transfer_of
from points.models import Account, Transfer, Wallet
from points.services.accounts import default_wallet, expiry_day, lock_sides

# What campaigns gave for coming back before they gave benefits; numbered by enrolment.
RETURN = "return"


@dataclass(frozen=True, slots=True)
class Grant:
    """Points given outside any rule, such as an opening balance."""

    member_id: int
    amount: int
    key: str
    expires_on: date | None = None
    kind: str = Transfer.Kind.OPENING
    note: str = ""
    actor: str = ""
    source_type: str = ""
    source_id: int | None = None
    funder_id: int | None = None


@retry_on_conflict
@transaction.atomic
def grant_points(
    *, grants: Sequence[Grant], at: datetime, wallet: Wallet | None = None
) -> int:
    """Give points outside any rule; returns how many this call really gave.

    Without a wallet: in the one that members mean by "my points". Repeats of a key give
    nothing. Raises NoWallet, KeyReused.
    """
    if not grants:
        return 0
    sides = lock_sides(
        wallet,
        member_ids={grant.member_id for grant in grants},
        kinds={_counterpart(grant.kind) for grant in grants},
    )
    postings = [
        Posting(
            key=grant.key,
            kind=str(grant.kind),
            from_account=sides.programme[_counterpart(grant.kind)],
            to_account=sides.members[grant.member_id],
            amount=grant.amount,
            happened_at=at,
            source_type=grant.source_type,
            source_id=grant.source_id,
            funder_id=grant.funder_id,
            expires_on=grant.expires_on,
            note=grant.note,
            actor=grant.actor,
        )
        for grant in grants
    ]
    posted = post(postings, locked=sides.locked)
    fresh = {p.key: p.amount for p in postings if posted[p.key].is_new}
    return sum(fresh.values())


def _counterpart(kind: str) -> str:
    """Name the programme account from which a kind of grant comes."""
    if kind == Transfer.Kind.OPENING:
        return Account.Kind.OPENING.value
    if kind == Transfer.Kind.ADJUST:
        return Account.Kind.ADJUSTED.value
    return Account.Kind.ISSUED.value


@retry_on_conflict
@transaction.atomic
def adjust_points(
    *,
    member: Member,
    amount: int,
    key: str,
    at: datetime,
    note: str,
    actor: str,
    reason: str = Transfer.Reason.OTHER.value,
    wallet: Wallet | None = None,
) -> Transfer:
    """Correct a member's points by hand; ``amount`` below zero takes points away.

    ``reason`` is a code of ``Transfer.Reason``, ``note`` says it in words.

    Raises NotEnoughPoints, KeyReused, AmountOutOfRange.
    """
    if not amount or not note.strip():
        raise AmountOutOfRange(_("Give a number of points and a reason."))
    wallet = wallet or default_wallet()
    kind = Account.Kind.ADJUSTED.value
    sides = lock_sides(wallet, member_ids=[member.pk], kinds=[kind])
    programme, account = sides.programme[kind], sides.members[member.pk]
    posting = Posting(
        key=key,
        kind=Transfer.Kind.ADJUST.value,
        from_account=programme if amount > 0 else account,
        to_account=account if amount > 0 else programme,
        amount=abs(amount),
        happened_at=at,
        expires_on=expiry_day(wallet, local_date(at)),
        note=note,
        actor=actor,
        reason=reason,
    )
    return transfer_of(posting, post([posting], locked=sides.locked)[key])
