"""What the API refuses by itself, before or beside the business."""

from django.utils.translation import gettext as _

from core.errors import Conflict, DomainError, InvalidInput, NotFound


class PayloadTooLarge(DomainError):
    """The body is larger than any honest request."""

    code = "too_large"
    status = 413


class LengthRequired(DomainError):
    """The body came in pieces without its length."""

    code = "length_required"
    status = 411


class KeyMissing(InvalidInput):
    """A write that must be repeatable came without its Idempotency-Key."""

    code = "idempotency_key_missing"


class KeyMalformed(InvalidInput):
    """The Idempotency-Key is empty, too long or not printable."""

    code = "idempotency_key_invalid"


class KeyReused(DomainError):
    """The Idempotency-Key was used before for other content."""

    code = "idempotency_key_reused"
    status = 422


class TryAgain(DomainError):
    """The refusal passes by itself; nothing was saved and nothing is remembered."""

    code = "try_again"
    status = 503
    retry_after = 2


class StillWorking(TryAgain):
    """The first request with this Idempotency-Key has not ended yet."""

    code = "in_progress"
    status = 409


class OtherStore(DomainError):
    """The till names a store that is not its own."""

    code = "other_store"
    status = 422


class ReservationNotFound(NotFound):
    """No reservation of points has this reference in the key's source."""

    code = "reservation_not_found"


class WalletNotFound(NotFound):
    """No wallet in use has this code."""

    code = "wallet_not_found"


class StoreNotFound(NotFound):
    """The order names a store that does not exist."""

    code = "store_not_found"


class RewardNotFound(NotFound):
    """No reward has this code."""

    code = "reward_not_found"


class RedemptionNotFound(NotFound):
    """No redemption has this number."""

    code = "redemption_not_found"


class OrderNotFound(NotFound):
    """No order with this number came from this source."""

    code = "order_not_found"


class OrderConflict(Conflict):
    """This order number is taken by an order with other content."""


class OrderRefused(DomainError):
    """The order cannot be recorded as it is."""

    code = "order_refused"
    status = 422


def database_busy() -> TryAgain:
    return TryAgain(
        _("The system is busy and saved nothing. Send the same request again shortly.")
    )
