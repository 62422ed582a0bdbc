"""What was scanned or typed: one field, and the till finds out what it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from core.phones import InvalidPhone, normalise_phone
from members.models import Identifier, Member
from members.services import kept_member
from rewards.codes import is_code, normalise_code
from rewards.models import Redemption, Voucher
from till.access import Desk
from till.limits import count_look_up, count_miss, refuse_guesses
from till.models import TillAct

Proof = TillAct.Proof
# Longer than any code, card or phone.
MOST_SIGNS = 100


@dataclass(frozen=True, slots=True)
class Recognised:
    """A voucher, a redemption, a member and how they are known, a phone, or nothing."""

    code: str = ""
    redemption: Redemption | None = None
    member: Member | None = None
    proof: str = Proof.NONE.value
    # A number that is nobody's yet.
    phone: str = ""

    @property
    def is_nothing(self) -> bool:
        return not (self.code or self.redemption or self.member or self.phone)


def recognise(desk: Desk, typed: str, *, at: datetime) -> Recognised:
    """Find what a text means: voucher, redemption, card, member code, phone number.

    Raises TooMany. What is nothing is counted, since it may be a guess.
    """
    count_look_up(desk, at=at)
    text = typed.strip()[:MOST_SIGNS]
    phone = _phone(text)
    if not phone:
        refuse_guesses(desk, at=at)
    found = (
        _voucher(text) or _redemption(text) or _by_identifier(text, phone) or _by_code(text)
    )
    if found is not None:
        return found
    if phone:
        return Recognised(phone=phone)
    if text:
        count_miss(desk, at=at)
    return Recognised()


def _phone(text: str) -> str:
    try:
        return normalise_phone(text)
    except InvalidPhone:
        return ""


def _voucher(text: str) -> Recognised | None:
    code = normalise_code(text)
    known = Voucher.objects.filter(code=code).exclude(state=Voucher.State.POOLED)
    return Recognised(code=code) if is_code(code) and known.exists() else None


def _redemption(text: str) -> Recognised | None:
    rows = Redemption.objects.filter(code=normalise_code(text))
    redemption = rows.select_related("member", "reward__benefit").first()
    return Recognised(redemption=redemption) if redemption else None


def _by_identifier(text: str, phone: str) -> Recognised | None:
    """Find the member of a card, else of a phone. One query."""
    kind = Identifier.Kind
    cards = {text, "".join(text.split())}
    asked = Q(kind=kind.CARD, value__in=cards)
    if phone:
        asked |= Q(kind=kind.PHONE, value=phone)
    found = {
        row.kind: row for row in Identifier.objects.filter(asked).select_related("member")
    }
    if row := found.get(kind.CARD):
        return Recognised(member=kept_member(row.member), proof=Proof.CARD.value)
    if row := found.get(kind.PHONE):
        return Recognised(member=kept_member(row.member))
    return None


def _by_code(text: str) -> Recognised | None:
    """Find a member by code; who has no card shows it as their card."""
    tries = {text, "".join(text.split()).upper()}
    member = Member.objects.filter(code__in=tries).first()
    if member is None:
        return None
    member = kept_member(member)
    has_card = member.identifiers.filter(kind=Identifier.Kind.CARD).exists()
    proof = Proof.NONE if has_card else Proof.CARD
    return Recognised(member=member, proof=proof.value)
