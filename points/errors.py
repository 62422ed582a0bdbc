"""What the ledger refuses."""

from __future__ import annotations

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


class NotReversible(Conflict):
    """Some movements are undone through another one."""

    code = "not_reversible"


class AmountOutOfRange(DomainError):
    """Amounts are whole numbers from 1 to a trillion."""

    code = "amount_out_of_range"


class NoWallet(NotFound):
    """The programme has no wallet yet."""

    code = "no_wallet"


class GiftRefused(DomainError):
    """The wallet's terms do not allow this gift from one member to another."""

    code = "gift_refused"
    status = 409


class ReservationClosed(Conflict):
    """Reserved points can be spent or released once, and only in time."""

    code = "reservation_closed"

    @classmethod
    def of(cls, reservation: Any) -> ReservationClosed:
        """Say what became of a reservation."""
        states = reservation.State
        sentences = {
            states.CAPTURED: _("These points were spent before."),
            states.RELEASED: _("These points were released before."),
        }
        sentence = sentences.get(reservation.state, _("The time to spend them is over."))
        return cls(sentence, state=str(reservation.state))


class NothingToTest(DomainError):
    """A back-test needs a draft that differs from what is published."""

    code = "nothing_to_test"
    status = 409

    @classmethod
    def because(cls, rule: Any) -> NothingToTest:
        """Say that a rule (None: that no rule) has a draft about orders to test."""
        if rule is None:
            return cls(
                _("No draft about orders differs from what is published. Change a rule.")
            )
        sentence = _("The draft of “%(name)s” is what is published, or not about orders.")
        return cls(sentence % {"name": rule.name})


class BackTestClosed(Conflict):
    """A back-test that has ended cannot be stopped, and one under way not continued."""

    code = "back_test_closed"


class PointsReserved(Conflict):
    """A till is holding points of this member."""

    code = "points_reserved"
    retry_after = 60
