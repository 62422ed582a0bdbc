"""What can be asked of the ledger: one movement, and what became of it."""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple


class HoldTerms(NamedTuple):
    """For whom points are held, and until when.

    ``matures_on`` is the first usable day; without one they wait for delivery and then
    ``days_after_delivery``.
    """

    account_id: int
    matures_on: date | None = None
    days_after_delivery: int | None = None


class Posting(NamedTuple):
    """One movement to be written.

    ``amount`` is in whole units of the wallet, ``expires_on`` the last usable day of the
    lot that a member's account receives, ``lot_id`` the one lot that an expiry empties or
    that a reversal fills first, ``hold`` says for whom the programme keeps what goes to
    its held account.

    From one member to another, points keep the days on which they expire.
    """

    key: str
    kind: str
    from_account: int
    to_account: int
    amount: int
    happened_at: datetime
    source_type: str = ""
    source_id: int | None = None
    rule_id: int | None = None
    rule_version: int | None = None
    reverses_id: int | None = None
    actor: str = ""
    note: str = ""
    funder_id: int | None = None
    reason: str = ""
    expires_on: date | None = None
    lot_id: int | None = None
    hold: HoldTerms | None = None


class Posted(NamedTuple):
    """What became of a posting: its transfer, and whether this call wrote it."""

    transfer_id: int
    is_new: bool
