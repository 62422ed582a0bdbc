"""What rewards and vouchers refuse."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from core.errors import Conflict, DomainError, NotFound


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


class VoucherRefused(DomainError):
    """Vouchers that cannot be used on this order; ``extra["vouchers"]`` says which and why.

    ``misses``: how many of them may be guesses, because the reader learns no reason.
    """

    code = "voucher_refused"
    status = 409

    def __init__(self, message: str, *, misses: int = 0, **extra: Any) -> None:
        super().__init__(message, **extra)
        self.misses = misses


class VoucherUseNotFound(NotFound):
    """No vouchers were held or used under this reference of this source."""

    code = "voucher_use_not_found"


class VoucherUseClosed(Conflict):
    """What was held or used is past the step that is asked for."""

    code = "voucher_use_closed"


class TooManyMisses(DomainError):
    """So many codes were wrong that no more are looked at for a while."""

    code = "too_many_misses"
    status = 429

    def __init__(self, *, retry_after: int) -> None:
        super().__init__(_("Too many codes were wrong. Please try again later."))
        self.retry_after = retry_after


class BatchRefused(DomainError):
    """So many codes of this type cannot be made or taken in."""

    code = "batch_refused"
    status = 400


class BatchClosed(Conflict):
    """A batch has ended, or has not ended yet."""

    code = "batch_closed"


class CodeRefused(DomainError):
    """A code that staff chose cannot be one, or is not free."""

    code = "code_refused"
    status = 400


class VoucherClosed(Conflict):
    """A voucher was cancelled before, or used as often as it may be."""

    code = "voucher_closed"


class StockRefused(DomainError):
    """More was taken than the new stock, budget or number of places holds."""

    code = "stock_refused"
    status = 409


class TermsStand(Conflict):
    """What a voucher promises cannot change once somebody has one."""

    code = "terms_stand"
