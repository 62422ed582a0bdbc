"""The ladder that a new programme begins with, as a draft. Names are data, for members."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

from django.db import transaction

from core.models import Programme
from tiers.models import Ladder, Perk, Tier

MAIN = "main"
# What a tier asks for in dong; elsewhere the same purchases, roughly, in whole units.
DONG_PER_UNIT = 25_000

Kind = Perk.Kind


class Preset(NamedTuple):
    """One tier: spend in dong within twelve months, and perks."""

    code: str
    name: str
    color: str
    spend: int | None
    perks: tuple[dict[str, Any], ...] = ()


TIERS = (
    Preset("member", "Thành viên", "#64748b", None),
    Preset(
        "silver",
        "Bạc",
        "#7c8aa0",
        2_000_000,
        ({"kind": Kind.DISCOUNT, "name": "Giảm 3%", "percent": Decimal(3)},),
    ),
    Preset(
        "gold",
        "Vàng",
        "#b7791f",
        5_000_000,
        (
            {"kind": Kind.DISCOUNT, "name": "Giảm 5%", "percent": Decimal(5)},
            {
                "kind": Kind.FREE_DELIVERY,
                "name": "Miễn phí giao hàng",
                "amount": Decimal(150_000),
            },
        ),
    ),
    Preset(
        "diamond",
        "Kim cương",
        "#0e7490",
        15_000_000,
        (
            {"kind": Kind.DISCOUNT, "name": "Giảm 10%", "percent": Decimal(10)},
            {
                "kind": Kind.FREE_DELIVERY,
                "name": "Miễn phí giao hàng",
                "amount": Decimal(0),
                "sentence": "Miễn phí giao hàng cho mọi đơn",
            },
            {
                "kind": Kind.EVENT,
                "name": "Sự kiện riêng",
                "sentence": "Thư mời các buổi thử cà phê dành riêng cho hạng Kim cương",
            },
        ),
    ),
)


@transaction.atomic
def create_ladder(*, name: str, currency: str) -> tuple[Ladder, bool]:
    """Make the ladder where the programme has none; tell whether it is new."""
    if ladder := Ladder.objects.order_by("pk").first():
        return ladder, False
    ladder = Ladder.objects.create(code=MAIN, name=name)
    for preset in TIERS:
        tier = Tier.objects.create(
            ladder=ladder,
            code=preset.code,
            name=preset.name,
            color=preset.color,
            spend=None if preset.spend is None else _local(preset.spend, currency),
        )
        for perk in preset.perks:
            amount = perk.get("amount")
            told = {**perk, "amount": None if amount is None else _local(amount, currency)}
            Perk.objects.create(tier=tier, **told)
    return ladder, True


def _local(dong: int | Decimal, currency: str) -> Decimal:
    if currency == Programme.Currency.VND:
        return Decimal(dong)
    return Decimal(dong) / DONG_PER_UNIT
