"""The kinds of steps, each with what it does, what it asks for and how it reads."""

from __future__ import annotations

from campaigns.steps.choosing import BRANCH, COUNTER, SPLIT, STOP
from campaigns.steps.giving import GIVE
from campaigns.steps.messages import MESSAGE
from campaigns.steps.tags import ADD_TAG, REMOVE_TAG
from campaigns.steps.waiting import WAIT, WAIT_FOR, WAIT_UNTIL
from campaigns.trips import StepKind

# In the order in which staff are offered them.
KINDS: dict[str, StepKind] = {
    kind.code: kind
    for kind in (
        MESSAGE,
        GIVE,
        WAIT,
        WAIT_UNTIL,
        WAIT_FOR,
        BRANCH,
        SPLIT,
        ADD_TAG,
        REMOVE_TAG,
        COUNTER,
        STOP,
    )
}

__all__ = ["KINDS"]
