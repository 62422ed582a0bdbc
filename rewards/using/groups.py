"""The uses under one reference of one source: they are one order's, and move together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from core.questions import Question, Told
from rewards.errors import VoucherUseClosed, VoucherUseNotFound
from rewards.models import VoucherUse

State = VoucherUse.State
# What stands under a reference; what was released or has lapsed may be asked for anew.
LIVE = frozenset({State.HELD, State.USED, State.ROLLED_BACK})


LOCKED = Question(
    lambda: (
        VoucherUse.objects.filter(source=Told(0, "text"), reference=Told(1, "text"))
        .select_related("voucher__voucher_type")
        .order_by("pk")
        .select_for_update(of=("self",))
    )
)


def uses_of(source: str, reference: str) -> QuerySet[VoucherUse]:
    """Return the uses under a reference, with what answers need."""
    rows = VoucherUse.objects.filter(source=source, reference=reference)
    return rows.select_related("voucher__voucher_type").order_by("position", "pk")


def locked_uses(source: str, reference: str) -> list[VoucherUse]:
    """Lock the uses under a reference until the transaction ends."""
    rows = LOCKED.ask(source, reference)
    return sorted(rows, key=lambda use: (use.position, use.pk))


def stands_meanwhile(source: str, reference: str) -> bool:
    """Tell whether something stands under a reference that had nothing before."""
    rows = VoucherUse.objects.filter(source=source, reference=reference)
    return rows.filter(state__in=LIVE).exists()


def known_uses(source: str, reference: str) -> list[VoucherUse]:
    """Lock the uses under a reference, or raise VoucherUseNotFound."""
    uses = locked_uses(source, reference)
    if not uses:
        raise VoucherUseNotFound(
            _("No vouchers were held or used under this reference by this till.")
        )
    return uses


def is_overdue(use: VoucherUse, at: datetime) -> bool:
    """Tell whether the time of a hold is over: it is good up to its end, not at it."""
    return use.state == State.HELD and use.held_until is not None and at >= use.held_until


def mark_used(
    uses: Sequence[VoucherUse], *, at: datetime, order_id: int | None = None
) -> None:
    """Let holds that are locked be uses; they were counted when they were held."""
    if not uses:
        return
    told = {"state": State.USED, "used_at": at, "order_id": order_id}
    changed = VoucherUse.objects.filter(
        pk__in=[use.pk for use in uses], state=State.HELD
    ).update(**told)
    assert changed == len(uses), "a hold was ended outside its lock"
    for use in uses:
        for name, value in told.items():
            setattr(use, name, value)


def use_of_closed(state: str) -> VoucherUseClosed:
    """Say what became of a use that is asked for a step it cannot take."""
    sentences = {
        State.HELD: _("These vouchers are held and not used. Release them."),
        State.USED: _("These vouchers were used. Take the use back instead."),
        State.RELEASED: _("These vouchers were released. Hold or use them anew."),
        State.LAPSED: _("The time to use these vouchers is over. Use them anew."),
        State.ROLLED_BACK: _("The use of these vouchers was taken back before."),
    }
    return VoucherUseClosed(sentences[State(state)], state=str(state))


def furthest(uses: Sequence[VoucherUse]) -> str:
    """Return the state of a group by the one of its uses that got furthest."""
    ways = (State.USED, State.ROLLED_BACK, State.HELD, State.RELEASED, State.LAPSED)
    return min((use.state for use in uses), key=lambda state: ways.index(State(state)))
