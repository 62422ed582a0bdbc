"""What cancelling gives back, said before it is done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from core.admin_tools import money, number, when
from core.errors import DomainError
from rewards.admin.words import spoken
from rewards.giving import take_back_benefit
from rewards.models import Benefit, GivenBenefit, Redemption
from rewards.services import cancel_redemption


class _Undone(Exception):
    """It would have worked; nothing of it stays."""


def cancel_refusal(redemption: Redemption, *, at: datetime) -> str:
    """Say why it cannot be cancelled now; empty when it can. Nothing is changed.

    It is tried and undone, so that what is said here is what would happen.
    """
    return _tried(lambda: cancel_redemption(redemption=redemption, at=at, actor=""))


def take_back_refusal(given: GivenBenefit, *, at: datetime) -> str:
    """Say why what was given cannot be taken back now; empty when it can."""
    # One of its own, since taking back reads its row anew.
    copy = GivenBenefit.objects.get(pk=given.pk)
    return _tried(lambda: take_back_benefit(copy, at=at))


def _tried(work: Callable[[], object]) -> str:
    try:
        with transaction.atomic():
            work()
            raise _Undone
    except _Undone:
        return ""
    except DomainError as error:
        return str(error.message)


def what_goes_back(redemption: Redemption, unit: str, currency: str) -> list[str]:
    """Say what cancelling a redemption brings back to whom."""
    lines = []
    if redemption.points:
        wallet = redemption.reward.wallet
        lines.append(
            _("%(points)s %(unit)s go back to %(member)s, with their own last days.")
            % {
                "points": number(redemption.points),
                "unit": wallet.unit_name if wallet else unit,
                "member": redemption.member,
            }
        )
    if redemption.given is not None:
        lines += what_is_taken_back(redemption.given, currency)
    if redemption.took_stock:
        lines.append(_("One more is in stock."))
    lines.append(_("It no longer counts for how often the member can have it."))
    if redemption.amount and redemption.paid_at:
        lines.append(
            _("%(amount)s were paid in %(place)s: give them back there, by hand.")
            % {"amount": money(redemption.amount, currency), "place": redemption.paid_to}
        )
    return lines


def what_is_taken_back(given: GivenBenefit, currency: str) -> list[str]:
    """Say what a member no longer has after what was given is taken back."""
    kind = given.benefit.kind
    if kind == Benefit.Kind.VOUCHER:
        vouchers = given.vouchers.select_related("voucher_type")
        codes = ", ".join(spoken(voucher) for voucher in vouchers)
        return [_("The voucher %(codes)s can no longer be used.") % {"codes": codes}]
    if kind == Benefit.Kind.GIFT:
        return [_("The gift is not handed over.")]
    if kind == Benefit.Kind.EXPERIENCE:
        return [_booking_line(given)]
    if kind == Benefit.Kind.POINTS and given.transfer is not None:
        text = _("%(points)s that were given are taken back.")
        return [text % {"points": number(given.transfer.amount)}]
    if kind == Benefit.Kind.DONATION:
        text = _("The donation of %(amount)s no longer counts.")
        return [text % {"amount": money(given.value, currency)}]
    if kind == Benefit.Kind.TAG:
        return [_("The tag “%(tag)s” comes off.") % {"tag": given.benefit.tag}]
    return [_("“%(benefit)s” is taken back.") % {"benefit": given.benefit}]


def _booking_line(given: GivenBenefit) -> str:
    booking = getattr(given, "booking", None)
    if booking is None or booking.slot is None:
        return _("No time can be chosen any more.")
    text = _("The place on %(when)s is free again.")
    return text % {"when": when(booking.slot.starts_at)}
