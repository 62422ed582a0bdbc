"""What the ledger refuses."""

from typing import Any

from django.utils.translation import gettext as _

from core.errors import Conflict, DomainError, NotFound
from core.money import group_digits


class NotEnoughPoints(DomainError):
    """A member's account does not hold what was to be taken from it."""

    code = "not_enough_points"
    status = 409

    def __init__(self, *, wanted: int, balance: int) -> None:
        super().__init__(
            _("%(wanted)s points are needed; the balance is %(balance)s.")
            % {"wanted": group_digits(wanted), "balance": group_digits(balance)},
            wanted=wanted,
            balance=balance,
        )
        self.wanted = wanted
        self.balance = balance


class KeyReused(Conflict):
    """A key that stands for one movement came again with another one."""

    code = "key_reused"

    def __init__(self, key: str, **extra: Any) -> None:
        super().__init__(
            _("The key “%(key)s” was used before for another movement of points.")
            % {"key": key},
            key=key,
            **extra,
        )


class AlreadyReversed(Conflict):
    """A transfer can be taken back once."""

    code = "already_reversed"


class AmountOutOfRange(DomainError):
    """Amounts are whole numbers from 1 to a trillion."""

    code = "amount_out_of_range"


class NoWallet(NotFound):
    """The programme has no wallet yet."""

    code = "no_wallet"
