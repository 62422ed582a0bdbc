"""The demo's catalogue: what points buy at Cà phê Mộc, and what its tiers give.

Names are data in the members' language. Everything is made only where it is missing.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from activities.models import Product, Store
from activities.services import OrderLineFact
from core.clock import local_date, programme_zone
from core.pictures import save_picture
from flows.demo.pictures import draw_picture
from flows.demo.words import CAKE, CAKES, COFFEE, DRINKS, FOR_HOME, TEA
from members.models import Identifier
from points.models import Account
from points.services import default_wallet
from rewards.fulfilment import advance
from rewards.models import (
    Benefit,
    Fulfilment,
    Redemption,
    Reward,
    RewardCategory,
    RewardLimit,
    Slot,
    Voucher,
    VoucherType,
)
from rewards.services import redeem_reward, use_vouchers
from rewards.using.checkout import Checkout
from tiers.models import Tier, TierGift, TierReward

Kind = Benefit.Kind
State = Fulfilment.State

CATEGORIES = (
    ("do-uong", "Đồ uống"),
    ("banh", "Bánh"),
    ("giam-gia", "Giảm giá"),
    ("qua-tang", "Quà tặng"),
    ("trai-nghiem", "Trải nghiệm & sẻ chia"),
)

VOUCHER_TYPES: dict[str, dict[str, Any]] = {
    "ca-phe-sua-da": {
        "name": "Cà phê sữa đá miễn phí",
        "terms": {"kind": "free_product", "products": {"skus": ["CF01"]}},
    },
    "banh-mi-que": {
        "name": "Bánh mì que miễn phí",
        "terms": {"kind": "free_product", "products": {"skus": ["BA01"]}},
    },
    "tra-dao": {
        "name": "Trà đào cam sả miễn phí",
        "terms": {"kind": "free_product", "products": {"skus": ["TR01"]}},
    },
    "giam-50": {
        "name": "Giảm 50.000 ₫ cho đơn từ 150.000 ₫",
        "terms": {"kind": "amount", "amount": "50000", "minimum_value": "150000"},
    },
    "giao-hang": {
        "name": "Miễn phí giao hàng cho đơn từ 200.000 ₫",
        "terms": {
            "kind": "free_delivery",
            "at_most": "30000",
            "minimum_value": "200000",
        },
    },
    "giam-20": {
        "name": "Giảm 20% cà phê và trà",
        "terms": {
            "kind": "percent",
            "percent": "20",
            "scope": "lines",
            "products": {"categories": [COFFEE, TEA]},
            "at_most": "40000",
        },
    },
    "mua-2-tang-1": {
        "name": "Mua 2 bánh tặng 1",
        "terms": {
            "kind": "buy_get",
            "buy": 2,
            "get": 1,
            "products": {"categories": [CAKE]},
        },
    },
}

BENEFITS: dict[str, dict[str, Any]] = {
    **{
        code: {"name": told["name"], "kind": Kind.VOUCHER, "voucher_type": code}
        for code, told in VOUCHER_TYPES.items()
    },
    "binh-giu-nhiet": {
        "name": "Bình giữ nhiệt Mộc",
        "kind": Kind.GIFT,
        "value": Decimal(165_000),
        "delivery_fee": Decimal(25_000),
    },
    "tui-tote": {"name": "Túi tote Mộc", "kind": Kind.GIFT, "value": Decimal(60_000)},
    "lop-pha-che": {
        "name": "Lớp pha chế cuối tuần",
        "kind": Kind.EXPERIENCE,
        "value": Decimal(120_000),
    },
    "trong-cay": {
        "name": "Góp 20.000 ₫ trồng cây ở Cầu Đất",
        "kind": Kind.DONATION,
        "cause": "Quỹ Rừng Cầu Đất",
        "value": Decimal(20_000),
    },
}


class Item(NamedTuple):
    """One reward: its benefit's code is its own."""

    code: str
    name: str
    category: str
    price: int
    picture: str
    fields: dict[str, Any] = {}
    limit: tuple[int, str] | None = None


