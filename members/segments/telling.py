"""The facts behind an answer, for fields whose answer is the fact itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.db.models import Q
from django.utils.text import capfirst
from django.utils.translation import gettext

from members.models import Member
from members.segments.registry import Moment, Tell, Text

Words = Callable[[], Sequence[tuple[Any, Text]]]


def fact(label: Text, value: Any) -> str:
    """Write a fact as short as it goes: "Province: Huế"."""
    return gettext("%(field)s: %(value)s") % {
        "field": capfirst(str(label)),
        "value": value,
    }


def tell_column(label: Text, column: str, words: Words | None = None) -> Tell:
    """Tell what stands in a column of the member, by the words of its choices."""

    def tell(member_ids: Sequence[int], _value: Any, _moment: Moment) -> Mapping[int, str]:
        known: dict[Any, Text] = dict(words()) if words else {}
        rows = Member.objects.filter(pk__in=member_ids).values_list("pk", column)
        return {
            pk: fact(label, known.get(value, value) or gettext("unknown"))
            for pk, value in rows
        }

    return tell


def tell_yes_or_no(
    label: Text, build: Callable[[Any, Moment], Q], words: Words | None = None
) -> Tell:
    """Tell whether a condition holds; of a value that was asked about, by its words."""

    def tell(member_ids: Sequence[int], value: Any, moment: Moment) -> Mapping[int, str]:
        asked = ""
        if words:
            asked = f" ({dict(words()).get(value, value)})"
        met = Member.objects.filter(build(value, moment), pk__in=member_ids)
        meeting = set(met.values_list("pk", flat=True))
        said = {True: gettext("yes"), False: gettext("no")}
        return {pk: fact(f"{label}{asked}", said[pk in meeting]) for pk in member_ids}

    return tell
