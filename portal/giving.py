"""Giving points to a friend: find the friend, say what it means, prove the phone, give.

What keeps it from being misused: the wallet's own terms; few numbers an hour may be asked
about; and the giver's phone is proved anew for each gift by a code that is good for that
gift only, since it is bound to the very amount and friend that were shown.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from core.limits import Limit, take_all
from core.phones import normalise_phone
from core.retry import retry_on_conflict
from members.models import Identifier, Member
from points.models import Transfer, Wallet
from points.services import gift_points, quote_gift
from portal.errors import NoOwnPhone, NoSuchFriend, OwnNumber, TooManyNumbers
from portal.models import SignInCode
from portal.sign_in import forgive_try, prove_code, request_code, use_code
from portal.texts import clean_text

NUMBERS_AN_HOUR = Limit("gift-numbers", most=10, span=timedelta(hours=1))
NUMBERS_A_DAY = Limit("gift-numbers-day", most=20, span=timedelta(days=1))
MAX_NOTE = 80
ACTOR = "portal"


@dataclass(frozen=True, slots=True)
class Draft:
    """A gift as it was shown to its giver, not yet confirmed."""

    token: str
    wallet_id: int
    receiver_id: int
    phone: str
    amount: int
    note: str


def draft_gift(
    *, giver: Member, phone: str, amount: int, note: str, wallet: Wallet, at: datetime
) -> Draft:
    """Check a gift before anything is moved, and give it a token of its own.

    What the giver may not do is refused before the number is looked up. Raises
    InvalidPhone, OwnNumber, GiftRefused, TooManyNumbers, NoSuchFriend.
    """
    number = normalise_phone(phone)
    if number in own_phones(giver):
        raise OwnNumber
    quote_gift(giver=giver, amount=amount, at=at, wallet=wallet)
    _count_number(giver, at)
    receiver = Member.objects.filter(
        identifiers__kind=Identifier.Kind.PHONE,
        identifiers__value=number,
        state=Member.State.ACTIVE,
    ).first()
    if receiver is None:
        raise NoSuchFriend
    return Draft(
        token=secrets.token_urlsafe(32),
        wallet_id=wallet.pk,
        receiver_id=receiver.pk,
        phone=number,
        amount=amount,
        note=clean_text(note, MAX_NOTE),
    )


def send_gift_code(
    *, giver: Member, draft: Draft, ip: str | None, at: datetime
) -> SignInCode:
    """Send a code for this gift to the giver's own phone. Raises NoOwnPhone, TooOften."""
    return request_code(
        phone=phone_for_codes(giver),
        browser=draft.token,
        ip=ip,
        at=at,
        purpose=SignInCode.Purpose.GIFT,
    )


def give(*, giver: Member, draft: Draft, code: str, at: datetime) -> Transfer:
    """Give what was shown, once, when the code is the one we sent for it.

    A refusal moves nothing and leaves the code as it was, but for the try. Raises what
    ``prove_code`` and ``gift_points`` raise.
    """
    proof = prove_code(
        phone=phone_for_codes(giver),
        browser=draft.token,
        code=code,
        at=at,
        purpose=SignInCode.Purpose.GIFT,
    )
    return _give(giver, draft, proof, at)


def gift_of(giver: Member, token: str) -> Transfer | None:
    """Return the gift that a confirmed form has made, if it has."""
    return Transfer.objects.filter(
        key=_key(giver, token), from_account__member=giver
    ).first()


def own_phones(member: Member) -> list[str]:
    """Return the member's numbers (E.164), the one proved last first."""
    phones = member.identifiers.filter(kind=Identifier.Kind.PHONE)
    ordered = phones.order_by(F("verified_at").desc(nulls_last=True), "pk")
    return list(ordered.values_list("value", flat=True))


def phone_for_codes(member: Member) -> str:
    """Return the number that a code goes to, or raise NoOwnPhone."""
    phones = own_phones(member)
    if not phones:
        raise NoOwnPhone
    return phones[0]


@retry_on_conflict
@transaction.atomic
def _give(giver: Member, draft: Draft, proof: SignInCode, at: datetime) -> Transfer:
    """Use the code and move the points together, or neither."""
    use_code(proof, at=at)
    gift = gift_points(
        giver=giver,
        receiver=Member.objects.get(pk=draft.receiver_id),
        amount=draft.amount,
        key=_key(giver, draft.token),
        at=at,
        wallet=Wallet.objects.get(pk=draft.wallet_id),
        note=draft.note,
        actor=ACTOR,
    )
    # The row that everybody shares comes last.
    forgive_try()
    return gift


@retry_on_conflict
@transaction.atomic
def _count_number(giver: Member, at: datetime) -> None:
    """Count one number asked about, whether a member has it or not."""
    subject = str(giver.pk)
    uses = [(NUMBERS_AN_HOUR, subject), (NUMBERS_A_DAY, subject)]
    taken = take_all(uses, at=at)
    if not taken.is_allowed:
        raise TooManyNumbers(retry_after=taken.retry_after)


def _key(giver: Member, token: str) -> str:
    return f"gift-page:{giver.pk}:{token}"
