"""The named groups of the RFM grid: recency against how often and for how much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from activities.models import RfmScore
from activities.models.rfm import HIGHEST, LOWEST
from members.segments import Field, Moment, Operator, ValueKind

GROUP = _("RFM")
SCALE = range(LOWEST, HIGHEST + 1)


@dataclass(frozen=True, slots=True)
class Cell:
    """A group with a name: which recency scores, and which value scores, belong to it."""

    code: str
    name: Any
    advice: Any
    recency: Sequence[int]
    value: Sequence[int]


# Every pair of scores belongs to exactly one; the codes are stable, segments name them.
CELLS = (
    Cell(
        "champions",
        _("VIP customers"),
        _("Thank them first: early access, a personal word, no discounts needed."),
        (4, 5),
        (4, 5),
    ),
    Cell(
        "loyal",
        _("Loyal customers"),
        _("Keep them: extra points, gifts at the right moment."),
        (3,),
        (4, 5),
    ),
    Cell(
        "potential",
        _("Promising customers"),
        _("Show them more of the range; help them to the next tier."),
        (4, 5),
        (2, 3),
    ),
    Cell(
        "new",
        _("New customers"),
        _("Welcome them, and invite them to a second purchase."),
        (4, 5),
        (1,),
    ),
    Cell(
        "attention",
        _("Need attention"),
        _("Remind them soon, with what they bought before."),
        (3,),
        (2, 3),
    ),
    Cell(
        "drowsy",
        _("Falling asleep"),
        _("A small reason to come back, cheap to send."),
        (3,),
        (1,),
    ),
    Cell(
        "at_risk",
        _("At risk"),
        _("They were good customers: a come-back offer now."),
        (2,),
        (3, 4, 5),
    ),
    Cell(
        "must_keep",
        _("Must not be lost"),
        _("Once among the best: call them, ask what happened."),
        (1,),
        (4, 5),
    ),
    Cell(
        "sleeping",
        _("Asleep"),
        _("A strong offer now and then, nothing more."),
        (2,),
        (1, 2),
    ),
    Cell(
        "lost",
        _("Lost"),
        _("Spend nothing on them but a message that costs nothing."),
        (1,),
        (1, 2, 3),
    ),
)
BY_CODE = {cell.code: cell for cell in CELLS}
_AT = {(r, v): cell for cell in CELLS for r in cell.recency for v in cell.value}


def value_score(frequency: int, monetary: int) -> int:
    """Return how much a customer is worth, 1 to 5: the middle of two scores, half up."""
    return (frequency + monetary + 1) // 2


def cell_of(recency: int, frequency: int, monetary: int) -> Cell:
    """Return the named group of three scores."""
    return _AT[recency, value_score(frequency, monetary)]


def cell_at(recency: int, value: int) -> Cell:
    """Return the named group of a square of the grid."""
    return _AT[recency, value]


def scores_of(cell: Cell) -> Q:
    """Return the condition of the scores that belong to a group."""
    pairs = [(f, m) for f in SCALE for m in SCALE if value_score(f, m) in cell.value]
    by_frequency = {f: [m for g, m in pairs if g == f] for f in SCALE}
    worth = Q(pk__in=[])
    for frequency, spend in by_frequency.items():
        if spend:
            worth |= Q(frequency=frequency, monetary__in=spend)
    return Q(recency__in=list(cell.recency)) & worth


def rfm_fields() -> tuple[Field, ...]:
    """Return the fields of this file."""
    return (
        _cell_field(),
        _score_field("r_score", "recency", _("recency score (1 to 5)")),
        _score_field("f_score", "frequency", _("frequency score (1 to 5)")),
        _score_field("m_score", "monetary", _("spend score (1 to 5)")),
    )


def _cell_field() -> Field:
    return Field(
        "rfm_cell",
        _("RFM group"),
        GROUP,
        (
            Operator(
                "is",
                _("is"),
                _("are in the RFM group “%(value)s”"),
                lambda code, _moment: _in_cell(code),
                ValueKind.CHOICE,
                _cells,
            ),
            Operator(
                "is_not",
                _("is not"),
                _("are not in the RFM group “%(value)s”"),
                lambda code, _moment: ~_in_cell(code),
                ValueKind.CHOICE,
                _cells,
            ),
        ),
        tell=_tell,
    )


def _score_field(code: str, column: str, label: Any) -> Field:
    """Build a field; who was not compared has no score and is on neither side."""
    phrases = {
        "recency": (
            _("have a recency score of at least %(value)s"),
            _("have a recency score of at most %(value)s"),
        ),
        "frequency": (
            _("have a frequency score of at least %(value)s"),
            _("have a frequency score of at most %(value)s"),
        ),
        "monetary": (
            _("have a spend score of at least %(value)s"),
            _("have a spend score of at most %(value)s"),
        ),
    }
    at_least, at_most = phrases[column]
    return Field(
        code,
        label,
        GROUP,
        (
            Operator(
                "at_least",
                _("at least"),
                at_least,
                lambda score, _moment: _now(Q(**{f"{column}__gte": score})),
                ValueKind.NUMBER,
                most=HIGHEST,
            ),
            Operator(
                "at_most",
                _("at most"),
                at_most,
                lambda score, _moment: _now(Q(**{f"{column}__lte": score})),
                ValueKind.NUMBER,
                most=HIGHEST,
            ),
        ),
        tell=_tell,
    )


def _cells() -> list[tuple[str, Any]]:
    return [(cell.code, cell.name) for cell in CELLS]


def _in_cell(code: str) -> Q:
    cell = BY_CODE.get(code)
    return Q(pk__lt=0) if cell is None else _now(scores_of(cell))


def _now(scores: Q) -> Q:
    rows = RfmScore.objects.filter(scores, member=OuterRef("pk"), to_on__isnull=True)
    return Q(Exists(rows))


def _tell(member_ids: Sequence[int], _value: Any, _moment: Moment) -> Mapping[int, str]:
    rows = RfmScore.objects.filter(member__in=member_ids, to_on__isnull=True)
    told = {row.member_id: row for row in rows}
    return {
        pk: gettext("%(group)s: recency %(r)s, frequency %(f)s, spend %(m)s")
        % {
            "group": cell_of(row.recency, row.frequency, row.monetary).name,
            "r": row.recency,
            "f": row.frequency,
            "m": row.monetary,
        }
        if (row := told.get(pk))
        else gettext("not compared: no purchase in the period")
        for pk in member_ids
    }
