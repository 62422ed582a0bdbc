"""How big the battery's tests are: small in `make test`, more in `make battery`.

BATTERY=night is what `make battery` asks for, BATTERY=full what a release does.
"""

import os

TIERS = ("small", "night", "full")


def size(*numbers: int) -> int:
    """Return the number for this run's tier; the last one serves every bigger tier."""
    tier = TIERS.index(os.environ.get("BATTERY", "small"))
    return numbers[min(tier, len(numbers) - 1)]
