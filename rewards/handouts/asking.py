"""Asking for a handout: what it means, put in line, or laid before a second person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import EmptyResultSet
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from core.approvals import Act, named, register_act, request_change
from core.batch import execute
from core.errors import InvalidInput
from core.models import ChangeRequest, Programme
from core.money import format_money, group_digits
from core.retry import retry_on_conflict
from rewards.handouts.choosing import Chosen
from rewards.models import Benefit, Handout

HAND_OUT = "hand_out_benefit"
PERMISSION = "rewards.add_handout"
State = Handout.State


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a handout comes to: how many, what it costs, what the budget leaves.

    ``room``: how many more the budget allows, None without one.
    """

    count: int
    cost: Decimal
    room: int | None
    waits: bool

    @property
    def is_short(self) -> bool:
        return self.room is not None and self.room < self.count


def what_it_means(benefit: Benefit, chosen: Chosen) -> Meaning:
    """Count the members and the cost; nothing happens."""
    return _meaning(benefit, chosen.members.count())


@retry_on_conflict
@transaction.atomic
def ask_handout(
    *, benefit: Benefit, chosen: Chosen, name: str, key: str, by: User, at: datetime
) -> Handout | ChangeRequest:
    """Write down who gets it and put it in line, or ask a second person first.

    A repeat with the same key answers what there is. Raises InvalidInput, also where that
    was not approved.
    """
    if earlier := Handout.objects.filter(key=key).first():
        return _answer(earlier)
    if not name.strip():
        raise InvalidInput(_("Say on what occasion; members' histories show it."))
    if not benefit.is_active:
        raise InvalidInput(_("%(name)s is switched off.") % {"name": benefit})
    told = {
        "benefit": benefit,
        "name": name.strip()[:80],
        "chosen": chosen.words[:200],
        "state": State.WAITING,
        "asked_at": at,
        "asked_by": by,
        "actor": by.get_username()[:80],
    }
    # Of two clicks at the same moment the unique key lets one in.
    handout, is_new = Handout.objects.get_or_create(key=key, defaults=told)
    if not is_new:
        return _answer(handout)
    handout.size = _write_down(handout, chosen)
    if not handout.size:
        raise InvalidInput(_("Nobody is chosen. Choose others, or look at the list."))
    meaning = _meaning(benefit, handout.size)
    if not meaning.waits:
        handout.state = State.RUNNING
    handout.save(update_fields=["size", "state"])
    return _ask_second_person(handout, meaning, by, at) if meaning.waits else handout


def _answer(earlier: Handout) -> Handout | ChangeRequest:
    """Answer a repeat."""
    if earlier.state == State.REJECTED:
        raise InvalidInput(
            _("This was asked for before and not approved. Begin anew to ask again.")
        )
    return waiting_for(earlier) or earlier


def _write_down(handout: Handout, chosen: Chosen) -> int:
    """Write down who gets it, in one statement; returns how many these are."""
    members = chosen.members.order_by().values("id")
    try:
        sql, parameters = members.query.sql_with_params()
    except EmptyResultSet:
        return 0
    return execute(
        "INSERT INTO rewards_handoutmember (handout_id, member_id, outcome, reason) "
        f"SELECT %s, chosen.id, 'open', '' FROM ({sql}) AS chosen",
        [handout.pk, *parameters],
    )


def _meaning(benefit: Benefit, count: int) -> Meaning:
    room = None if benefit.budget is None else max(0, benefit.budget - benefit.taken)
    cost = benefit.value * count
    return Meaning(count, cost, room, _needs_second_person(benefit, count, cost))


def _needs_second_person(benefit: Benefit, count: int, cost: Decimal) -> bool:
    """Tell whether so much waits: by points where it is points, by what it costs else.

    One act counts as a whole. Who has the bound for one member in mind has it here, too.
    """
    if benefit.wallet is not None and benefit.amount is not None:
        bound = benefit.wallet.approval_above
        return bound is not None and benefit.amount * count > bound
    most = Programme.current().gift_approval_above
    return most is not None and cost > most


def _ask_second_person(
    handout: Handout, meaning: Meaning, by: User, at: datetime
) -> ChangeRequest:
    text = ngettext(
        "“%(benefit)s” for %(count)s member (%(chosen)s), %(cost)s: %(name)s",
        "“%(benefit)s” for %(count)s members (%(chosen)s), %(cost)s: %(name)s",
        meaning.count,
    )
    summary = text % {
        "benefit": handout.benefit,
        "count": group_digits(meaning.count),
        "chosen": handout.chosen,
        "cost": format_money(meaning.cost, str(Programme.current().currency)),
        "name": handout.name,
    }
    payload = {"handout": handout.pk, "size": handout.size}
    return request_change(kind=HAND_OUT, payload=payload, summary=summary, by=by, at=at)


def waiting_for(handout: Handout) -> ChangeRequest | None:
    """Return the request that a handout waits for."""
    return request_for(handout) if handout.state == State.WAITING else None


def request_for(handout: Handout) -> ChangeRequest | None:
    """Return what was laid before a second person, whatever was decided."""
    asked = ChangeRequest.objects.filter(kind=HAND_OUT, payload__handout=handout.pk)
    return asked.select_related("decided_by").order_by("-pk").first()


def _perform(payload: Mapping[str, Any], request: ChangeRequest, at: datetime) -> None:
    # A worker is announced by who approves, after commit.
    from rewards.tasks import nudge_batches

    maker, checker = request.requested_by, request.decided_by
    assert checker is not None, "an approved request has a checker"
    actor = f"{maker.get_username()} + {checker.get_username()}"
    waiting = Handout.objects.filter(pk=payload["handout"], state=State.WAITING)
    if not waiting.update(state=State.RUNNING, actor=actor[:80]):
        raise InvalidInput(_("It was handed out or forgotten before."))
    nudge_batches()


def _turn_down(payload: Mapping[str, Any], at: datetime) -> None:
    """Close what was not approved, or taken back by who asked: nobody gets anything."""
    waiting = Handout.objects.filter(pk=payload["handout"], state=State.WAITING)
    waiting.update(state=State.REJECTED, finished_at=at)


def register() -> None:
    """Say that handouts can be asked for."""
    label = gettext_lazy("A benefit for many members")
    about = named(Handout, "handout")
    act = Act(HAND_OUT, label, PERMISSION, _perform, about=about, turn_down=_turn_down)
    register_act(act)
