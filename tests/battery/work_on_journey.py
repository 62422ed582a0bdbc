"""Let the members of all journeys go on, as a worker would. Run as a program.

Its arguments are the moment and, for the negative control, ``careless``: then nothing is
locked, and a gift does not know its occasion.
"""

import sys
from contextlib import nullcontext
from datetime import datetime
from typing import Any
from uuid import uuid4

import django


def main(at: str, how: str = "") -> None:
    from campaigns import advancing
    from campaigns.services import advance_campaigns

    advancing.CHUNK = 25
    if how == "careless":
        be_careless()
    while advance_campaigns(at=datetime.fromisoformat(at)).keys() > {"happenings"}:
        pass


def be_careless() -> None:
    from django.db.models import QuerySet

    from campaigns import advancing
    from campaigns.steps import giving

    careful = giving.Giving

    def without_occasion(**wish: Any) -> Any:
        return careful(**{**wish, "key": uuid4().hex})

    giving.Giving = without_occasion  # type: ignore[assignment,misc]
    QuerySet.select_for_update = lambda self, **_options: self  # type: ignore[method-assign]
    advancing.lock_going_on = lambda _campaign: None
    advancing.transaction = NoTransaction  # type: ignore[assignment]


class NoTransaction:
    atomic = nullcontext


if __name__ == "__main__":
    django.setup()
    main(*sys.argv[1:])
