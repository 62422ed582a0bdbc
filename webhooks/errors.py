"""What is refused about webhooks."""

from core.errors import DomainError


class AddressRefused(DomainError):
    """An address to which nothing may be sent."""

    code = "address_refused"
    status = 422


class NameNotFound(DomainError):
    """A server whose name leads nowhere now; it may tomorrow."""

    code = "name_not_found"
    status = 422


class EndpointOff(DomainError):
    """Something should be sent to an endpoint that hears nothing."""

    code = "endpoint_off"
    status = 409


class NothingToSendAgain(DomainError):
    """A delivery that is still on its way needs no second start."""

    code = "nothing_to_send_again"
    status = 409
