"""Guessing at codes is bounded: wrong ones are counted, and then none is looked at.

Every answer that gives no reason counts as a miss, whatever is behind it, so that the
count tells a guesser no more than the answer does. At most the limit's number of misses is
ever answered in an hour; what is answered beside them are requests that were handled in
the same moment, no more than the site has threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from core.addresses import network_of
from core.limits import Limit, look, take
from rewards.errors import TooManyMisses

HOUR = timedelta(hours=1)
PER_MEMBER = Limit("voucher-misses-member", most=10, span=HOUR)
PER_ADDRESS = Limit("voucher-misses-address", most=30, span=HOUR)
# All customers of one till or one web shop: the breaker on many accounts and addresses.
PER_TILL = Limit("voucher-misses-till", most=300, span=HOUR)


@dataclass(frozen=True, slots=True)
class Guesser:
    """Who may be guessing: a member, an address, a till; what is unknown is left out."""

    member_id: int | None = None
    address: str = ""
    till: str = ""

    @property
    def uses(self) -> list[tuple[Limit, str]]:
        """Return the limits that count this one; what many share comes last."""
        counted = []
        if self.member_id is not None:
            counted.append((PER_MEMBER, str(self.member_id)))
        if self.address:
            counted.append((PER_ADDRESS, network_of(self.address)))
        if self.till:
            counted.append((PER_TILL, self.till))
        return counted


def refuse_if_too_many(guesser: Guesser, *, at: datetime) -> None:
    """Raise TooManyMisses while a limit is reached. One query, and nothing is counted."""
    taken = look(guesser.uses, at=at)
    if not taken.is_allowed:
        raise TooManyMisses(retry_after=taken.retry_after)


def count_misses(guesser: Guesser, number: int, *, at: datetime) -> None:
    """Count answers without a reason; raise TooManyMisses in place of one too many.

    Call it outside of a transaction: a refusal must not take the count back.
    """
    for _miss in range(number):
        answers = [take(limit, subject, at=at) for limit, subject in guesser.uses]
        refused = [taken.retry_after for taken in answers if not taken.is_allowed]
        if refused:
            raise TooManyMisses(retry_after=max(refused))
