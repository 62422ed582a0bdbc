"""Save many members at once: a constant number of statements, however many they are.

Rows of the history of changes are written when staff edit a member, not here: a file of a
million people would double its work, and the file itself is the record of what it said.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from core.batch import Column, chunks, execute, fetch_all, insert_new, rows_source
from core.codes import random_digits
from core.phones import display_phone
from core.retry import retry_on_conflict
from members.errors import BusyMembers
from members.facts import (
    GENERATED_CODE,
    NEW,
    UPDATED,
    Draft,
    MemberFact,
    SavedMember,
    generated_code,
    understand,
)
from members.happenings import announce_joined
from members.merged import kept_ids
from members.models import Consent, Identifier, Member, MemberTag, Tag

# Consent that comes from a list: it may not overrule what the member has said since.
FILE_SOURCE = "import"
CARD_DIGITS = 12
ATTEMPTS = 5

Key = tuple[str, str]

_PROFILE = (
    Column("code", "text"),
    Column("name", "text"),
    Column("birth_date", "date"),
    Column("gender", "text"),
    Column("province", "text"),
    Column("follows_oa", "boolean"),
    Column("joined_at", "timestamptz"),
)
_NEW_MEMBER = (
    *_PROFILE,
    Column("language", "text"),
    Column("state", "text"),
    Column("created_at", "timestamptz"),
    Column("updated_at", "timestamptz"),
)
_IDENTIFIER = (
    Column("member_id", "bigint"),
    Column("kind", "text"),
    Column("value", "text"),
    Column("is_valid", "boolean"),
    Column("created_at", "timestamptz"),
)
_CONSENT = (
    Column("member_id", "bigint"),
    Column("purpose", "text"),
    Column("channel", "text"),
    Column("is_given", "boolean"),
    Column("changed_at", "timestamptz"),
    Column("source", "text"),
)


class _LostRace(Exception):
    """Someone else has just made a member or an identifier that we were about to make."""


@retry_on_conflict
@transaction.atomic
def save_members(
    facts: Sequence[MemberFact], *, source: str, at: datetime
) -> list[SavedMember]:
    """Make or update members, found by their code, else by their phone.

    1. Each fact is understood on its own; a refused one does not touch the others.
    2. Facts about the same person go in one after the other, in the order told.
    3. A phone, e-mail or Zalo account of another member refuses the fact that claims it.

    Telling the same again changes nothing. The answers come in the order of the facts.
    """
    drafts = [understand(fact, at=at) for fact in facts]
    for chunk in chunks(drafts):
        _save_chunk(chunk, source=source, at=at)
    return [draft.saved() for draft in drafts]


def _save_chunk(chunk: list[Draft], *, source: str, at: datetime) -> None:
    waiting = [draft for draft in chunk if not draft.reason]
    holders: dict[Key, Draft] = {}
    while waiting:
        together, later = _split_repeats(waiting, holders)
        waiting = _save_together(together, source=source, at=at) + later
        for draft in together:
            if draft.member_id is not None:
                holders.update(dict.fromkeys(draft.keys, draft))


def _split_repeats(
    waiting: list[Draft], holders: dict[Key, Draft]
) -> tuple[list[Draft], list[Draft]]:
    """Choose the drafts that can be saved in one go: no two of them share a key."""
    together: list[Draft] = []
    later: list[Draft] = []
    seen: set[Key] = set()
    for draft in waiting:
        keys = draft.keys
        if taken := _taken_key(draft, holders):
            draft.refuse(_belongs_to(taken, holders[taken].code))
            continue
        (later if keys & seen else together).append(draft)
        seen |= keys
    return together, later


def _taken_key(draft: Draft, holders: dict[Key, Draft]) -> Key | None:
    for key in draft.identifiers.items():
        holder = holders.get(key)
        if holder and draft.code and not _may_be(holder.code, draft.code):
            return key
    return None


def _may_be(held: str, told: str) -> bool:
    """Tell whether a member's code and a told one can be the same person's."""
    # Someone who joined by phone has a code of our making; the brand's own replaces it.
    return held == told or GENERATED_CODE(held) is not None


def _save_together(drafts: list[Draft], *, source: str, at: datetime) -> list[Draft]:
    """Save drafts that share no key; return those that turned out to be one person."""
    for _attempt in range(ATTEMPTS):
        try:
            with transaction.atomic():
                return _try_to_save(drafts, source=source, at=at)
        except _LostRace:
            for draft in drafts:
                draft.start_again()
    raise BusyMembers(_("Others are saving the same members. Try again in a moment."))


def _try_to_save(drafts: list[Draft], *, source: str, at: datetime) -> list[Draft]:
    _match(drafts)
    kept, later = _split_persons([draft for draft in drafts if not draft.reason])
    new = [draft for draft in kept if draft.member_id is None]
    old = [draft for draft in kept if draft.member_id is not None]
    before = _lock_members(old)
    _insert_members(new, at=at)
    changed = _save_identifiers(kept)
    changed |= _save_consents(kept, source=source, at=at)
    tagged = _save_tags(kept, source=source, at=at)
    changed |= _update_profiles(old, before, changed, at=at)
    for draft in new:
        draft.outcome = NEW
    for draft in old:
        if draft.member_id in changed | tagged:
            draft.outcome = UPDATED
    return later


def _split_persons(drafts: list[Draft]) -> tuple[list[Draft], list[Draft]]:
    """Keep one draft a member: one told by code and one by phone may be the same."""
    together, later = [], []
    seen: set[int] = set()
    for draft in drafts:
        if draft.member_id is None:
            together.append(draft)
        elif draft.member_id in seen:
            draft.start_again()
            later.append(draft)
        else:
            seen.add(draft.member_id)
            together.append(draft)
    return together, later


# --- Who is it ---------------------------------------------------------------------------


def _match(drafts: list[Draft]) -> None:
    """Find each draft's member, or refuse a draft that claims what is another's."""
    codes = {draft.code for draft in drafts if draft.code}
    by_code = dict(Member.objects.filter(code__in=codes).values_list("code", "pk"))
    _follow_merges(drafts, by_code)
    owners = _owners(drafts)
    for draft in drafts:
        _choose_member(draft, by_code, owners)


def _follow_merges(drafts: list[Draft], by_code: dict[str, int]) -> None:
    """Let what is told by the code of a merged member be told of who was kept."""
    kept = kept_ids(by_code.values(), lock=True)
    if not kept:
        return
    codes = dict(Member.objects.filter(pk__in=kept.values()).values_list("pk", "code"))
    for draft in drafts:
        if now := kept.get(by_code.get(draft.code, 0)):
            draft.code = codes[now]
            by_code[draft.code] = now


def _owners(drafts: list[Draft]) -> dict[Key, tuple[int, str]]:
    values: dict[str, set[str]] = {}
    for draft in drafts:
        for kind, value in draft.identifiers.items():
            values.setdefault(kind, set()).add(value)
    if not values:
        return {}
    q = Q()
    for kind, wanted in values.items():
        q |= Q(kind=kind, value__in=wanted)
    rows = Identifier.objects.filter(q)
    return {
        (kind, value): (member_id, code)
        for kind, value, member_id, code in rows.values_list(
            "kind", "value", "member_id", "member__code"
        )
    }


def _choose_member(
    draft: Draft, by_code: dict[str, int], owners: dict[Key, tuple[int, str]]
) -> None:
    draft.member_id = by_code.get(draft.code)
    phone_owner = owners.get(("phone", draft.identifiers.get("phone", "")))
    if draft.member_id is None and phone_owner:
        owner_id, owner_code = phone_owner
        if not draft.code or _may_be(owner_code, draft.code):
            draft.member_id = owner_id
    for key in draft.identifiers.items():
        owner = owners.get(key)
        if owner and owner[0] != draft.member_id:
            draft.refuse(_belongs_to(key, owner[1]))
            return


def _belongs_to(key: Key, code: str) -> str:
    kind, value = key
    shown = display_phone(value) if kind == Identifier.Kind.PHONE else value
    return _("%(value)s belongs to member %(code)s. Correct the one or the other.") % {
        "value": shown,
        "code": code or "?",
    }


def _lock_members(drafts: list[Draft]) -> dict[int, Member]:
    """Read the members as they are; nobody else edits them until we are done."""
    ids = [draft.member_id for draft in drafts if draft.member_id is not None]
    q = Member.objects.filter(pk__in=ids).order_by("pk")
    # Not the full lock: orders that point at a member go on meanwhile.
    return {member.pk: member for member in q.select_for_update(no_key=True)}


# --- Writing -----------------------------------------------------------------------------


def _insert_members(drafts: list[Draft], *, at: datetime) -> None:
    for draft in drafts:
        draft.code = draft.code or generated_code()
    written_at = timezone.now()
    rows = [
        (
            draft.code,
            draft.name,
            draft.fact.birth_date,
            draft.fact.gender,
            draft.province,
            bool(draft.fact.follows_oa),
            draft.fact.joined_at or at,
            Member.Language.VIETNAMESE.value,
            Member.State.ACTIVE.value,
            written_at,
            at,
        )
        for draft in sorted(drafts, key=lambda draft: draft.code)
    ]
    made = insert_new(
        "members_member", _NEW_MEMBER, rows, conflict="code", returning="code, id"
    )
    if len(made) != len(drafts):
        raise _LostRace
    ids = dict(made)
    for draft in drafts:
        draft.member_id = ids[draft.code]
    give_cards([member_id for _code, member_id in made])
    announce_joined((ids[draft.code], draft.fact.joined_at or at) for draft in drafts)


def give_cards(member_ids: Sequence[int]) -> None:
    """Give each member a card number that nobody else has."""
    waiting = set(member_ids)
    while waiting:
        rows = [
            (member_id, Identifier.Kind.CARD.value, random_digits(CARD_DIGITS))
            for member_id in sorted(waiting)
        ]
        # A number that is taken is passed over and drawn again.
        waiting -= {member_id for member_id, _kind in _insert_identifiers(rows)}


def _insert_identifiers(rows: list[tuple[int, str, str]]) -> list[tuple[Any, ...]]:
    now = timezone.now()
    return insert_new(
        "members_identifier",
        _IDENTIFIER,
        [(*row, True, now) for row in rows],
        conflict="kind, value",
        returning="member_id, kind",
    )


def _save_identifiers(drafts: list[Draft]) -> set[int]:
    """Give members their phones, e-mails and Zalo accounts; return whose changed."""
    ids = [draft.member_id for draft in drafts if draft.identifiers]
    held: dict[tuple[int, str], dict[str, int]] = {}
    for pk, member_id, kind, value in (
        Identifier.objects.filter(member__in=ids)
        .order_by("pk")
        .values_list("pk", "member_id", "kind", "value")
    ):
        held.setdefault((member_id, kind), {})[value] = pk
    fresh, moved = [], []
    for draft in drafts:
        assert draft.member_id is not None  # matched or made by now
        for kind, value in draft.identifiers.items():
            values = held.get((draft.member_id, kind), {})
            if not values:
                fresh.append((draft.member_id, kind, value))
            elif value not in values:
                moved.append((draft.member_id, next(iter(values.values())), value))
    if len(_insert_identifiers(sorted(fresh, key=lambda row: row[1:]))) != len(fresh):
        raise _LostRace
    _replace_identifiers([(pk, value) for _member_id, pk, value in sorted(moved)])
    return {row[0] for row in (*fresh, *moved)}


def _replace_identifiers(rows: list[tuple[int, str]]) -> None:
    """Write new values over old ones: an old phone may soon be a stranger's."""
    if not rows:
        return
    source, parameters = rows_source(
        (Column("id", "bigint"), Column("value", "text")), rows
    )
    try:
        execute(
            "UPDATE members_identifier SET value = r.value, is_valid = true, "
            f"verified_at = NULL FROM {source} WHERE members_identifier.id = r.id",
            parameters,
        )
    except IntegrityError as error:
        raise _LostRace from error


