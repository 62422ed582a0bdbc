"""Two people for one act: what is asked for is frozen, and carried out once when approved.

An app registers what can be asked for when it starts: how to carry it out, and the
permission that both people need. The database refuses a checker who is the maker.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db import transaction
from django.db.models import Model
from django.utils.translation import gettext as _

from core.errors import Conflict, DomainError
from core.models import ChangeRequest
from core.retry import retry_on_conflict

DECIDE = "core.decide_changerequest"


class Difference(NamedTuple):
    """What an act changes, in words: of what, from what, to what."""

    label: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Act:
    """Something staff can ask for: how it is done, and who may ask and approve.

    ``perform`` gets the payload, the request and the time; whatever it raises leaves the
    request open. ``explain`` puts a payload into words for who has to decide, ``about``
    finds what they will want to look at, and ``turn_down`` closes what waits, when it is
    rejected or taken back.
    """

    kind: str
    label: Any
    permission: str
    perform: Callable[[Mapping[str, Any], ChangeRequest, datetime], None]
    explain: Callable[[Mapping[str, Any]], Sequence[Difference]] = lambda _payload: ()
    about: Callable[[Mapping[str, Any]], Model | None] = lambda _payload: None
    turn_down: Callable[[Mapping[str, Any], datetime], None] = lambda _payload, _at: None


ACTS: dict[str, Act] = {}


class NotAllowed(DomainError):
    """This person may not decide this request."""

    code = "not_allowed"
    status = 403


class AlreadyDecided(Conflict):
    """A request is decided once."""

    code = "already_decided"


def named(model: type[Model], by: str) -> Callable[[Mapping[str, Any]], Model | None]:
    """Return what finds the object that payloads name by its number under a key."""
    return lambda payload: model._default_manager.filter(pk=payload[by]).first()


def register_act(act: Act) -> None:
    """Let an app say what can be asked for; again with the same kind replaces it."""
    ACTS[act.kind] = act


def request_change(
    *, kind: str, payload: dict[str, Any], summary: str, by: User, at: datetime
) -> ChangeRequest:
    """Ask for an act; nothing happens until someone else approves it."""
    act = ACTS[kind]
    if not by.has_perm(act.permission):
        raise NotAllowed(_("You may not ask for this."))
    return ChangeRequest.objects.create(
        kind=kind,
        summary=summary[:300],
        payload=payload,
        payload_hash=fingerprint(kind, payload),
        requested_by=by,
        requested_at=at,
    )


@retry_on_conflict
@transaction.atomic
def approve_change(
    request: ChangeRequest, *, by: User, at: datetime, note: str = ""
) -> ChangeRequest:
    """Carry out exactly what was asked for, once.

    Raises NotAllowed for the maker and for people without the rights, AlreadyDecided, and
    whatever the act itself refuses; then the request stays open.
    """
    request = _taken(request, by=by, at=at, state=ChangeRequest.State.APPROVED, note=note)
    if fingerprint(request.kind, request.payload) != request.payload_hash:
        raise Conflict(_("What was asked for was changed afterwards. Ask for it anew."))
    ACTS[request.kind].perform(request.payload, request, at)
    return request


@transaction.atomic
def reject_change(
    request: ChangeRequest, *, by: User, at: datetime, note: str = ""
) -> ChangeRequest:
    """Decide against a request. Raises NotAllowed, AlreadyDecided."""
    request = _taken(request, by=by, at=at, state=ChangeRequest.State.REJECTED, note=note)
    _turn_down(request, at)
    return request


@transaction.atomic
def withdraw_change(request: ChangeRequest, *, by: User, at: datetime) -> ChangeRequest:
    """Let the maker take a request back. Raises NotAllowed, AlreadyDecided."""
    if request.requested_by_id != by.pk:
        raise NotAllowed(_("Only who asked can take it back."))
    changed = ChangeRequest.objects.filter(
        pk=request.pk, state=ChangeRequest.State.OPEN
    ).update(state=ChangeRequest.State.WITHDRAWN, decided_at=at)
    if not changed:
        raise AlreadyDecided(_("This was decided before."))
    request = ChangeRequest.objects.get(pk=request.pk)
    _turn_down(request, at)
    return request


def may_decide(request: ChangeRequest, user: AbstractBaseUser | AnonymousUser) -> bool:
    """Tell whether someone may approve or reject a request."""
    act = ACTS.get(request.kind)
    return bool(
        act
        and isinstance(user, User)
        and request.requested_by_id != user.pk
        and user.has_perm(DECIDE)
        and user.has_perm(act.permission)
    )


def fingerprint(kind: str, payload: Mapping[str, Any]) -> str:
    """Return the SHA-256 of what was asked for."""
    text = json.dumps([kind, payload], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _turn_down(request: ChangeRequest, at: datetime) -> None:
    """Tell the act that it will not be done, where there still is such an act."""
    if act := ACTS.get(request.kind):
        act.turn_down(request.payload, at)


def _taken(
    request: ChangeRequest, *, by: User, at: datetime, state: str, note: str
) -> ChangeRequest:
    """Decide a request that is still open; the row count says who was first."""
    if request.requested_by_id == by.pk:
        raise NotAllowed(_("Somebody else must decide what you asked for."))
    if not may_decide(request, by):
        raise NotAllowed(_("You may not decide this."))
    changed = ChangeRequest.objects.filter(
        pk=request.pk, state=ChangeRequest.State.OPEN
    ).update(state=state, decided_by=by, decided_at=at, decision_note=note[:200])
    if not changed:
        raise AlreadyDecided(_("This was decided before."))
    return ChangeRequest.objects.get(pk=request.pk)
