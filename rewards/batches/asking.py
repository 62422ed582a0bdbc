"""Asking for codes: checked, put in line at once, or laid before a second person."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Sum
from django.utils.translation import gettext as _

from core.errors import InvalidInput
from core.models import ChangeRequest
from core.money import group_digits
from core.retry import retry_on_conflict
from rewards.batches.approving import (
    MAKE,
    ask_second_person,
    earlier_request,
    needs_second_person,
)
from rewards.batches.terms import Codes, is_printed
from rewards.codes import needed_length, room_for
from rewards.errors import BatchRefused, KeyReused
from rewards.models import Voucher, VoucherBatch, VoucherType

MAX_SIZE = 10_000_000


class Wish(NamedTuple):
    """What somebody asks for: how many codes of which type, and when they are usable.

    ``valid_from`` and ``valid_until`` only where they differ from what the type says.
    """

    voucher_type: VoucherType
    size: int
    name: str
    valid_from: datetime | None = None
    valid_until: datetime | None = None


@retry_on_conflict
@transaction.atomic
def ask_batch(
    wish: Wish, *, at: datetime, by: User | None = None, key: str | None = None
) -> VoucherBatch | ChangeRequest:
    """Put a batch in line for a worker, or ask a second person when it is a large one.

    Without ``by`` it is the command line that asks, and nobody is asked. Again with the
    same key gives what there is. Raises BatchRefused, InvalidInput, KeyReused.
    """
    if earlier := _earlier(wish, key):
        return earlier
    check_wish(wish, at=at)
    if by is not None and needs_second_person(wish.voucher_type, wish.size, by=by, at=at):
        payload = {
            "voucher_type": wish.voucher_type.pk,
            "size": wish.size,
            "name": wish.name,
            "valid_from": _as_text(wish.valid_from),
            "valid_until": _as_text(wish.valid_until),
            "key": key,
        }
        return ask_second_person(
            MAKE, payload, wish.voucher_type, wish.size, name=wish.name, by=by, at=at
        )
    return make_row(wish, by=by, at=at, key=key)


def make_row(wish: Wish, *, by: User | None, at: datetime, key: str | None) -> VoucherBatch:
    """Write the row that a worker finds."""
    told = {
        **wish._asdict(),
        "origin": VoucherBatch.Origin.GENERATED,
        "asked_at": at,
        "asked_by": by,
    }
    if key is None:
        return VoucherBatch.objects.create(**told)
    # Of two clicks at the same moment the unique key lets one in.
    return VoucherBatch.objects.get_or_create(key=key, defaults=told)[0]


def check_wish(wish: Wish, *, at: datetime) -> None:
    """Refuse what makes no sense, and what could be guessed. BatchRefused, InvalidInput."""
    if not wish.name.strip():
        raise InvalidInput(_("Give the batch a name by which you will find it again."))
    if not 1 <= wish.size <= MAX_SIZE:
        raise InvalidInput(
            _("One batch has from 1 to %(most)s codes.") % {"most": group_digits(MAX_SIZE)}
        )
    check_bulk(wish.voucher_type)
    starts, ends = wish.valid_from, wish.valid_until
    if ends is not None and ends <= max(at, starts or at):
        raise InvalidInput(
            _("“Usable until” must be in the future, and after “usable from”.")
        )
    if ends is None:
        check_end(wish.voucher_type)
    check_space(wish.voucher_type, wish.size)


def check_bulk(voucher_type: VoucherType) -> None:
    """Refuse types of which nobody can have many codes in advance. Raises BatchRefused."""
    told = {"name": voucher_type.name}
    if not voucher_type.is_active:
        raise BatchRefused(_("“%(name)s” is switched off.") % told)
    if voucher_type.codes == Codes.SHARED:
        raise BatchRefused(
            _("“%(name)s” has one code for everyone. Choose that code instead.") % told
        )
    if is_printed(voucher_type) and voucher_type.owner_only:
        raise BatchRefused(
            _(
                "Printed codes have no owner, but those of “%(name)s” are for their owner "
                "only. Switch that off, or let the type take its codes from a pool."
            )
            % told
        )


def check_end(voucher_type: VoucherType) -> None:
    """Refuse days that begin when a member gets a code that nobody gets. BatchRefused."""
    if is_printed(voucher_type) and voucher_type.valid_days is not None:
        raise BatchRefused(
            _(
                "“%(name)s” can be used for some days after a member gets it, and a "
                "printed code is given to nobody. Say until when these can be used."
            )
            % {"name": voucher_type.name}
        )


def check_space(voucher_type: VoucherType, size: int) -> None:
    """Refuse so many codes that a guess would meet one. Raises BatchRefused.

    Types with the same beginning and as many letters draw from the same space.
    """
    there = codes_in_space(voucher_type)
    if there + size <= room_for(voucher_type.length):
        return
    needed = needed_length(there + size)
    raise BatchRefused(
        _(
            "With %(length)s random letters only %(room)s codes are safe from guessing, "
            "and %(there)s are there. Set “random letters” of “%(name)s” to %(needed)s or "
            "more."
        )
        % {
            "length": voucher_type.length,
            "room": group_digits(room_for(voucher_type.length)),
            "there": group_digits(there),
            "name": voucher_type.name,
            "needed": needed,
        },
        needed_length=needed,
    )


def codes_in_space(voucher_type: VoucherType) -> int:
    """Count the codes that are, or will soon be, where this type draws its own."""
    alike = VoucherType.objects.filter(
        prefix=voucher_type.prefix, length=voucher_type.length
    ).values("pk")
    under_way = VoucherBatch.objects.filter(
        voucher_type__in=alike, state=VoucherBatch.State.RUNNING
    ).aggregate(left=Sum(F("size") - F("made")))
    made = Voucher.objects.filter(voucher_type__in=alike).count()
    return made + (under_way["left"] or 0)


def _earlier(wish: Wish, key: str | None) -> VoucherBatch | ChangeRequest | None:
    """Return what the same key asked for before."""
    if key is None:
        return None
    batch = VoucherBatch.objects.filter(key=key).first()
    if batch is None:
        return earlier_request(MAKE, key)
    if (batch.voucher_type_id, batch.size) != (wish.voucher_type.pk, wish.size):
        raise KeyReused(key)
    return batch


def _as_text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
