"""Holding and using vouchers: all codes of an order together, or none of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from core.clock import local_date
from core.errors import InvalidInput
from core.retry import retry_on_conflict
from members.models import Member
from members.services import kept_ids
from rewards.errors import KeyReused
from rewards.models import VoucherUse
from rewards.models.vouchers import MAX_REFERENCE
from rewards.using.checking import Answer, check, look_up, refuse
from rewards.using.checkout import Checkout, fingerprint
from rewards.using.counting import count_uses, end_uses, limits_counted
from rewards.using.groups import (
    LIVE,
    State,
    is_overdue,
    locked_uses,
    mark_used,
    stands_meanwhile,
    use_of_closed,
)

# Each time another basket of the same reference must have come and gone in between.
ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Claim:
    """Who wants to hold or use which codes, on what, under which reference."""

    source: str
    reference: str
    codes: Sequence[str]
    checkout: Checkout
    member: Member | None
    at: datetime
    actor: str = ""


@retry_on_conflict
@transaction.atomic
def hold_vouchers(
    *,
    source: str,
    reference: str,
    codes: Sequence[str],
    checkout: Checkout,
    member: Member | None,
    at: datetime,
    actor: str = "",
) -> list[VoucherUse]:
    """Keep vouchers for an order while its customer pays; they count as used meanwhile.

    A repeat of the reference with the same content answers the first, whatever became of
    it; what was released or not used in time may be asked for anew. Raises VoucherRefused
    when one of them cannot be used (then none is held), KeyReused for other content,
    VoucherUseClosed when it was taken back.
    """
    claim = Claim(source, reference, codes, checkout, member, at, actor)
    return _claim(claim, State.HELD)


@retry_on_conflict
@transaction.atomic
def use_vouchers(
    *,
    source: str,
    reference: str,
    codes: Sequence[str],
    checkout: Checkout,
    member: Member | None,
    at: datetime,
    actor: str = "",
) -> list[VoucherUse]:
    """Use vouchers on an order, held for it before or not.

    Repeats and refusals as in ``hold_vouchers``.
    """
    claim = Claim(source, reference, codes, checkout, member, at, actor)
    return _claim(claim, State.USED)


def claim_uses(
    claim: Claim,
    answers: Sequence[Answer],
    state: str,
    *,
    group: Sequence[VoucherUse],
    print_: str,
    order_id: int | None = None,
) -> list[VoucherUse] | None:
    """Write and count uses that a check found right; None when others were faster.

    ``group`` are the uses under the reference that are locked; those that ended are
    written anew. Raises VoucherRefused when a use or a limit is no longer free.
    """
    rows = _rows(claim, answers, state, group=group, print_=print_, order_id=order_id)
    uses = _write(claim, rows, group)
    if uses is None:
        return None
    for use, answer in zip(uses, _in_order(answers), strict=True):
        use.voucher = answer.voucher
    count_uses(uses, answers, at=claim.at)
    return uses


def _claim(claim: Claim, state: str) -> list[VoucherUse]:
    claim = _checked(claim)
    for _attempt in range(ATTEMPTS):
        group = locked_uses(claim.source, claim.reference)
        overdue = [use for use in group if is_overdue(use, claim.at)]
        end_uses(overdue, State.LAPSED, at=claim.at)
        found = look_up(claim.codes)
        print_ = fingerprint((one.code for one in found), claim.checkout)
        if any(use.state in LIVE for use in group):
            return _repeat(claim, group, print_, state)
        quote = check(found, claim.checkout, member=claim.member, at=claim.at)
        if any(not answer.is_usable for answer in quote.answers):
            if stands_meanwhile(claim.source, claim.reference):
                # What took the last use was this very reference, told twice at once.
                continue
            raise refuse(quote.answers)
        uses = claim_uses(claim, quote.answers, state, group=group, print_=print_)
        if uses is not None:
            return uses
    raise AssertionError("one reference was held and released without end")


def _checked(claim: Claim) -> Claim:
    """Check a claim; who was merged is from here on who was kept, and stays it."""
    if not 1 <= len(claim.reference) <= MAX_REFERENCE:
        raise InvalidInput(_("The reference must have 1 to 80 characters."))
    if not claim.codes:
        raise InvalidInput(_("Name at least one voucher."))
    if claim.member is None:
        return claim
    kept = kept_ids([claim.member.pk], lock=True).get(claim.member.pk)
    member = claim.member if kept is None else Member.objects.get(pk=kept)
    return replace(claim, member=member)


def _repeat(
    claim: Claim, group: Sequence[VoucherUse], print_: str, state: str
) -> list[VoucherUse]:
    """Answer what stands under this reference, if it is what is asked for again."""
    same = [use for use in group if use.content_hash == print_]
    if not any(use.state in LIVE for use in same) or not _is_same_member(claim, same):
        raise KeyReused(claim.reference)
    if any(use.state == State.ROLLED_BACK for use in same):
        raise use_of_closed(State.ROLLED_BACK)
    if state == State.USED:
        mark_used([use for use in same if use.state == State.HELD], at=claim.at)
    return same


def _is_same_member(claim: Claim, uses: Sequence[VoucherUse]) -> bool:
    """Tell whether these were asked for by the same member; nobody is everybody's match.

    Where nobody was identified, a use is counted for its owner, who may be named now.
    """
    if claim.member is None:
        return True
    counted = {use.member_id for use in uses if use.member_id}
    kept = kept_ids(counted) if counted - {claim.member.pk} else {}
    return all(kept.get(pk, pk) == claim.member.pk for pk in counted)


def _in_order(answers: Sequence[Answer]) -> list[Answer]:
    return sorted(answers, key=lambda answer: answer.voucher.code)


def _rows(
    claim: Claim,
    answers: Sequence[Answer],
    state: str,
    *,
    group: Sequence[VoucherUse],
    print_: str,
    order_id: int | None,
) -> list[dict[str, Any]]:
    """Return what is to be written for each voucher, in the order of their codes."""
    taken = [use.position for use in group if use.state in LIVE]
    first = max(taken, default=-1) + 1
    minutes = min(answer.voucher.voucher_type.hold_minutes for answer in answers)
    is_used = state == State.USED
    together: dict[str, Any] = {
        "state": state,
        "order_total": claim.checkout.total,
        "content_hash": print_,
        "order_id": order_id,
        "store_id": claim.checkout.store_id,
        "happened_at": claim.at,
        "happened_on": local_date(claim.at),
        "held_until": None if is_used else claim.at + timedelta(minutes=minutes),
        "used_at": claim.at if is_used else None,
        "ended_at": None,
        "actor": claim.actor[:80],
    }
    return [
        {
            **together,
            "voucher_id": answer.voucher.pk,
            "member_id": answer.counted_for,
            "position": position,
            "discount": answer.taken,
            "breakdown": _breakdown(answer),
            "counted": limits_counted(answer),
        }
        for position, answer in enumerate(_in_order(answers), start=first)
    ]


def _breakdown(answer: Answer) -> dict[str, Any]:
    """Return how an amount came about as plain values; a line is named by its place."""
    priced = answer.priced
    assert priced is not None, "what is usable was priced"
    return {
        "lines": [[place, str(amount)] for place, amount in priced.lines],
        "delivery": str(priced.delivery),
        "notes": list(priced.notes),
    }


def _write(
    claim: Claim, rows: Sequence[Mapping[str, Any]], group: Sequence[VoucherUse]
) -> list[VoucherUse] | None:
    """Write all rows or, when one place or one voucher is taken meanwhile, none."""
    ended = {use.voucher_id: use for use in group if use.state not in LIVE}
    uses = []
    try:
        with transaction.atomic():
            for row in rows:
                use = ended.get(row["voucher_id"])
                if use is None:
                    use = VoucherUse(source=claim.source, reference=claim.reference)
                for name, value in row.items():
                    setattr(use, name, value)
                uses.append(use)
            VoucherUse.objects.bulk_create([use for use in uses if use.pk is None])
            for use in uses:
                if use in ended.values():
                    use.save()
    except IntegrityError:
        return None
    return uses
