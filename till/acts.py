"""Every act at a till: written once for its token, and undone within ten minutes."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.utils.translation import gettext as _

from activities.models import Order
from activities.services import RefundFact
from core.clock import local_date
from core.errors import Conflict
from core.retry import retry_on_conflict
from flows.record import record_refunds
from rewards.services import cancel_redemption, roll_back_vouchers
from till.access import Desk
from till.errors import CannotUndo
from till.models import TillAct

Kind = TillAct.Kind
UNDO_WITHIN = timedelta(minutes=10)
# A handed-over gift is gone, and a person stays a member.
UNDOABLE = frozenset({Kind.SALE.value, Kind.REDEMPTION.value, Kind.PAYMENT.value})
LOADED = (
    "member",
    "order",
    "store",
    "voucher_use__voucher__voucher_type",
    "redemption__reward__benefit",
    "fulfilment__given__benefit",
)


def claim(
    desk: Desk, token: str, kind: str, *, member_id: int | None, proof: str, at: datetime
) -> tuple[TillAct, bool]:
    """Write the row that makes an act happen once; tells whether it is new.

    Call it first in the act's transaction: what is refused then was never claimed.
    """
    act, is_new = TillAct.objects.get_or_create(
        token=token,
        defaults={
            "kind": kind,
            "user": desk.user,
            "store": desk.store,
            "member_id": member_id,
            "proof": proof,
            "happened_at": at,
            "happened_on": local_date(at),
        },
    )
    if not is_new and (act.user_id != desk.user.pk or act.kind != kind):
        raise Conflict(_("This was begun by somebody else. Begin anew."))
    return act, is_new


def act_of(desk: Desk, token: str) -> TillAct | None:
    """Return what this person did here under a token, with what pages show."""
    acts = TillAct.objects.filter(token=token, user=desk.user, store=desk.store)
    return acts.select_related(*LOADED).first()


def can_undo(act: TillAct, *, at: datetime) -> bool:
    """Tell whether an act may still be taken back by who did it."""
    if act.kind not in UNDOABLE or act.is_undone or at - act.happened_at > UNDO_WITHIN:
        return False
    use = act.voucher_use
    return use is None or use.voucher.voucher_type.returns_on_refund


@retry_on_conflict
@transaction.atomic
def undo(*, desk: Desk, token: str, at: datetime) -> TillAct:
    """Take an act back, all of it: points, voucher, order. A repeat changes nothing.

    Money that was taken is given back by hand. Raises CannotUndo when it is too late or
    not of a kind that goes back, CannotTakeBack when what was given is used already.
    """
    act = act_of(desk, token)
    if act is None:
        raise CannotUndo(_("Nothing of yours is known under this number."))
    if act.is_undone:
        return act
    if not can_undo(act, at=at):
        raise CannotUndo(
            _("It can no longer be undone here. Customer care can, in the console.")
        )
    free = TillAct.objects.filter(pk=act.pk, undone_at__isnull=True)
    if free.update(undone_at=at):
        if act.redemption is not None:
            _undo_redemption(desk, act, at)
        else:
            _undo_sale(desk, act, at)
    act.undone_at = at
    return act


def _undo_redemption(desk: Desk, act: TillAct, at: datetime) -> None:
    """Cancel it; of a redemption that was paid here as well, both acts are undone."""
    redemption = act.redemption
    assert redemption is not None, "only such acts come here"
    note = _("Undone at the till.")
    cancel_redemption(redemption=redemption, at=at, actor=desk.actor, note=note)
    acts = TillAct.objects.filter(redemption=redemption, undone_at__isnull=True)
    acts.update(undone_at=at)


def _undo_sale(desk: Desk, act: TillAct, at: datetime) -> None:
    """Take the order back, which gives its voucher back; one without an order by itself."""
    order = act.order
    if order is not None and (left := order.total - order.refunded) > 0:
        record_refunds([_taken_back(order, act, left, at)], at=at)
    if act.voucher_use is not None:
        reference = act.voucher_use.reference
        roll_back_vouchers(source=desk.source, reference=reference, at=at)


def _taken_back(order: Order, act: TillAct, left: Decimal, at: datetime) -> RefundFact:
    return RefundFact(
        source=order.source,
        external_id=f"undo:{act.token}",
        member_id=order.member_id,
        refunded_at=max(at, order.placed_at),
        total=left,
        order_number=order.external_id,
        reason="undone",
    )
