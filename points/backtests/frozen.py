"""Reading the two frozen sides of a back-test."""

from __future__ import annotations

from typing import Any

from points.amounts import Unit
from points.earning.definition import Definition
from points.earning.engine import Rule, ready
from points.models import BackTest, BackTestUse

BEFORE = BackTestUse.Side.BEFORE.value
AFTER = BackTestUse.Side.AFTER.value


def unit_of(wallet: dict[str, Any]) -> Unit:
    """Return the unit of a frozen wallet; old tests did not know that it can be money."""
    return Unit(wallet["unit"], wallet.get("currency", ""), wallet.get("decimals", 0))


def definitions_of(test: BackTest, side: str) -> list[Definition]:
    """Return the frozen rules of one side."""
    return [
        Definition.from_json(one["rule_id"], one["code"], one["version"], one["definition"])
        for one in test.definitions[side]
    ]


def rules_of(test: BackTest, side: str) -> list[Rule]:
    """Return the rules of one side in the order in which they are asked."""
    return ready(definitions_of(test, side))
