"""Guessing at codes through the API: who is counted, and when."""

from __future__ import annotations

import logging

from django.utils import timezone
from rest_framework.request import Request

from api.models import TillKey
from api.services import OrderTaken
from core.addresses import client_address
from members.models import Member
from rewards.errors import TooManyMisses, VoucherRefused
from rewards.guessing import Guesser, count_misses, refuse_if_too_many

logger = logging.getLogger(__name__)


class Guard:
    """Counts the misses of one request, whatever becomes of its transaction.

    A shopper's address, where a web shop tells it, is counted beside the member. Where
    neither is known, the address of the till is what there is.
    """

    def __init__(self, request: Request, *, told_address: str = "") -> None:
        till_key = request.auth
        assert isinstance(till_key, TillKey)  # HasTillKey let this request in
        self._till = till_key.prefix
        self._told = told_address
        self._own = client_address(request._request) or ""
        self._guesser = Guesser(till=self._till)
        self._misses = 0

    def let_in(self, member: Member | None) -> None:
        """Say who asks; raise TooManyMisses while they have missed too often."""
        self._know(member)
        self._misses = 0
        refuse_if_too_many(self._guesser, at=timezone.now())

    def saw(self, misses: int) -> None:
        self._misses = misses

    def saw_refusal(self, refusal: VoucherRefused) -> None:
        self._misses = refusal.misses

    def saw_order(self, taken: OrderTaken) -> None:
        """Look at the codes of an order; one that was told before has been counted."""
        self._know(taken.member)
        if taken.is_new:
            self._misses = sum(settled.is_miss for settled in taken.vouchers)

    def count(self) -> None:
        """Count what was missed, outside of any transaction. Raises TooManyMisses."""
        count_misses(self._guesser, self._misses, at=timezone.now())

    def note_misses(self) -> None:
        """Count what was missed where the answer stands anyway."""
        try:
            self.count()
        except TooManyMisses:
            logger.warning("Till key %s tells many wrong vouchers", self._till)

    def _know(self, member: Member | None) -> None:
        self._guesser = Guesser(
            member_id=member.pk if member else None,
            address=self._told or ("" if member else self._own),
            till=self._till,
        )
