"""Edits of what something uses that acts by itself: at once, or with a second person.

A segment, a benefit or a text is kept by one app and acted with by another one above it.
The one says what of it decides who gets what (``register_editable``); the other tells what
acts with it now, and how many members that meets (``register_acting``). Where those are
more than one person decides about, the edit is a request: it is written, looked at and
taken back by TakesTwo, and carried out when somebody else has approved it
(``core.approvals``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import DecimalField, Field, Model, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.approvals import Act, Difference, named, register_act, request_change
from core.errors import Conflict
from core.models import ChangeRequest, Programme
from core.money import format_money, group_digits

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Acting:
    """What an app knows of those who act by themselves with what others keep.

    ``find`` names what acts with an object now. ``lock`` locks whatever uses it, also what
    may begin to act, until the transaction ends. ``reach`` counts the members whom one of
    those found meets. ``bound`` says above how many members two people decide; None: never.
    """

    find: Callable[[Model], Sequence[Model]]
    lock: Callable[[Model], object]
    reach: Callable[[Any, datetime], int]
    bound: Callable[[], int | None]


@dataclass(frozen=True, slots=True)
class Editable:
    """What can be edited of a model, and how.

    ``decides`` names the fields that decide who gets what; what only clears ``switch``
    stops something and waits for nobody. ``put`` sets the named fields that are on the
    object and saves it; it raises when that can no longer be. ``as_if`` counts as if the
    object were saved. ``takes_two`` adds a rule of its own, from all values before and the
    changed ones. ``parts`` are rows of their own: their name in the values, how they are
    read, written and told.
    """

    model: type[Model]
    label: Any
    permission: str
    decides: tuple[str, ...]
    put: Callable[[Any, Collection[str]], None]
    switch: str = ""
    # Columns of the form's model that machines write.
    left_out: tuple[str, ...] = ()
    as_if: Callable[[Any], AbstractContextManager[None]] = lambda _wanted: nullcontext()
    takes_two: Callable[[Values, Values], bool] = lambda _before, _changes: False
    words: Mapping[str, Callable[[Any], str]] | None = None
    parts: Parts | None = None

    @property
    def kind(self) -> str:
        return f"edit_{self.model._meta.model_name}"


@dataclass(frozen=True, slots=True)
class Parts:
    """Rows that belong to an object and are edited with it, as one value."""

    name: str
    label: Any
    read: Callable[[Any], list[dict[str, Any]]]
    put: Callable[[Any, list[dict[str, Any]]], None]
    word: Callable[[list[dict[str, Any]]], str]


class Met(NamedTuple):
    """Something that acts with what is edited, and the members it meets: now, and then."""

    name: str
    now: int
    then: int


ACTING: list[Acting] = []
EDITABLE: dict[type[Model], Editable] = {}


def register_acting(acting: Acting) -> None:
    """Let a higher app say what acts with what others keep; from AppConfig.ready()."""
    if acting not in ACTING:
        ACTING.append(acting)


def register_editable(editable: Editable) -> None:
    """Let an app say what of a model decides who gets what; from AppConfig.ready()."""
    EDITABLE[editable.model] = editable
    register_act(
        Act(
            editable.kind,
            editable.label,
            editable.permission,
            partial(_perform, editable),
            partial(_explain, editable),
            about=named(editable.model, "pk"),
        )
    )


def acting_with(edited: Model) -> list[Model]:
    """Return what acts with an object now. A constant number of queries."""
    return [one for acting in ACTING for one in acting.find(edited)]


def bound() -> int | None:
    """Return above how many members two people decide about an edit; None: never."""
    bounds = [found for acting in ACTING if (found := acting.bound()) is not None]
    return min(bounds, default=None)


def what_decides(one: Model) -> dict[str, Any]:
    """Return what of an object decides who gets what, as JSON keeps it."""
    editable = EDITABLE[type(one)]
    names = {*editable.decides} | _names_of(editable.parts)
    return {name: value for name, value in _read(editable, one).items() if name in names}


def waiting_edits(edited: Model) -> QuerySet[ChangeRequest]:
    """Return the edits of an object that wait for a second person, oldest first."""
    return ChangeRequest.objects.filter(
        kind=EDITABLE[type(edited)].kind,
        state=ChangeRequest.State.OPEN,
        payload__pk=edited.pk,
    ).order_by("pk")


def may_be_stopped(edited: Model) -> bool:
    """Tell whether an object has a switch: whoever clears it waits for nobody."""
    return bool(EDITABLE[type(edited)].switch)


def fields_of(asked: ChangeRequest, edited: Model) -> str:
    """Name the fields that an edit which waits would change."""
    editable = EDITABLE[type(edited)]
    return ", ".join(_label(editable, name) for name in asked.payload["after"])


# --- one edit -----------------------------------------------------------------------------


class TakesTwo(Exception):
    """An edit that was written and has to be taken back: a second person decides."""

    def __init__(self, edit: Edit, changes: dict[str, Any]) -> None:
        super().__init__()
        self.edit, self.changes = edit, changes

    def ask(self, *, by: User, at: datetime) -> ChangeRequest:
        """Lay the edit before a second person; an open request for it is answered.

        Raises NotAllowed.
        """
        edit = self.edit
        editable, edited = edit.editable, edit.found
        names = {*editable.decides, *self.changes} | _names_of(editable.parts)
        before = {name: edit.before[name] for name in sorted(names)}
        for earlier in waiting_edits(edited):
            told = earlier.payload
            if told["before"] == before and told["after"] == self.changes:
                return earlier
        payload = {
            "pk": edited.pk,
            "before": before,
            "after": self.changes,
            "met": [list(one) for one in edit.met],
        }
        return request_change(
            kind=editable.kind,
            payload=payload,
            summary=_summary(editable, edited, self.changes, edit.met),
            by=by,
            at=at,
        )


@dataclass(frozen=True, slots=True)
class Edit:
    """An edit under way: what stood there before, and whom it would meet."""

    editable: Editable
    found: Model
    before: dict[str, Any]
    met: list[Met]

    def finish(self) -> None:
        """Look at what was written. Raises TakesTwo where a second person decides."""
        model = type(self.found)
        after = _read(self.editable, model._default_manager.get(pk=self.found.pk))
        changes = {name: after[name] for name in after if after[name] != self.before[name]}
        if self.editable.takes_two(self.before, changes):
            raise TakesTwo(self, changes)
        most = bound()
        meets_many = most is not None and any(one.then > most for one in self.met)
        if meets_many and _decides(self.editable, changes):
            raise TakesTwo(self, changes)


def begin_edit(wanted: Model, *, at: datetime) -> Edit:
    """Count whom an edit meets, then lock what acts with it; nothing is written yet.

    ``wanted`` carries the values that are about to be written. Counting a million takes
    seconds, so it comes before the lock; who changed something meanwhile is told so.
    Raises Conflict.
    """
    editable = EDITABLE[type(wanted)]
    rows = type(wanted)._default_manager.filter(pk=wanted.pk)
    found = rows.get()
    before, after = _read(editable, found), _read(editable, wanted)
    changes = {name: after[name] for name in after if after[name] != before[name]}
    if bound() is None or not (editable.parts or _decides(editable, changes)):
        return Edit(editable, found, before, [])
    acting = {one: who for who in ACTING for one in who.find(found)}
    met = [_meet(editable, who, one, wanted, at) for one, who in acting.items()]
    lock_users(found)
    if _read(editable, rows.get()) != before or set(acting_with(found)) != set(acting):
        raise Conflict(
            _("Somebody else has changed something meanwhile. Look again, then save anew.")
        )
    return Edit(editable, found, before, met)


def lock_users(edited: Model) -> None:
    """Lock whatever uses an object, before the object itself (see docs/locking.md)."""
    for acting in ACTING:
        acting.lock(edited)


def _meet(editable: Editable, who: Acting, one: Model, wanted: Model, at: datetime) -> Met:
    with editable.as_if(wanted):
        then = who.reach(one, at)
    return Met(str(one), who.reach(one, at), then)


def _decides(editable: Editable, changes: Values) -> bool:
    deciding = changes.keys() & ({*editable.decides} | _names_of(editable.parts))
    stops = deciding == {editable.switch} and not changes[editable.switch]
    return bool(deciding) and not stops


def _names_of(parts: Parts | None) -> set[str]:
    return {parts.name} if parts else set()


# --- once it is approved ------------------------------------------------------------------


@transaction.atomic
def _perform(
    editable: Editable, payload: Values, request: ChangeRequest, at: datetime
) -> None:
    """Write exactly what was looked at, unless it is another by now."""
    rows = editable.model._default_manager.filter(pk=payload["pk"])
    if found := rows.first():
        lock_users(found)
    edited = rows.select_for_update(no_key=True).first()
    before, after = payload["before"], dict(payload["after"])
    if edited is None or any(
        value != before.get(name, value) for name, value in _read(editable, edited).items()
    ):
        raise Conflict(_("It was changed after it was asked for. Ask for it anew."))
    parts = after.pop(editable.parts.name, None) if editable.parts else None
    for name, value in after.items():
        field = _field(editable, name)
        setattr(edited, field.attname, field.to_python(value))
    maker, checker = request.requested_by, request.decided_by
    assert checker is not None, "an approved request has a checker"
    edited._history_user = checker  # type: ignore[attr-defined]
    edited._change_reason = f"{maker.get_username()} + {checker.get_username()}"[:100]  # type: ignore[attr-defined]
    try:
        edited.clean_fields()
    except ValidationError as error:
        raise Conflict(
            _("What it would point at is no longer there. Ask for it anew.")
        ) from error
    if editable.parts and parts is not None:
        editable.parts.put(edited, parts)
    editable.put(edited, after.keys())


# --- values, as a payload keeps them ------------------------------------------------------


def _read(editable: Editable, one: Any) -> dict[str, Any]:
    """Return everything that staff edit of an object, as JSON keeps it."""
    values = {
        field.name: _plain(field, field.value_from_object(one))
        for field in one._meta.concrete_fields
        if field.editable and not field.primary_key and field.name not in editable.left_out
    }
    if editable.parts:
        values[editable.parts.name] = editable.parts.read(one)
    return values


def _plain(field: Any, value: Any) -> Any:
    if isinstance(field, DecimalField) and value is not None:
        return f"{value:.{field.decimal_places}f}"
    return value


def _field(editable: Editable, name: str) -> Any:
    field = editable.model._meta.get_field(name)
    assert isinstance(field, Field), "a column of its own"
    return field


# --- in words -----------------------------------------------------------------------------


def _summary(editable: Editable, edited: Model, changes: Values, met: Sequence[Met]) -> str:
    kind, name = str(edited._meta.verbose_name), str(edited)
    text = _("Change %(kind)s “%(name)s”: %(fields)s.")
    if name == kind:
        # There is one row of settings, and it is called what it is.
        text = _("Change %(kind)s: %(fields)s.")
    fields = ", ".join(_label(editable, field) for field in changes)
    summary = text % {"kind": kind, "name": name, "fields": fields}
    reaches = [
        _("“%(name)s” meets %(members)s.")
        % {"name": one.name, "members": num_members(one.then)}
        for one in met
    ]
    return " ".join([summary, *reaches])


def _explain(editable: Editable, payload: Values) -> list[Difference]:
    """Say what changes from what to what, and whom those meet that act with it."""
    reach = [
        Difference(
            _("“%(name)s” meets") % {"name": name}, num_members(now), num_members(then)
        )
        for name, now, then in payload["met"]
    ]
    before, after = payload["before"], payload["after"]
    return reach + [
        Difference(
            _label(editable, name),
            _word(editable, name, before[name]),
            _word(editable, name, value),
        )
        for name, value in after.items()
    ]


def num_members(count: int) -> str:
    """Write a number of members with its noun."""
    text = ngettext("%(count)s member", "%(count)s members", count)
    return text % {"count": group_digits(count)}


def _label(editable: Editable, name: str) -> str:
    if editable.parts and name == editable.parts.name:
        return str(editable.parts.label)
    return str(_field(editable, name).verbose_name)


def _word(editable: Editable, name: str, value: Any) -> str:
    if editable.words and name in editable.words:
        return editable.words[name](value)
    if editable.parts and name == editable.parts.name:
        return editable.parts.word(value) or "–"
    field = _field(editable, name)
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if value in (None, ""):
        return "–"
    if field.related_model:
        known = field.related_model._default_manager.filter(pk=value).first()
        return str(known or _("no longer there"))
    if field.choices:
        return str(dict(field.flatchoices).get(value, value))
    if isinstance(field, DecimalField):
        return format_money(field.to_python(value), Programme.current().currency)
    return group_digits(value) if isinstance(value, int) else str(value)