def _save_consents(drafts: list[Draft], *, source: str, at: datetime) -> set[int]:
    rows = [
        (draft.member_id, draft.fact.consent)
        for draft in drafts
        if draft.member_id is not None and draft.fact.consent is not None
    ]
    return write_consents(
        rows, purpose=Consent.Purpose.MARKETING, channel="", source=source, at=at
    )


def write_consents(
    rows: Sequence[tuple[int, bool]],
    *,
    purpose: str,
    channel: str,
    source: str,
    at: datetime,
) -> set[int]:
    """Note who allows what, only where it changes; return whose did.

    A yes from a file is older than anyone knows: it does not overrule a no that the member
    has said elsewhere. A no from a file always counts.
    """
    if not rows:
        return set()
    table, parameters = rows_source(
        _CONSENT,
        [
            (pk, str(purpose), str(channel), given, at, source[:60])
            for pk, given in sorted(rows)
        ],
    )
    guard = ""
    if source.startswith(FILE_SOURCE):
        guard = (
            f" AND (NOT excluded.is_given OR members_consent.source LIKE '{FILE_SOURCE}%%')"
        )
    names = ", ".join(column.name for column in _CONSENT)
    return {
        member_id
        for (member_id,) in fetch_all(
            f"INSERT INTO members_consent ({names}) SELECT {names} FROM {table} "
            "WHERE true ON CONFLICT (member_id, purpose, channel) DO UPDATE SET "
            "is_given = excluded.is_given, changed_at = excluded.changed_at, "
            "source = excluded.source "
            f"WHERE members_consent.is_given <> excluded.is_given{guard} "
            "RETURNING member_id",
            parameters,
        )
    }


