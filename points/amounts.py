"""How an amount of a wallet is written: counted with its unit, or as money."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from core.models import Programme
from core.money import SYMBOLS, format_money, group_digits, plain_number
from points.models import Wallet

MINUS = "−"


def closed_up(sentence: str) -> str:
    """Close the gap that money, which carries its own sign, leaves where a unit stands."""
    return re.sub(r" ([:;,.])", r"\1", " ".join(sentence.split()))


@dataclass(frozen=True, slots=True)
class Unit:
    """What a wallet counts: a name such as “điểm”, or a currency and its decimals.

    Amounts are whole numbers; those of money count its smallest unit.
    """

    name: str
    currency: str = ""
    decimals: int = 0

    @classmethod
    def of(cls, wallet: Wallet, programme: Programme) -> Unit:
        """Return the unit of a wallet in a programme."""
        if wallet.holds_money:
            return cls("", programme.currency, programme.decimals)
        return cls(wallet.unit_name)

    @property
    def label(self) -> str:
        """What is counted: điểm, or the sign of the currency."""
        return self.name or SYMBOLS.get(self.currency, self.currency)

    def number(self, amount: int) -> str:
        """Write 1.250, or 1.250 ₫ where the sign of the currency is the unit."""
        sign = MINUS if amount < 0 else ""
        if not self.currency:
            return f"{sign}{group_digits(abs(amount))}"
        money = Decimal(abs(amount)).scaleb(-self.decimals)
        return f"{sign}{format_money(money, self.currency)}"

    def bare(self, amount: int) -> str:
        """Write the number alone, for a table that says its unit above: 12,50."""
        return self.number(amount).removesuffix(f" {self.label}")

    def amount(self, amount: int) -> str:
        """Write the number and the unit: 1.250 điểm."""
        return f"{self.number(amount)} {self.name}".rstrip()

    def exact(self, amount: Decimal) -> str:
        """Write an amount before it is rounded: 61.728,35 ₫."""
        if not self.currency:
            return plain_number(amount)
        money = plain_number(amount.scaleb(-self.decimals))
        return f"{money} {self.label}"

    def change(self, amount: int) -> str:
        """Write +1.250 điểm, or −80 ₫."""
        return f"{self.signed(amount)} {self.name}".rstrip()

    def signed(self, amount: int) -> str:
        """Write +1.250 or −80."""
        return f"+{self.number(amount)}" if amount > 0 else self.number(amount)
