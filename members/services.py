"""The verbs of members: making, finding, and what they allow."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from core.batch import chunks
from core.errors import InvalidInput
from core.phones import normalise_phone
from core.questions import Question, Told
from members.errors import MemberNotFound, ZaloUserTaken
from members.facts import MemberFact, SavedMember
from members.merged import kept_ids, kept_member, merged_ids
from members.merging import (
    check_can_merge,
    lock_for_merge,
    move_person,
    move_person_back,
)
from members.models import Consent, Identifier, Member
from members.saving import save_members, write_consents

__all__ = [
    "MemberFact",
    "SavedMember",
    "check_can_merge",
    "find_member",
    "find_member_ids",
    "kept_ids",
    "kept_member",
    "link_zalo_user",
    "lock_for_merge",
    "merged_ids",
    "move_person",
    "move_person_back",
    "register_member",
    "save_members",
    "set_consent",
    "set_follows",
    "withdraw_zalo",
]

ZALO_SOURCE = "zalo"
BY_CODE = Question(lambda: Member.objects.filter(code=Told(0, "text")))
BY_IDENTIFIER = Question(
    lambda: Member.objects.filter(
        identifiers__kind=Told(0, "text"), identifiers__value=Told(1, "text")
    )
)


def register_member(*, phone: str, at: datetime, source: str, name: str = "") -> Member:
    """Return the member with this phone, made now with a code and a card if need be."""
    number = normalise_phone(phone)
    if member := _by_identifier(Identifier.Kind.PHONE, number):
        return member
    fact = MemberFact(phone=number, name=name.strip())
    saved = save_members([fact], source=source, at=at)[0]
    if saved.member_id is None:
        raise InvalidInput(saved.reason)
    return Member.objects.get(pk=saved.member_id)


def find_member(*, code: str = "", phone: str = "", card: str = "") -> Member:
    """Return the one member with this code, else this phone, else this card.

    Who was merged is answered with the member who was kept.
    """
    member = None
    if code:
        member = BY_CODE.ask_one(code)
    elif phone:
        member = _by_identifier(Identifier.Kind.PHONE, normalise_phone(phone))
    elif card:
        member = _by_identifier(Identifier.Kind.CARD, card)
    if member is None:
        raise MemberNotFound(
            _("There is no such member. Check the number, or register the phone first.")
        )
    return kept_member(member)


def find_member_ids(
    *, codes: Collection[str] = (), phones: Collection[str] = ()
) -> tuple[dict[str, int], dict[str, int]]:
    """Return the ids of those who are members, by code and by phone (as +84912345678).

    The code of a merged member leads to the member who was kept.
    """
    by_code: dict[str, int] = {}
    by_phone: dict[str, int] = {}
    for some in chunks(codes):
        q = Member.objects.filter(code__in=some)
        by_code.update(q.values_list("code", "pk"))
    for some in chunks(phones):
        phones_of = Identifier.objects.filter(kind=Identifier.Kind.PHONE, value__in=some)
        by_phone.update(phones_of.values_list("value", "member_id"))
    kept = kept_ids(by_code.values())
    return {code: kept.get(pk, pk) for code, pk in by_code.items()}, by_phone


@transaction.atomic
def set_consent(
    *,
    member_ids: Sequence[int],
    purpose: str,
    channel: str = "",
    is_given: bool,
    source: str,
    at: datetime,
) -> None:
    """Note what members allow from now on; who already said so is left alone."""
    for some in chunks(sorted(set(member_ids))):
        changed = write_consents(
            [(pk, is_given) for pk in some],
            purpose=purpose,
            channel=channel,
            source=source,
            at=at,
        )
        Member.objects.filter(pk__in=changed).update(updated_at=at)


@transaction.atomic
def link_zalo_user(*, member: Member, zalo_user_id: str, at: datetime) -> None:
    """Note which Zalo account is the member's; it takes the place of an older one."""
    q = Identifier.objects.filter(kind=Identifier.Kind.ZALO)
    owner = q.filter(value=zalo_user_id).first()
    if owner and owner.member_id == member.pk:
        return
    if owner:
        raise _taken()
    try:
        with transaction.atomic():
            # Who came out of a merge may have two; the newest is the one in use.
            old = q.filter(member=member).order_by("-pk").first()
            if old is not None:
                q.filter(pk=old.pk).update(
                    value=zalo_user_id, is_valid=True, verified_at=at
                )
            else:
                q.create(
                    member=member,
                    kind=Identifier.Kind.ZALO,
                    value=zalo_user_id,
                    verified_at=at,
                )
    except IntegrityError:
        # Linked to someone else a moment ago.
        raise _taken() from None
    Member.objects.filter(pk=member.pk).update(updated_at=at)


@transaction.atomic
def set_follows(*, zalo_user_id: str, follows: bool, at: datetime) -> bool:
    """Note that a Zalo account follows the Official Account or no longer does.

    Returns False when no member has that account: followers need not be members.
    """
    accounts = Identifier.objects.filter(kind=Identifier.Kind.ZALO, value=zalo_user_id)
    ids = list(accounts.values_list("member_id", flat=True))
    if not ids:
        return False
    if follows:
        # Whoever follows can be reached again.
        accounts.filter(is_valid=False).update(is_valid=True)
    q = Member.objects.filter(pk__in=ids).exclude(follows_oa=follows)
    q.update(follows_oa=follows, updated_at=at)
    return True


@transaction.atomic
def withdraw_zalo(*, zalo_user_id: str, at: datetime) -> bool:
    """Stop everything on Zalo for a person who took back their permission there.

    Offers stop on both Zalo channels, care messages to the account too, and the account
    is not used any more. Returns False when no member has it.
    """
    accounts = Identifier.objects.filter(kind=Identifier.Kind.ZALO, value=zalo_user_id)
    ids = list(accounts.values_list("member_id", flat=True))
    if not ids:
        return False
    for purpose, channel in (
        (Consent.Purpose.MARKETING, Consent.Channel.ZALO_UID),
        (Consent.Purpose.MARKETING, Consent.Channel.ZALO_PHONE),
        (Consent.Purpose.CARE, Consent.Channel.ZALO_UID),
    ):
        set_consent(
            member_ids=ids,
            purpose=purpose,
            channel=channel,
            is_given=False,
            source=ZALO_SOURCE,
            at=at,
        )
    accounts.update(is_valid=False)
    Member.objects.filter(pk__in=ids, follows_oa=True).update(
        follows_oa=False, updated_at=at
    )
    return True


def _by_identifier(kind: str, value: str) -> Member | None:
    return BY_IDENTIFIER.ask_one(kind, value)


def _taken() -> ZaloUserTaken:
    return ZaloUserTaken(
        _("This Zalo account belongs to another member. Ask the shop to unlink it there.")
    )
