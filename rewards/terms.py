"""What higher apps say about rewards for one member: a tier's price, its early access.

Such an app registers one function when it starts; it is asked once for all rewards of a
page, so it answers in a constant number of queries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from rewards.models import Reward


@dataclass(frozen=True, slots=True)
class Terms:
    """How a reward differs for a member from what its own row says.

    ``price_points``: another price; ``opens_at``: may be had from then on already;
    ``locked``: a sentence that says what is missing; ``because``: why the terms differ,
    such as “Gold price”.
    """

    price_points: int | None = None
    opens_at: datetime | None = None
    locked: str = ""
    because: str = ""


Asked = Callable[[int, Sequence[Reward], datetime], Mapping[int, Terms]]
SOURCES: dict[str, Asked] = {}
NO_TERMS = Terms()


def register_terms(name: str, ask: Asked) -> None:
    """Let an app say terms; again with the same name replaces it."""
    SOURCES[name] = ask


def terms_for(
    member_id: int, rewards: Sequence[Reward], *, at: datetime
) -> dict[int, Terms]:
    """Return the terms of each reward for a member: the best of what the apps say."""
    told: dict[int, Terms] = {}
    for ask in SOURCES.values():
        for reward_id, terms in ask(member_id, rewards, at).items():
            told[reward_id] = (
                _better(told[reward_id], terms) if reward_id in told else terms
            )
    return told


def _better(one: Terms, other: Terms) -> Terms:
    prices = [t.price_points for t in (one, other) if t.price_points is not None]
    opens = [t.opens_at for t in (one, other) if t.opens_at is not None]
    return Terms(
        price_points=min(prices, default=None),
        opens_at=min(opens, default=None),
        locked=one.locked and other.locked,
        because=one.because or other.because,
    )
