"""Rewards, benefits and vouchers for tests, made in one line each."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from points.services import default_wallet
from rewards.models import Benefit, Redemption, Reward, RewardLimit, VoucherType


def make_voucher_type(code: str = "off20", **fields: Any) -> VoucherType:
    return VoucherType.objects.create(
        **{"code": code, "name": "20% off drinks", "terms": {}} | fields
    )


def make_benefit(kind: str = Benefit.Kind.VOUCHER.value, **fields: Any) -> Benefit:
    """Make a benefit of a kind, complete in the plainest way."""
    told: dict[str, Any] = {"code": f"benefit-{kind}", "name": f"A {kind}", "kind": kind}
    if kind == Benefit.Kind.VOUCHER and "voucher_type" not in fields:
        told["voucher_type"] = make_voucher_type()
    if kind == Benefit.Kind.POINTS:
        told |= {"amount": 50}
        if "wallet" not in fields:
            told["wallet"] = default_wallet()
    if kind == Benefit.Kind.DONATION:
        told["value"] = Decimal(20000)
    return Benefit.objects.create(**told | fields)


def make_reward(benefit: Benefit | None = None, **fields: Any) -> Reward:
    benefit = benefit or make_benefit()
    told = {"code": "coffee", "name": "Free coffee", "price_points": 100}
    return Reward.objects.create(**told | {"benefit": benefit} | fields)


def limit(reward: Reward, times: int, **fields: Any) -> RewardLimit:
    return RewardLimit.objects.create(reward=reward, times=times, **fields)


def reread(redemption: Redemption) -> Redemption:
    return Redemption.objects.get(pk=redemption.pk)
