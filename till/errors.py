"""What the till refuses by itself."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.errors import Conflict, DomainError


class NoTill(DomainError):
    """The password was right, but this person serves at no till."""

    code = "no_till"
    status = 403

    def __init__(self) -> None:
        super().__init__(
            _("This account serves at no till. Ask your manager to give it a store.")
        )


class TooMany(DomainError):
    """One person did more of something than serving customers explains."""

    code = "too_many"
    status = 429

    def __init__(self, sentence: str, *, retry_after: int) -> None:
        self.retry_after = retry_after
        minutes = -(-retry_after // 60)
        wait = ngettext(
            "Try again in %(count)s minute.", "Try again in %(count)s minutes.", minutes
        )
        super().__init__(f"{sentence} {wait % {'count': minutes}}", retry_after=retry_after)


class ServedTooOften(DomainError):
    """The same person recorded so many orders of the same member today."""

    code = "served_too_often"
    status = 409

    def __init__(self) -> None:
        super().__init__(
            _(
                "You have recorded many orders of this member today. A colleague has to "
                "take this one."
            )
        )


class OwnMembership(DomainError):
    """Nobody at a till serves themselves."""

    code = "own_membership"
    status = 403

    def __init__(self) -> None:
        super().__init__(_("This is your own membership. A colleague has to serve you."))


class NotProved(DomainError):
    """What a member owns is touched only when they stand there."""

    code = "not_proved"
    status = 403

    def __init__(self) -> None:
        super().__init__(
            _(
                "A phone number alone spends nothing. Scan the member's card, or send a "
                "code to their phone."
            )
        )


class MembershipClosed(DomainError):
    """The member was blocked or has left."""

    code = "membership_closed"
    status = 403

    def __init__(self) -> None:
        super().__init__(_("This membership is closed. Customer care can open it again."))


class OrderKnown(Conflict):
    """The order number was recorded before in this store."""

    code = "order_known"


class SaleRefused(DomainError):
    """A sale cannot be recorded as it was told."""

    code = "sale_refused"
    status = 400


class SaleChanged(Conflict):
    """What a sale comes to is no longer what was shown."""

    code = "sale_changed"

    def __init__(self) -> None:
        super().__init__(
            _("It comes to something else now. Check the new amounts and confirm again.")
        )


class CannotUndo(Conflict):
    """An act is too old, another person's, or of a kind that stays."""

    code = "cannot_undo"
