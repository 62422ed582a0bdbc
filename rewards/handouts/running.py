"""Handing out: claimed, given chunk by chunk, finished; and taken back the same way.

What became of a chunk stands in its rows, in the transaction that gave it; whoever goes on
after a crash finds the rest. Beside that each member has one occasion in each handout, so
even a row that is asked for twice is given once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from core.batch import is_postgresql
from core.errors import Conflict, DomainError
from core.retry import retry_on_conflict
from members.merged import kept_ids, merged_ids
from members.models import Member
from rewards.errors import CannotTakeBack
from rewards.giving import Giving, give_benefits, take_back_benefit
from rewards.models import GivenBenefit, Handout, HandoutMember

logger = logging.getLogger(__name__)

State, Outcome = Handout.State, HandoutMember.Outcome
LEASE = timedelta(minutes=2)
PAUSE_AFTER_FAILURE = timedelta(seconds=30)
# A chunk that kills or fails so often is not tried again by itself.
MAX_FAILURES = 5
STAFF = GivenBenefit.Source.STAFF.value


class Interrupted(Exception):
    """It was stopped, or another process has taken it over."""


class HandoutClosed(Conflict):
    """It is in no state for that."""

    code = "handout_closed"


def chunk_size() -> int:
    """Return how many members go into one transaction; SQLite has one writer at a time."""
    return 500 if is_postgresql() else 100


def has_handouts() -> bool:
    return _due().exists()


def work_on_handouts(*, seconds: float) -> bool:
    """Work on what is in line, for so long; tells whether anything is left to do."""
    deadline = time.monotonic() + seconds
    for handout_id in _due().order_by("pk").values_list("pk", flat=True):
        run_handout(handout_id, deadline=deadline)
        if time.monotonic() >= deadline:
            break
    return has_handouts()


def run_handout(
    handout_id: int, *, deadline: float | None = None, chunk: int | None = None
) -> Handout | None:
    """Claim a handout and work on it; None when it is not free."""
    handout = _claim(handout_id)
    if handout is None:
        return None
    try:
        _work(handout, deadline, chunk or chunk_size())
    except Interrupted:
        logger.info("Handout %s was stopped or taken over", handout.pk)
    except Exception as error:
        logger.exception("Handout %s failed", handout.pk)
        # The next claim finds an ended lease, and counts it.
        _ours(handout).update(
            leased_until=timezone.now() + PAUSE_AFTER_FAILURE, error=repr(error)[:300]
        )
    return Handout.objects.get(pk=handout_id)


def stop_handout(handout: Handout) -> Handout:
    """Stop it; what was given so far stays. Raises HandoutClosed."""
    ended = {"finished_at": timezone.now(), "leased_until": None}
    return _moved(handout, (State.RUNNING,), state=State.STOPPED, **ended)


def continue_handout(handout: Handout) -> Handout:
    """Go on with what was stopped or failed. Raises HandoutClosed."""
    was_giving = (State.STOPPED, State.FAILED)
    again = {"failures": 0, "error": "", "finished_at": None, "leased_until": None}
    return _moved(handout, was_giving, state=State.RUNNING, **again)


def take_back_handout(handout: Handout) -> Handout:
    """Take back in the background what nobody has used yet. Raises HandoutClosed."""
    again = {"failures": 0, "error": "", "finished_at": None, "leased_until": None}
    ended = (State.DONE, State.STOPPED, State.FAILED)
    return _moved(handout, ended, state=State.TAKING_BACK, **again)


def _moved(handout: Handout, begun: Sequence[str], **values: Any) -> Handout:
    rows = Handout.objects.filter(pk=handout.pk, state__in=begun)
    if not rows.update(claim=F("claim") + 1, **values):
        raise HandoutClosed(_("Somebody else was faster. Look at it again."))
    return Handout.objects.get(pk=handout.pk)


# --- claims -------------------------------------------------------------------------------


def _due() -> QuerySet[Handout]:
    """Return what waits for a worker, that of dead workers too."""
    free = Q(leased_until__isnull=True) | Q(leased_until__lt=timezone.now())
    return Handout.objects.filter(free, state__in=Handout.OPEN)


def _claim(handout_id: int) -> Handout | None:
    """Take a handout in hand; a claim whose lease ran out counts as a failure."""
    handout = _due().filter(pk=handout_id).first()
    if handout is None:
        return None
    failures = handout.failures + (handout.leased_until is not None)
    if failures >= MAX_FAILURES:
        _end(handout, State.FAILED, failures=failures)
        return None
    claimed = (
        _due()
        .filter(pk=handout_id, claim=handout.claim)
        .update(
            claim=handout.claim + 1,
            failures=failures,
            leased_until=timezone.now() + LEASE,
        )
    )
    if not claimed:
        return None
    return Handout.objects.select_related("benefit__wallet", "benefit__voucher_type").get(
        pk=handout_id
    )


def _ours(handout: Handout) -> QuerySet[Handout]:
    return Handout.objects.filter(pk=handout.pk, claim=handout.claim, state=handout.state)


def _end(handout: Handout, state: str, **values: Any) -> bool:
    ended = {"finished_at": timezone.now(), "leased_until": None, **values}
    return bool(_ours(handout).update(state=state, **ended))


# --- chunks -------------------------------------------------------------------------------


def _work(handout: Handout, deadline: float | None, chunk: int) -> None:
    is_giving = handout.state == State.RUNNING
    step = _give_more if is_giving else _take_more_back
    while step(handout, chunk):
        if deadline is not None and time.monotonic() >= deadline:
            _ours(handout).update(leased_until=None)
            return
        if not is_postgresql():
            # Who waits for SQLite only looks now and then.
            time.sleep(0.02)
    if not _end(handout, State.DONE if is_giving else State.TAKEN_BACK):
        raise Interrupted


def _hold(handout: Handout, **counts: Any) -> None:
    """Make sure that it is still ours, and count; the lease goes on."""
    lease = {"leased_until": timezone.now() + LEASE, "failures": 0, "error": ""}
    if not _ours(handout).update(**lease, **counts):
        raise Interrupted


@retry_on_conflict
@transaction.atomic
def _give_more(handout: Handout, chunk: int) -> bool:
    """Give it to the next members; returns False when there are no more."""
    _hold(handout)
    rows = _next(handout, Outcome.OPEN, chunk)
    if not rows:
        return False
    here = set(
        Member.objects.filter(
            pk__in=[row.member_id for row in rows],
            state__in=(Member.State.ACTIVE, Member.State.MERGED),
        ).values_list("pk", flat=True)
    )
    doubled = _given_to_the_same_person(handout, rows)
    wanted = [row for row in rows if row.member_id in here and row.member_id not in doubled]
    givings = [_giving(handout, row) for row in wanted]
    outcomes = give_benefits(givings, at=timezone.now()) if givings else []
    for row in rows:
        row.outcome = Outcome.REFUSED
        row.reason = (
            _("Is one person with another member who is chosen.")
            if row.member_id in doubled
            else _("No longer an active member.")
        )
    for row, outcome in zip(wanted, outcomes, strict=True):
        if outcome.given is not None:
            row.outcome, row.reason = Outcome.GIVEN, ""
        elif outcome.refusal is not None:
            row.reason = str(outcome.refusal.message)[:200]
    given = sum(row.outcome == Outcome.GIVEN for row in rows)
    _write(rows)
    _hold(
        handout,
        num_given=F("num_given") + given,
        num_refused=F("num_refused") + len(rows) - given,
    )
    return True


def _given_to_the_same_person(handout: Handout, rows: Sequence[HandoutMember]) -> set[int]:
    """Return whose share another has, or is about to have: they were merged since."""
    kept = kept_ids([row.member_id for row in rows], lock=True)
    persons = [kept.get(row.member_id, row.member_id) for row in rows]
    occasions = {key_of(handout.pk, person): person for person in persons}
    for person, others in merged_ids(persons).items():
        occasions |= {key_of(handout.pk, other): person for other in others}
    had = GivenBenefit.objects.filter(key__in=occasions).values_list("key", flat=True)
    served = {occasions[key] for key in had}
    doubled: set[int] = set()
    for row, person in zip(rows, persons, strict=True):
        if person in served:
            doubled.add(row.member_id)
        served.add(person)
    return doubled


def _giving(handout: Handout, row: HandoutMember) -> Giving:
    return Giving(
        benefit=handout.benefit,
        member_id=row.member_id,
        key=key_of(handout.pk, row.member_id),
        source=STAFF,
        source_id=handout.pk,
        actor=handout.actor,
        note=handout.name,
    )


def key_of(handout_id: int, member_id: int) -> str:
    """Name the occasion of one member in one handout."""
    return f"handout:{handout_id}:{member_id}"


@retry_on_conflict
@transaction.atomic
def _take_more_back(handout: Handout, chunk: int) -> bool:
    """Take it back from the next members; what is used stays. False: there are no more."""
    _hold(handout)
    rows = _next(handout, Outcome.GIVEN, chunk)
    if not rows:
        return False
    keys = {key_of(handout.pk, row.member_id): row for row in rows}
    at = timezone.now()
    for given in GivenBenefit.objects.filter(key__in=keys).order_by("member_id", "pk"):
        row = keys[given.key]
        row.outcome, row.reason = Outcome.BACK, ""
        if (refusal := _take_back(given, handout, at)) is not None:
            row.outcome, row.reason = Outcome.KEPT, str(refusal.message)[:200]
    back = sum(row.outcome == Outcome.BACK for row in rows)
    _write(rows)
    _hold(
        handout,
        num_back=F("num_back") + back,
        num_kept=F("num_kept") + len(rows) - back,
    )
    return True


def _take_back(given: GivenBenefit, handout: Handout, at: datetime) -> DomainError | None:
    try:
        # Taken back on its own before is taken back.
        take_back_benefit(given, at=at, actor=handout.actor)
    except CannotTakeBack as refusal:
        return refusal
    return None


def _next(handout: Handout, outcome: str, chunk: int) -> list[HandoutMember]:
    """Return the next members, by id: the order in which everybody locks accounts."""
    rows = HandoutMember.objects.filter(handout=handout, outcome=outcome)
    return list(rows.order_by("member_id")[:chunk])


def _write(rows: Sequence[HandoutMember]) -> None:
    HandoutMember.objects.bulk_update(rows, ["outcome", "reason"], batch_size=200)
