"""Who gets a handout: a group, everyone with a tag, or a list that somebody pasted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from core.errors import DomainError, InvalidInput
from core.money import group_digits
from core.phones import normalise_phone
from members.models import Identifier, Member, Segment, Tag
from members.segments.tree import members_matching
from members.services import find_member_ids

MOST_LINES = 5000


@dataclass(frozen=True, slots=True)
class Chosen:
    """Members, how they were chosen, and the lines of a list that name nobody."""

    members: QuerySet[Member]
    words: str
    unknown: Sequence[str] = field(default=())


def choose_segment(segment: Segment, *, at: datetime) -> Chosen:
    """Choose who is in a group now."""
    matching = members_matching(segment.conditions, at=at)
    return Chosen(_active(matching), _("group “%(name)s”") % {"name": segment.name})


def choose_tag(tag: Tag) -> Chosen:
    """Choose who carries a tag now."""
    tagged = Member.objects.filter(tags__tag=tag, merged_into__isnull=True)
    return Chosen(_active(tagged), _("tag “%(name)s”") % {"name": tag.name})


def choose_list(text: str) -> Chosen:
    """Choose whom a list names, a line each: a member code, a phone or a card number.

    Raises InvalidInput when it is too long.
    """
    lines = [line for part in re.split(r"[\n,;\t]", text) if (line := part.strip())]
    lines = list(dict.fromkeys(lines))
    if len(lines) > MOST_LINES:
        raise InvalidInput(
            _("A list has at most %(most)s members. Use a tag or a group for more.")
            % {"most": group_digits(MOST_LINES)}
        )
    meant = _ids(lines)
    unknown = [line for line in lines if line not in meant]
    members = Member.objects.filter(pk__in=set(meant.values()))
    return Chosen(_active(members), _("a list"), unknown)


def _active(members: QuerySet[Member]) -> QuerySet[Member]:
    return members.filter(state=Member.State.ACTIVE)


def _ids(lines: Sequence[str]) -> dict[str, int]:
    """Return which member each line means, as a code, a phone or a card."""
    phones = {line: phone for line in lines if (phone := _phone(line))}
    by_code, by_phone = find_member_ids(codes=lines, phones=set(phones.values()))
    cards = Identifier.objects.filter(kind=Identifier.Kind.CARD, value__in=lines)
    found = dict(cards.values_list("value", "member_id"))
    found |= {line: by_phone[p] for line, p in phones.items() if p in by_phone}
    return found | by_code


def _phone(line: str) -> str:
    try:
        return normalise_phone(line)
    except DomainError:
        return ""
