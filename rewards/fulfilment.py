"""Gifts on their way: which step follows which, taken for many at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from django.contrib.auth.models import User
from django.db import transaction

from core.batch import Column, fetch_all, rows_source
from core.retry import retry_on_conflict
from rewards.models import Fulfilment, FulfilmentEvent

State = Fulfilment.State
Method = Fulfilment.Method

# What may follow what. Nothing here cancels: that gives back what was paid as well, so a
# redemption is cancelled, or what was given is taken back (``rewards.giving``).
STEPS: dict[str, tuple[str, ...]] = {
    State.NEW: (State.PACKED,),
    State.PACKED: (State.SHIPPED, State.READY, State.NEW),
    State.SHIPPED: (State.DONE, State.RETURNED, State.PACKED),
    State.READY: (State.DONE, State.RETURNED, State.PACKED),
    State.DONE: (State.RETURNED,),
    State.RETURNED: (State.NEW,),
}
# What only one way of handing over knows.
ONLY_BY: dict[str, str] = {State.SHIPPED: Method.DELIVERY, State.READY: Method.PICK_UP}
_ADVANCE = """
UPDATE rewards_fulfilment SET state = %s, changed_at = r.at,
  carrier = CASE WHEN r.carrier = '' THEN rewards_fulfilment.carrier ELSE r.carrier END,
  tracking = CASE WHEN r.tracking = '' THEN rewards_fulfilment.tracking ELSE r.tracking END
FROM {source}
WHERE rewards_fulfilment.id = r.id AND rewards_fulfilment.state IN ({states})
  AND rewards_fulfilment.method IN ({methods})
RETURNING rewards_fulfilment.id
"""


class Advanced(NamedTuple):
    """Which gifts took the step, and which were not where it begins."""

    moved: list[Fulfilment]
    left: list[Fulfilment]


def next_steps(fulfilment: Fulfilment) -> list[str]:
    """Return the states that may follow, the usual one first."""
    steps = STEPS.get(fulfilment.state, ())
    return [to for to in steps if ONLY_BY.get(to) in (None, fulfilment.method)]


@retry_on_conflict
@transaction.atomic
def advance(
    fulfilments: Sequence[Fulfilment],
    *,
    to: str,
    by: User | None,
    at: datetime,
    carrier: str = "",
    tracking: Mapping[int, str] | None = None,
    note: str = "",
) -> Advanced:
    """Let gifts take a step, each only from a state before it, by one statement.

    Those that are elsewhere by now (somebody was faster) stay as they are and are
    returned as left. ``tracking``: numbers by the gifts' ids.
    """
    wanted = {fulfilment.pk for fulfilment in fulfilments}
    numbers = tracking or {}
    rows = [
        (pk, at, carrier[:60], numbers.get(pk, "").strip()[:60]) for pk in sorted(wanted)
    ]
    moved = _move(rows, to)
    FulfilmentEvent.objects.bulk_create(
        [
            FulfilmentEvent(
                fulfilment_id=pk,
                state=to,
                happened_at=at,
                by=by,
                note=(note or _said(carrier, numbers.get(pk, "")))[:200],
            )
            for pk in sorted(moved)
        ],
        batch_size=200,
    )
    now = Fulfilment.objects.filter(pk__in=wanted).order_by("pk")
    told = Advanced([], [])
    for fulfilment in now.select_related("given__benefit"):
        (told.moved if fulfilment.pk in moved else told.left).append(fulfilment)
    return told


def _move(rows: Sequence[tuple[int, datetime, str, str]], to: str) -> set[int]:
    """Move those that stand right before a step; returns their ids."""
    before = [state for state, steps in STEPS.items() if to in steps]
    if not rows or not before:
        return set()
    columns = (
        Column("id", "bigint"),
        Column("at", "timestamptz"),
        Column("carrier", "text"),
        Column("tracking", "text"),
    )
    source, parameters = rows_source(columns, rows)
    only = ONLY_BY.get(to)
    methods = [only] if only else list(Method.values)
    sql = _ADVANCE.format(
        source=source,
        states=", ".join(["%s"] * len(before)),
        methods=", ".join(["%s"] * len(methods)),
    )
    return {pk for (pk,) in fetch_all(sql, [to, *parameters, *before, *methods])}


def _said(carrier: str, tracking: str) -> str:
    return " ".join(part for part in (carrier.strip(), tracking.strip()) if part)
