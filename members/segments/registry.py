"""The allow-list of what may be asked about members."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from core.clock import programme_zone, start_of_day

Text = str | Promise
Choices = Callable[[], Sequence[tuple[str, Text]]]


# The largest number that a question may name; larger ones fit into no column.
MAX_NUMBER = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Moment:
    """The instant of a question, and the programme's day that it lies in.

    ``inside`` names the segments whose conditions are being asked, outermost first.
    ``few`` says that some members are asked about, such as those of a message or a page,
    not everybody.
    """

    at: datetime
    today: date
    zone: ZoneInfo
    inside: tuple[str, ...] = ()
    few: bool = False

    @classmethod
    def of(cls, at: datetime, *, few: bool = False) -> Moment:
        """Return the moment by the programme's clock. One query."""
        zone = programme_zone()
        return cls(at, at.astimezone(zone).date(), zone, few=few)

    def days_before(self, days: int) -> date:
        """Return the day that lies so many days back."""
        try:
            return self.today - timedelta(days=days)
        except OverflowError:
            return date.min

    def start_of_days_before(self, days: int) -> datetime:
        """Return the first instant of the day that lies so many days back."""
        # The very first day has no start in zones ahead of UTC; none of ours is so old.
        return start_of_day(max(self.days_before(days), date(1, 1, 2)), self.zone)

    def days_since(self, day: date) -> int:
        return (self.today - day).days

    def local_day(self, at: datetime) -> date:
        return at.astimezone(self.zone).date()


class ValueKind(StrEnum):
    """What an operator wants to be given."""

    NONE = "none"
    NUMBER = "number"
    MONEY = "money"
    CHOICE = "choice"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Also:
    """The second thing that a question wants to know: within how many days, which wallet.

    A condition carries it under ``code``: {"value": 3, "days": 30}. ``before`` and
    ``after`` are the words around it in the editor.
    """

    code: str
    label: Text
    kind: ValueKind = ValueKind.NUMBER
    choices: Choices | None = None
    first: Any = 30
    before: Text = ""
    after: Text = ""


class Asked(NamedTuple):
    """The two values of a question that has a second one."""

    value: Any
    also: Any


@dataclass(frozen=True, slots=True)
class Operator:
    """One way to ask about a field.

    ``phrase`` ends the sentence "Members who …" and takes ``%(value)s``, and ``%(also)s``
    where there is a second value; ``build`` then gets both as Asked. It returns a condition
    on Member that is true or false for everyone, never unknown: under NOT, an unknown would
    lose members. It must not join to-many relations; use Exists, or ``who_has`` for what
    rows come to. ``suggestions`` help who writes a text; it may be another one.
    """

    code: str
    label: Text
    phrase: Text
    build: Callable[[Any, Moment], Q]
    kind: ValueKind = ValueKind.NONE
    choices: Choices | None = None
    suggestions: Choices | None = None
    also: Also | None = None
    most: int = MAX_NUMBER
    # The phrase when the question stands under NOT; where the field can also be asked the
    # other way round (has, does not have), that one's phrase is taken.
    negated: Text = ""


class Occasion(NamedTuple):
    """A member at a moment: a fact such as an order, named by its kind and ``key``.

    What a fact itself brought about comes after it.
    """

    key: int
    member_id: int
    at: datetime
    kind: str


# Which occasions meet an operator with its value: their keys.
AsOf = Callable[[str, Any, Sequence[Occasion]], set[int]]


# Of some members, the value that was asked about, and when: a short text for each.
Tell = Callable[[Sequence[int], Any, Moment], Mapping[int, str]]


@dataclass(frozen=True, slots=True)
class Field:
    """Something that may be asked about members.

    ``tell`` gives the facts behind the answer for a page of members at once, as short
    texts: "Last order 12/05/2026, 50 days ago". ``as_of`` answers for occasions of the
    past, each by how things stood at its own moment; a field without it keeps no history.
    """

    code: str
    label: Text
    group: Text
    operators: tuple[Operator, ...]
    tell: Tell | None = None
    as_of: AsOf | None = None

    def operator(self, code: str) -> Operator | None:
        return next((one for one in self.operators if one.code == code), None)

    def negated_phrase(self, operator: Operator) -> str:
        """Return the phrase of an operator under NOT, or nothing when it has none."""
        opposite = self.operator(OPPOSITE_OF.get(operator.code, ""))
        return str(operator.negated or (opposite.phrase if opposite else ""))


# Ways to ask of which one holds exactly when the other one does not.
OPPOSITES = (
    ("yes", "no"),
    ("has", "has_not"),
    ("is", "is_not"),
    ("yes_within", "no_within"),
    ("first", "rest"),
)
OPPOSITE_OF = dict(OPPOSITES) | {other: one for one, other in OPPOSITES}

FIELDS: dict[str, Field] = {}


def register_field(field: Field) -> None:
    """Add a field to the allow-list; called from AppConfig.ready()."""
    FIELDS[field.code] = field


def within_days() -> Also:
    """Return the second value of a question about the last so many days."""
    return Also(
        "days",
        _("days"),
        before=_("in the last"),
        after=pgettext_lazy("after a number", "days"),
    )


def yes_and_no(
    *, yes: Text, no: Text, label_yes: Text, label_no: Text, build: Callable[[Moment], Q]
) -> tuple[Operator, Operator]:
    """Return the two operators of a question without a value."""
    return (
        Operator("yes", label_yes, yes, lambda _value, moment: build(moment)),
        Operator("no", label_no, no, lambda _value, moment: ~build(moment)),
    )
