"""How a segment is edited: what of it decides who gets what, and how it is saved."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.edits import Editable, register_editable
from core.errors import DomainError
from members.models import Segment
from members.segments import describe_conditions, validate_conditions
from members.segments.nested import as_if_saved, check_nesting


def save_segment(segment: Segment, changed: Collection[str]) -> None:
    """Save what was changed of a segment. A refresh may be writing its size meanwhile."""
    fields = {"name", "description", "conditions", "is_watched"} & {*changed}
    if "is_watched" in fields:
        # Whoever is in it when the watch begins again has not entered.
        segment.watched_since = None
        fields.add("watched_since")
    segment.save(update_fields=fields)


def _put(segment: Segment, changed: Collection[str]) -> None:
    """Save what was approved, where it can be asked still."""
    validate_conditions(segment.conditions)
    check_nesting(segment.code, segment.conditions)
    save_segment(segment, changed)


def _who(conditions: Any) -> str:
    try:
        return _("Members who %(what)s.") % {"what": describe_conditions(conditions)}
    except DomainError as error:
        return str(error)


def register() -> None:
    """Let a second person decide about a segment that something acts with."""
    register_editable(
        Editable(
            model=Segment,
            label=gettext_lazy("Change of a segment"),
            permission="members.change_segment",
            decides=("conditions",),
            put=_put,
            as_if=as_if_saved,
            words={"conditions": _who},
        )
    )
