"""Segments that ask about other segments, and lists of members by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core.errors import InvalidInput
from members.models import ListEntry, Member, MemberList, Segment
from members.segments.occasions import occasions_matching
from members.segments.registry import Field, Moment, Occasion, Operator, ValueKind
from members.segments.telling import tell_yes_or_no
from members.segments.tree import children_of, compile_conditions

GROUP = _("Groups")
SEGMENT = "segment"
LIST = "list"
# What one question may become when every segment in it is written out.
MAX_WRITTEN_OUT = 200
# Segments that are asked about as if they had been saved with other conditions.
AS_IF: ContextVar[Mapping[str, Any] | None] = ContextVar("segments_as_if", default=None)


def group_fields() -> tuple[Field, ...]:
    """Return the fields of this file."""
    return _segment(), _list()


def _segment() -> Field:
    return Field(
        SEGMENT,
        _("another segment"),
        GROUP,
        (
            Operator(
                "is",
                _("is in"),
                _("are in the segment “%(value)s”"),
                lambda code, moment: _in_segment(code, moment),
                ValueKind.CHOICE,
                _segments,
            ),
            Operator(
                "is_not",
                _("is not in"),
                _("are not in the segment “%(value)s”"),
                lambda code, moment: ~_in_segment(code, moment),
                ValueKind.CHOICE,
                _segments,
            ),
        ),
        tell=tell_yes_or_no(_("segment"), _in_segment, _segments),
        as_of=_segment_as_of,
    )


def _list() -> Field:
    return Field(
        LIST,
        _("list from a file"),
        GROUP,
        (
            Operator(
                "is",
                _("is on"),
                _("are on the list “%(value)s”"),
                lambda code, _moment: _on_list(code),
                ValueKind.CHOICE,
                _lists,
            ),
            Operator(
                "is_not",
                _("is not on"),
                _("are not on the list “%(value)s”"),
                lambda code, _moment: ~_on_list(code),
                ValueKind.CHOICE,
                _lists,
            ),
        ),
        tell=_tell_list,
    )


# --- other segments ----------------------------------------------------------------------


def _segments() -> list[tuple[str, str]]:
    return list(Segment.objects.values_list("code", "name"))


def _in_segment(code: str, moment: Moment) -> Q:
    """Write the other segment's conditions out in place. One query."""
    if code in moment.inside:
        raise InvalidInput(_in_circles(code))
    inside = replace(moment, inside=(*moment.inside, code))
    return compile_conditions(_conditions_of(code), {}, inside)


@contextmanager
def as_if_saved(segment: Segment) -> Iterator[None]:
    """Ask about a segment as it stands in memory, whatever the database says."""
    token = AS_IF.set({**(AS_IF.get() or {}), segment.code: segment.conditions})
    try:
        yield
    finally:
        AS_IF.reset(token)


def _conditions_of(code: str) -> Any:
    if code in (told := AS_IF.get() or {}):
        return told[code]
    segment = Segment.objects.filter(code=code).only("conditions").first()
    if segment is None:
        raise InvalidInput(gettext("There is no segment “%(code)s”.") % {"code": code[:60]})
    return segment.conditions


def _segment_as_of(operator: str, code: str, occasions: Sequence[Occasion]) -> set[int]:
    """Judge each occasion by the other segment's own past."""
    met = occasions_matching(_conditions_of(code), occasions)
    if operator == "is":
        return met
    members = {one.member_id for one in occasions}
    known = set(
        Member.objects.filter(pk__in=members, merged_into__isnull=True).values_list(
            "pk", flat=True
        )
    )
    return {one.key for one in occasions if one.member_id in known} - met


def check_nesting(code: str, conditions: Any) -> None:
    """Raise InvalidInput when a segment that is saved like this could not be asked.

    Nobody may come back to themselves, and no segment that asks about this one may grow
    past what one statement can hold. One query.
    """
    known = dict(Segment.objects.values_list("code", "conditions"))
    known[code] = conditions
    for one in known:
        if one == code or code in _reached_from(one, known):
            size = _written_out(one, known, ())
            if size > MAX_WRITTEN_OUT:
                raise InvalidInput(
                    gettext(
                        "Written out, the segment “%(code)s” would have %(count)s "
                        "conditions. Use at most %(most)s."
                    )
                    % {"code": one, "count": size, "most": MAX_WRITTEN_OUT}
                )


def segments_around(code: str) -> set[str]:
    """Return a segment and all that ask about it, directly or not. One query."""
    known = dict(Segment.objects.values_list("code", "conditions"))
    return {code, *(one for one in known if code in _reached_from(one, known))}


def segments_in(conditions: Any) -> Iterator[str]:
    """Yield the codes of the segments that conditions ask about."""
    return named_in(conditions, SEGMENT)


def named_in(conditions: Any, field: str) -> Iterator[str]:
    """Yield the values that conditions give to a field."""
    level = [conditions]
    while level:
        for node in level:
            if isinstance(node, dict) and node.get("field") == field:
                yield str(node.get("value"))
        level = [child for node in level for child in children_of(node)]


def reached_from(codes: Iterable[str], known: Mapping[str, Any]) -> set[str]:
    """Return these segments and all that they ask about; ``known`` are all conditions."""
    return {*codes}.union(*(_reached_from(code, known) for code in codes))


def _reached_from(code: str, known: Mapping[str, Any]) -> set[str]:
    reached: set[str] = set()
    level = [code]
    while level:
        level = [
            other
            for one in level
            for other in segments_in(known.get(one))
            if other not in reached
        ]
        reached.update(level)
    return reached


def _written_out(code: str, known: Mapping[str, Any], inside: tuple[str, ...]) -> int:
    """Count the conditions of a segment with all that it asks about, or raise."""
    if code in inside:
        raise InvalidInput(_in_circles(code))
    size = _num_leaves(known.get(code))
    for other in segments_in(known.get(code)):
        size += _written_out(other, known, (*inside, code))
        if size > MAX_WRITTEN_OUT:
            break
    return size


def _num_leaves(conditions: Any) -> int:
    count, level = 0, [conditions]
    while level:
        count += sum(isinstance(node, dict) and "field" in node for node in level)
        level = [child for node in level for child in children_of(node)]
    return count


def _in_circles(code: str) -> str:
    return gettext(
        "The segment “%(code)s” would ask about itself, by way of the segments in it. "
        "Take one of them out."
    ) % {"code": code}


# --- lists -------------------------------------------------------------------------------


def _lists() -> list[tuple[str, str]]:
    return list(MemberList.objects.values_list("code", "name"))


def _on_list(code: str) -> Q:
    return Q(Exists(ListEntry.objects.filter(member=OuterRef("pk"), list__code=code)))


def _tell_list(member_ids: Sequence[int], code: str, moment: Moment) -> Mapping[int, str]:
    added = dict(
        ListEntry.objects.filter(list__code=code, member_id__in=member_ids).values_list(
            "member_id", "added_at"
        )
    )
    return {
        pk: gettext("on the list “%(list)s” since %(day)s")
        % {"list": code, "day": f"{moment.local_day(added[pk]):%d/%m/%Y}"}
        if pk in added
        else gettext("not on the list “%(list)s”") % {"list": code}
        for pk in member_ids
    }
