"""The member at the counter: how they are known, and for how long that counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from members.models import Identifier, Member
from members.proving import check_proof, send_proof
from members.services import kept_member
from till.access import Desk
from till.errors import MembershipClosed, NotProved, OwnMembership
from till.models import TillAct

Proof = TillAct.Proof
# With these points can be spent: the member stood there. A phone number anybody can say.
PROOFS = frozenset({Proof.CARD.value, Proof.CODE.value})
# So long after the card was shown: the next customer has come since.
PROOF_LASTS = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Serving:
    """A member who is served, and how the till knows them; ``token`` is its address."""

    token: str
    member: Member
    proof: str
    since: datetime

    def is_proved(self, *, at: datetime) -> bool:
        return self.proof in PROOFS and at - self.since < PROOF_LASTS


def facts_of(member: Member, proof: str, *, at: datetime) -> dict[str, Any]:
    """Return a serving as the session keeps it."""
    return {"member": member.pk, "proof": proof, "since": at.isoformat()}


def serving_of(token: str, facts: Mapping[str, Any]) -> Serving:
    """Read a serving back; who was merged meanwhile is who was kept. Two queries."""
    member = kept_member(Member.objects.get(pk=facts["member"]))
    since = datetime.fromisoformat(facts["since"])
    return Serving(token, member, facts["proof"], since)


def require_proof(serving: Serving, *, at: datetime) -> None:
    """Raise NotProved unless the member showed the card or told the code just now."""
    if not serving.is_proved(at=at):
        raise NotProved


def check_may_serve(desk: Desk, member: Member) -> None:
    """Raise MembershipClosed or OwnMembership. One query where a number is known."""
    if not member.is_active:
        raise MembershipClosed
    if is_own(desk, member):
        raise OwnMembership


def is_own(desk: Desk, member: Member) -> bool:
    """Tell whether the person at the till is this member."""
    phone = desk.staff.own_phone
    if not phone:
        return False
    own = Identifier.objects.filter(kind=Identifier.Kind.PHONE, value=phone)
    return own.filter(member=member).exists()


def send_code(desk: Desk, serving: Serving, *, ip: str | None, at: datetime) -> str:
    """Send a code to the member's phone; returns the phone as it may be shown."""
    check_may_serve(desk, serving.member)
    bound_to = _bound_to(desk, serving)
    return send_proof(serving.member, bound_to=bound_to, ip=ip, at=at)


def check_code(desk: Desk, serving: Serving, *, code: str, at: datetime) -> None:
    """Accept the code that the member tells, for this serving only; or refuse it."""
    bound_to = _bound_to(desk, serving)
    check_proof(serving.member, bound_to=bound_to, code=code, at=at)


def _bound_to(desk: Desk, serving: Serving) -> str:
    return f"till:{desk.user.pk}:{desk.store.pk}:{serving.token}"
