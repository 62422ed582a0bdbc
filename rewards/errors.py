"""What rewards and vouchers refuse."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from core.errors import Conflict, DomainError


class KeyReused(Conflict):
    """An occasion came again with another benefit, member or reward."""

    code = "key_reused"

    def __init__(self, key: str, **extra: Any) -> None:
        super().__init__(
            _("The key “%(key)s” was used before for something else.") % {"key": key},
            key=key,
            **extra,
        )


class BenefitUnavailable(DomainError):
    """A benefit is switched off, or its budget or its codes are used up."""

    code = "benefit_unavailable"
    status = 409


class WishRefused(DomainError):
    """How something is wanted (an address, a store, a time) cannot be."""

    code = "wish_refused"
    status = 400


class RewardUnavailable(DomainError):
    """This member cannot have this reward now; ``extra["reason"]`` says why in a code."""

    code = "reward_unavailable"
    status = 409


class CannotTakeBack(Conflict):
    """What was given is used already."""

    code = "cannot_take_back"


class RedemptionClosed(Conflict):
    """A redemption was cancelled, lapsed or paid before."""

    code = "redemption_closed"


class StepRefused(Conflict):
    """A gift or a booking does not go from this state to that one."""

    code = "step_refused"


class StockRefused(DomainError):
    """More was taken than the new stock, budget or number of places holds."""

    code = "stock_refused"
    status = 409


class TermsStand(Conflict):
    """What a voucher promises cannot change once somebody has one."""

    code = "terms_stand"