def _save_tags(drafts: list[Draft], *, source: str, at: datetime) -> set[int]:
    """Put tags on, making those that are missing; return who got one."""
    names = {code: name for draft in drafts for code, name in draft.tags.items()}
    if not names:
        return set()
    insert_new(
        "members_tag",
        (Column("code", "text"), Column("name", "text"), Column("description", "text")),
        [(code, name, "") for code, name in sorted(names.items())],
        conflict="code",
        returning="id",
    )
    ids = dict(Tag.objects.filter(code__in=names).values_list("code", "pk"))
    rows = sorted(
        (ids[code], draft.member_id, at, source[:60])
        for draft in drafts
        if draft.member_id is not None
        for code in draft.tags
    )
    made = insert_new(
        MemberTag._meta.db_table,
        (
            Column("tag_id", "bigint"),
            Column("member_id", "bigint"),
            Column("tagged_at", "timestamptz"),
            Column("source", "text"),
        ),
        rows,
        conflict="tag_id, member_id",
        returning="member_id",
    )
    return {member_id for (member_id,) in made}


def _update_profiles(
    drafts: list[Draft], before: dict[int, Member], changed: set[int], *, at: datetime
) -> set[int]:
    """Write the profiles that differ, and the time at all members that changed at all."""
    rows = []
    for draft in drafts:
        assert draft.member_id is not None  # these were matched
        old = _profile(before[draft.member_id])
        new = _merged(draft, before[draft.member_id])
        if new != old or draft.member_id in changed:
            rows.append((draft.member_id, *new, at))
    if rows:
        columns = (
            Column("id", "bigint"),
            *_PROFILE,
            Column("updated_at", "timestamptz"),
        )
        source, parameters = rows_source(columns, rows)
        sets = ", ".join(f"{column.name} = r.{column.name}" for column in columns[1:])
        execute(
            f"UPDATE members_member SET {sets} FROM {source} "
            "WHERE members_member.id = r.id",
            parameters,
        )
    return {row[0] for row in rows}


def _profile(member: Member) -> tuple[Any, ...]:
    return tuple(getattr(member, column.name) for column in _PROFILE)


def _merged(draft: Draft, member: Member) -> tuple[Any, ...]:
    """Return the profile with what was told written over what was known."""
    fact = draft.fact
    follows = member.follows_oa if fact.follows_oa is None else fact.follows_oa
    return (
        draft.code or member.code,
        draft.name or member.name,
        fact.birth_date or member.birth_date,
        fact.gender or member.gender,
        draft.province or member.province,
        follows,
        fact.joined_at or member.joined_at,
    )
