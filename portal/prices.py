"""What things cost, written as members read it: 100 điểm, 100 điểm + 50.000 ₫, free."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext as _

from core.models import Programme
from core.money import format_money
from points.amounts import Unit
from points.models import Wallet
from portal.purses import Purse


@dataclass(frozen=True, slots=True)
class Prices:
    """How this programme writes prices; a reward without a wallet takes "my points"."""

    programme: Programme
    first: Purse

    def unit(self, wallet: Wallet | None) -> Unit:
        if wallet is None or (self.first.wallet and wallet.pk == self.first.wallet.pk):
            return self.first.unit
        return Unit.of(wallet, self.programme)

    def money(self, amount: Decimal) -> str:
        return format_money(amount, self.programme.currency)

    def parts(self, wallet: Wallet | None, points: int, amount: Decimal) -> list[str]:
        """Write what a price consists of, or that it is free."""
        parts = []
        if points:
            parts.append(self.unit(wallet).amount(points))
        if amount:
            parts.append(self.money(amount))
        return parts or [_("Free")]
