"""The one base of everything the business refuses."""

from typing import Any

from django.utils.functional import Promise


class DomainError(Exception):
    """A refusal that the person reading can act on.

    ``code`` is stable and meant for machines, ``message`` is a full sentence that says
    what to do, ``status`` is the HTTP status an API answers with, and ``extra`` carries
    the facts of the refusal (plain JSON values).
    """

    code = "refused"
    status = 400
    # Seconds after which the same request may well pass; 0 for a refusal that stands.
    retry_after = 0

    def __init__(self, message: str | Promise, **extra: Any) -> None:
        super().__init__(str(message))
        self.message = message
        self.extra = extra


class NotFound(DomainError):
    """What was asked for does not exist, or not for this reader."""

    code = "not_found"
    status = 404


class InvalidInput(DomainError):
    """A value that came in cannot be understood."""

    code = "invalid_input"
    status = 400


class Conflict(DomainError):
    """The same key was used before with other content."""

    code = "conflict"
    status = 409
