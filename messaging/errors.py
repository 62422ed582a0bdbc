"""What messaging refuses."""

from core.errors import DomainError, InvalidInput


class WrongSignature(DomainError):
    """A webhook whose signature does not fit its body: not from Zalo, or a wrong secret."""

    code = "wrong_signature"
    status = 401


class InvalidTemplate(InvalidInput):
    """A template that could not be filled in when a message is sent."""

    code = "invalid_template"


class NotConnected(DomainError):
    """There is no Official Account that may send."""

    code = "not_connected"
    status = 409


class GrantLost(NotConnected):
    """Zalo no longer accepts the refresh token; only an OA administrator can renew it."""

    code = "grant_lost"


class PlatformUnavailable(DomainError):
    """A provider did not answer a question; asking again later is all one can do."""

    code = "platform_unavailable"
    status = 503


class InvalidTest(InvalidInput):
    """A test that cannot be sent: no such address, or too many of them."""

    code = "invalid_test"
