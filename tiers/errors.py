"""What tiers refuse."""

from core.errors import DomainError


class LadderIncomplete(DomainError):
    """A draft that no member could be placed on."""

    code = "ladder_incomplete"
    status = 400


class TierTooLow(DomainError):
    """A tier by hand that is below what the member has reached."""

    code = "tier_too_low"
    status = 409


class NoManualTier(DomainError):
    """There is no tier by hand to take away."""

    code = "no_manual_tier"
    status = 409
