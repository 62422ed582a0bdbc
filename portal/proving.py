"""A code to a member's own phone, for an app that has to know that they stand there."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from core.phones import mask_phone
from core.retry import retry_on_conflict
from members.models import Member
from members.proving import Prover
from portal.giving import phone_for_codes
from portal.models import SignInCode
from portal.sign_in import forgive_try, prove_code, request_code, use_code

PURPOSE = SignInCode.Purpose.TILL


def _send(member: Member, bound_to: str, ip: str | None, at: datetime) -> str:
    phone = phone_for_codes(member)
    request_code(phone=phone, browser=bound_to, ip=ip, at=at, purpose=PURPOSE)
    return mask_phone(phone)


def _check(member: Member, bound_to: str, code: str, at: datetime) -> None:
    phone = phone_for_codes(member)
    proof = prove_code(phone=phone, browser=bound_to, code=code, at=at, purpose=PURPOSE)
    _use(proof, at)


@retry_on_conflict
@transaction.atomic
def _use(proof: SignInCode, at: datetime) -> None:
    use_code(proof, at=at)
    forgive_try()


BY_CODE = Prover(_send, _check)
