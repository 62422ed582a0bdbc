"""What a member is known by, allowed and labelled with, on its way to another member.

Everything that moves is written down, so that undoing gives back exactly that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from members.errors import MergeRefused
from members.models import Consent, Identifier, ListEntry, Member, MemberTag

# What is filled in on the kept member where nothing is known.
BLANKS = ("name", "birth_date", "gender", "province")
Answer = tuple[bool, datetime, str]


def lock_for_merge(member_ids: Iterable[int]) -> dict[int, Member]:
    """Lock members against everything that points at them, ascending by id."""
    rows = Member.objects.filter(pk__in=set(member_ids)).order_by("pk")
    return {member.pk: member for member in rows.select_for_update()}


def check_can_merge(*, kept: Member, merged: Member) -> None:
    """Raise MergeRefused with the reason when these two cannot become one."""
    if kept.pk == merged.pk:
        raise MergeRefused(_("A member cannot be merged with themselves."))
    for member in (kept, merged):
        if member.is_merged:
            raise MergeRefused(
                _("%(member)s (%(code)s) was merged before. Choose who was kept.")
                % {"member": member, "code": member.code}
            )
        if not member.is_active:
            raise MergeRefused(
                _("%(member)s (%(code)s) is not active. Only active members are merged.")
                % {"member": member, "code": member.code}
            )


def move_person(*, kept: Member, merged: Member, at: datetime) -> dict[str, Any]:
    """Give the kept member the other's identifiers, tags, consents and profile.

    Both rows are locked. A refusal of either counts for both. Returns what moved and what
    stood before.
    """
    identifiers = Identifier.objects.filter(member=merged)
    has_zalo = identifiers.filter(kind=Identifier.Kind.ZALO).exists()
    profile = _join_profiles(kept, merged, has_zalo=has_zalo)
    moved = {
        "identifiers": _move(identifiers, kept),
        "tags": _move(_tags_to_move(kept, merged), kept),
        "lists": _move(_entries_to_move(kept, merged), kept),
        "consents": _join_consents(kept, merged),
        "profile": profile,
    }
    kept.updated_at = at
    kept.save(update_fields=[*profile, "updated_at"])
    merged.state, merged.merged_into, merged.updated_at = Member.State.MERGED, kept, at
    merged.save(update_fields=["state", "merged_into", "updated_at"])
    return moved


def move_person_back(
    *, kept: Member, merged: Member, moved: Mapping[str, Any], at: datetime
) -> None:
    """Undo ``move_person``; what was changed since stays as it is now. Both are locked."""
    Identifier.objects.filter(pk__in=moved["identifiers"], member=kept).update(
        member=merged
    )
    MemberTag.objects.filter(pk__in=moved["tags"], member=kept).update(member=merged)
    # Merges from before there were lists know nothing of them.
    entries = ListEntry.objects.filter(pk__in=moved.get("lists", ()), member=kept)
    entries.update(member=merged)
    _restore_consents(kept, moved["consents"])
    fields = _restore_profile(kept, moved["profile"])
    kept.updated_at = at
    kept.save(update_fields=[*fields, "updated_at"])
    merged.state, merged.merged_into, merged.updated_at = Member.State.ACTIVE, None, at
    merged.save(update_fields=["state", "merged_into", "updated_at"])


def _move(rows: Any, kept: Member) -> list[int]:
    ids = sorted(rows.values_list("pk", flat=True))
    rows.model.objects.filter(pk__in=ids).update(member=kept)
    return ids


def _tags_to_move(kept: Member, merged: Member) -> Any:
    has = MemberTag.objects.filter(member=kept).values("tag")
    return MemberTag.objects.filter(member=merged).exclude(tag__in=has)


def _entries_to_move(kept: Member, merged: Member) -> Any:
    stands_on = ListEntry.objects.filter(member=kept).values("list")
    return ListEntry.objects.filter(member=merged).exclude(list__in=stands_on)


# --- Consent ----------------------------------------------------------------------------


def joined_answers(kept: Member, merged: Member) -> dict[tuple[str, str], Answer]:
    """Return what two members who are one allow, by purpose and channel: a no wins.

    A row for one channel overrides the row for every channel, so each side's answer is
    worked out for every channel that either has spoken of.
    """
    sides = [_answers(kept), _answers(merged)]
    asked = {key for side in sides for key in side}
    joined = {}
    for purpose, channel in sorted(asked):
        answers = [
            answer
            for side in sides
            if (answer := side.get((purpose, channel)) or side.get((purpose, "")))
        ]
        # False before True; of two alike the kept member's own.
        joined[purpose, channel] = min(answers, key=lambda answer: answer[0])
    return joined


def _answers(member: Member) -> dict[tuple[str, str], Answer]:
    return {
        (row.purpose, row.channel): (row.is_given, row.changed_at, row.source)
        for row in Consent.objects.filter(member=member)
    }


def _join_consents(kept: Member, merged: Member) -> list[dict[str, Any]]:
    before = _answers(kept)
    changed = []
    for key, answer in joined_answers(kept, merged).items():
        old = before.get(key)
        if old and old[0] == answer[0]:
            continue
        purpose, channel = key
        _write_answer(kept, purpose, channel, answer)
        changed.append(
            {
                "purpose": purpose,
                "channel": channel,
                "before": _told(old),
                "after": _told(answer),
            }
        )
    return changed


def _restore_consents(kept: Member, changed: Iterable[Mapping[str, Any]]) -> None:
    """Bring back what was allowed before, unless the member has answered since."""
    now = _answers(kept)
    for row in changed:
        purpose, channel = row["purpose"], row["channel"]
        if _told(now.get((purpose, channel))) != row["after"]:
            continue
        if row["before"] is None:
            kept.consents.filter(purpose=purpose, channel=channel).delete()
            continue
        given, changed_at, source = row["before"]
        when = parse_datetime(changed_at)
        assert when is not None, "written by _told"
        _write_answer(kept, purpose, channel, (given, when, source))


def _write_answer(member: Member, purpose: str, channel: str, answer: Answer) -> None:
    given, changed_at, source = answer
    Consent.objects.update_or_create(
        member=member,
        purpose=purpose,
        channel=channel,
        defaults={"is_given": given, "changed_at": changed_at, "source": source},
    )


def _told(answer: Answer | None) -> list[Any] | None:
    if answer is None:
        return None
    return [answer[0], answer[1].isoformat(), answer[2]]


# --- Profile ----------------------------------------------------------------------------


def _join_profiles(kept: Member, merged: Member, *, has_zalo: bool) -> dict[str, list[Any]]:
    """Fill the kept member's blanks; returns each field with its value before and after."""
    wanted: dict[str, Any] = {
        name: getattr(merged, name) for name in BLANKS if not getattr(kept, name)
    }
    wanted["joined_at"] = min(kept.joined_at, merged.joined_at)
    wanted["follows_oa"] = kept.follows_oa or (has_zalo and merged.follows_oa)
    filled = {}
    for name, value in wanted.items():
        before = getattr(kept, name)
        if value != before:
            filled[name] = [_plain(before), _plain(value)]
            setattr(kept, name, value)
    return filled


def _restore_profile(kept: Member, filled: Mapping[str, list[Any]]) -> list[str]:
    """Empty again what was filled in, where nobody has changed it since."""
    restored = []
    for name, (before, after) in filled.items():
        if _plain(getattr(kept, name)) == after:
            field = Member._meta.get_field(name)
            setattr(kept, name, field.to_python(before))  # type: ignore[union-attr]
            restored.append(name)
    return restored


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, (date, datetime)) else value