REWARDS = (
    Item(
        "ca-phe-sua-da",
        "1 ly cà phê sữa đá",
        "do-uong",
        40,
        "iced",
        {
            "is_featured": True,
            "description": "Đổi lấy một ly cà phê sữa đá cỡ vừa tại mọi cửa hàng Mộc.",
        },
    ),
    Item("banh-mi-que", "1 bánh mì que", "banh", 25, "cake"),
    Item("tra-dao", "1 ly trà đào cam sả", "do-uong", 60, "cup"),
    Item("giam-50", "Giảm 50.000 ₫", "giam-gia", 80, "ticket"),
    Item("giao-hang", "Miễn phí giao hàng", "giam-gia", 30, "ticket", {}, (2, "month")),
    Item("mua-2-tang-1", "Mua 2 bánh tặng 1", "banh", 15, "cake", {}, (1, "week")),
    Item(
        "binh-giu-nhiet",
        "Bình giữ nhiệt Mộc",
        "qua-tang",
        350,
        "bottle",
        {
            "stock": 60,
            "low_stock": 10,
            "description": "Bình thép 480 ml, giữ nóng 8 giờ. Giao tận nơi hoặc nhận tại "
            "cửa hàng.",
        },
        (1, "all"),
    ),
    Item(
        "tui-tote",
        "Túi tote Mộc",
        "qua-tang",
        120,
        "bag",
        {"stock": 100, "low_stock": 15, "price_amount": Decimal(50_000)},
    ),
    Item(
        "lop-pha-che",
        "Lớp pha chế cuối tuần",
        "trai-nghiem",
        150,
        "beans",
        {"description": "Hai giờ cùng thợ pha chế của Mộc: rang, xay và pha phin."},
    ),
    Item("trong-cay", "Trồng một cây xanh", "trai-nghiem", 50, "gift"),
)


def make_catalogue(*, at: datetime) -> dict[str, Reward]:
    """Make the demo's products and rewards; return the rewards by code."""
    for sold in (*DRINKS, *CAKES, *FOR_HOME):
        Product.objects.get_or_create(
            sku=sold.sku, defaults={"name": sold.product, "category": sold.category}
        )
    categories = {
        code: RewardCategory.objects.get_or_create(
            code=code, defaults={"name": name, "position": place}
        )[0]
        for place, (code, name) in enumerate(CATEGORIES, 1)
    }
    benefits = _make_benefits()
    rewards = {}
    for place, item in enumerate(REWARDS, 1):
        picture = save_picture(content=draw_picture(item.picture), at=at)
        rewards[item.code], _new = Reward.objects.get_or_create(
            code=item.code,
            defaults={
                "name": item.name,
                "category": categories[item.category],
                "benefit": benefits[item.code],
                "price_points": item.price,
                "position": place,
                "picture": picture,
                "fine_print": "Không quy đổi thành tiền mặt.",
                **item.fields,
            },
        )
        if item.limit:
            times, period = item.limit
            RewardLimit.objects.get_or_create(
                reward=rewards[item.code], period=period, defaults={"times": times}
            )
    _make_slots(benefits["lop-pha-che"], at=at)
    _let_tiers_give(benefits, rewards)
    return rewards


def _make_benefits() -> dict[str, Benefit]:
    types = {
        code: VoucherType.objects.get_or_create(
            code=code, defaults={"valid_days": 30, "prefix": "MOC", **told}
        )[0]
        for code, told in VOUCHER_TYPES.items()
    }
    made = {}
    for code, told in BENEFITS.items():
        fields = dict(told)
        if "voucher_type" in fields:
            fields["voucher_type"] = types[fields["voucher_type"]]
        made[code], _new = Benefit.objects.get_or_create(code=code, defaults=fields)
    return made


def _make_slots(benefit: Benefit, *, at: datetime) -> None:
    """Hold the class on the next two Saturdays and Sundays, morning and afternoon."""
    store = Store.objects.get(code="nguyen-hue")
    today, zone = local_date(at), programme_zone()
    days = [today + timedelta(days=n) for n in range(1, 15)]
    for day in (day for day in days if day.weekday() >= 5):
        for hour in (9, 15):
            starts = datetime.combine(day, time(hour), tzinfo=zone)
            Slot.objects.get_or_create(
                benefit=benefit,
                store=store,
                starts_at=starts,
                defaults={
                    "ends_at": starts + timedelta(hours=2),
                    "capacity": 8,
                    "host": "Anh Khoa",
                },
            )


def _let_tiers_give(benefits: dict[str, Benefit], rewards: dict[str, Reward]) -> None:
    """Give the upper half of the ladder gifts, and the highest tier a better price."""
    tiers = list(Tier.objects.filter(is_active=True).order_by("rank"))
    for tier in tiers[1:]:
        TierGift.objects.get_or_create(
            tier=tier, occasion=TierGift.Occasion.REACHED, benefit=benefits["giam-20"]
        )
        TierGift.objects.get_or_create(
            tier=tier,
            occasion=TierGift.Occasion.BIRTHDAY,
            benefit=benefits["ca-phe-sua-da"],
        )
    TierReward.objects.get_or_create(
        tier=tiers[-1], reward=rewards["binh-giu-nhiet"], defaults={"price_points": 300}
    )
    TierReward.objects.get_or_create(
        tier=tiers[1], reward=rewards["lop-pha-che"], defaults={"is_required": True}
    )


# --- what members made of it --------------------------------------------------------------

# Addresses of parcels; whoever waits longest is furthest.
PARCELS = (
    ("12 Lê Lợi, Quận 1", "TP. Hồ Chí Minh", ()),
    ("45 Nguyễn Trãi, Quận 5", "TP. Hồ Chí Minh", (State.PACKED,)),
    ("8 Hàng Bài, Hoàn Kiếm", "Hà Nội", (State.PACKED, State.SHIPPED)),
    ("77 Trần Phú, Hải Châu", "Đà Nẵng", (State.PACKED, State.SHIPPED, State.DONE)),
)
# What lay in the basket when a voucher was used.
BASKET = tuple(
    OrderLineFact(
        sku=item.sku,
        product=item.product,
        category=item.category,
        unit_price=item.price,
        total=item.price * 2,
        quantity=Decimal(2),
    )
    for item in (*DRINKS, *CAKES)
    if item.sku in ("CF01", "TR01", "BA01")
)
BASKET_TOTAL = sum((line.total for line in BASKET), Decimal(0))


def use_at_once(redemption: Redemption, *, at: datetime) -> None:
    """Use the voucher that a redemption gave, as people do who take it at the counter."""
    voucher = Voucher.objects.get(given=redemption.given)
    use_vouchers(
        source="demo",
        reference=redemption.code,
        codes=[voucher.code],
        checkout=Checkout(total=BASKET_TOTAL, lines=BASKET),
        member=redemption.member,
        at=at,
    )


def order_gifts(rewards: dict[str, Reward], *, at: datetime) -> None:
    """Let those with the most points order the dearest gift; some are on their way."""
    for days, (address, province, steps) in enumerate(PARCELS, 1):
        ordered_at = at - timedelta(days=days)
        place = {"method": "delivery", "address": address, "province": province}
        redemption = _order_gift(
            rewards["binh-giu-nhiet"], f"demo-gift:{days}", place, at=ordered_at
        )
        if redemption is None:
            return
        gift = Fulfilment.objects.get(given=redemption.given)
        for hours, step in enumerate(steps, 1):
            advance(
                [gift],
                to=step,
                by=None,
                at=ordered_at + timedelta(hours=5 * hours),
                carrier="Giao Hàng Nhanh" if step == State.SHIPPED else "",
            )


def _order_gift(
    reward: Reward, key: str, place: dict[str, str], *, at: datetime
) -> Redemption | None:
    """Order a gift for the richest who has none; None when nobody can pay for it."""
    if earlier := Redemption.objects.filter(key=key).first():
        return earlier
    accounts = Account.objects.filter(
        wallet=default_wallet(), member__isnull=False, balance__gte=reward.price_points
    ).exclude(member__redemptions__reward=reward)
    account = accounts.select_related("member").order_by("-balance", "pk").first()
    if account is None or account.member is None:
        return None
    member = account.member
    phone = member.identifiers.get(kind=Identifier.Kind.PHONE).value
    return redeem_reward(
        member=member,
        reward=reward,
        key=key,
        at=at,
        wishes={**place, "recipient": member.name, "phone": phone},
    )
