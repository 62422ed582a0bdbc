"""One small scene for every verb of rewards and vouchers, and a picture of what became.

A scene is two members with points, a reward of which one is left, a redemption that was
done and one that waits for its money, and vouchers: one to be used, one that a till
holds, one that was used. A picture names no ids, so pictures of different scenes can be
compared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Q

from activities.services import OrderFact, RefundFact
from core.errors import DomainError
from core.retry import retry_on_conflict
from flows.merge import merge_members
from flows.record import record, record_refunds
from members.models import Member
from points.models import Account, Transfer, Wallet
from rewards.issuing import cancel_vouchers
from rewards.models import (
    Benefit,
    GivenBenefit,
    Redemption,
    Reward,
    Tally,
    Voucher,
    VoucherType,
    VoucherUse,
)
from rewards.services import (
    cancel_redemption,
    confirm_payment,
    hold_vouchers,
    lapse_unpaid,
    redeem_reward,
    release_stale_holds,
    release_vouchers,
    roll_back_vouchers,
    use_held_vouchers,
    use_vouchers,
)
from rewards.using.checkout import Checkout
from tests import factories
from tests.battery.bank_verbs import NOW
from tests.battery.scenes import REFUSED, Picture, _sorted
from tests.points.helpers import give
from tests.rewards.helpers import limit as limit_reward
from tests.rewards.helpers import make_benefit, make_reward
from tests.rewards.using import limit, make_type, make_voucher

SOURCE = "till"
BASKET = Checkout(total=Decimal(100_000))
LATER = NOW + timedelta(hours=1)
DAYS_LATER = NOW + timedelta(days=3)
MERGES = frozenset({"merge", "merge the other way"})


@dataclass
class Scene:
    """Mai has 80 points, Binh 100; each has paid 20 or 0 for what they have."""

    tag: str
    mai: Member
    binh: Member
    rewards: dict[str, Reward]
    types: dict[str, VoucherType]
    done: Redemption
    unpaid: Redemption
    codes: dict[str, str] = field(default_factory=dict)


def prepare() -> None:
    """Put the programme of all scenes into an empty database."""
    factories.make_programme()
    factories.make_wallet()


def make_scene(tag: str, wallet: Wallet, *, at_till: bool = True) -> Scene:
    mai, binh = (factories.make_member(code=f"{who}{tag}") for who in ("M", "B"))
    with transaction.atomic():
        for member in (mai, binh):
            give(member, 100, f"{tag}:{member.pk}", NOW)
        types = {
            "given": make_type(f"given-{tag}"),
            "own": make_type(f"own-{tag}", uses_per_code=None, owner_only=False),
        }
        limit(types["own"], 4, per="everyone")
        limit(types["own"], 3)
        benefit = make_benefit(code=f"benefit-{tag}", voucher_type=types["given"], budget=3)
        rewards = {
            "last": make_reward(benefit, code=f"last-{tag}", price_points=30, stock=2),
            "money": make_reward(
                benefit,
                code=f"money-{tag}",
                price_points=10,
                price_amount=Decimal(5_000),
                stock=5,
            ),
        }
        limit_reward(rewards["last"], 2)
        done = _redeem(mai, rewards["last"], f"{tag}:done")
        unpaid = _redeem(mai, rewards["money"], f"{tag}:unpaid")
        scene = Scene(tag, mai, binh, rewards, types, done, unpaid)
        for name in ("free", "held", "used"):
            code = f"{name}{tag}".upper()
            uses = {"voucher_type": types["own"], "member": mai, "max_uses": 1}
            scene.codes[name] = make_voucher(code, **uses).code
        scene.codes["given"] = Voucher.objects.get(given=done.given).code
        _hold(scene, "held", f"{tag}:held")
        _use(scene, "used", f"{tag}:used")
    return scene


def picture_of(scene: Scene) -> Picture:
    """Tell everything that is known about both members, their things and what counts."""
    names = {scene.mai.pk: "mai", scene.binh.pk: "binh", None: ""}
    accounts = Account.objects.filter(member__in=(scene.mai, scene.binh))
    moved = Transfer.objects.filter(
        Q(from_account__in=accounts) | Q(to_account__in=accounts)
    )
    types = {pk: name for name, one in scene.types.items() for pk in [one.pk]}
    rewards = {one.pk: name for name, one in scene.rewards.items()}
    vouchers = Voucher.objects.filter(voucher_type__in=types)
    redemptions = Redemption.objects.filter(reward__in=rewards)
    given = GivenBenefit.objects.filter(redemption__reward__in=rewards)
    uses = VoucherUse.objects.filter(voucher__in=vouchers)
    subjects = {f"voucher_type:{pk}": name for pk, name in types.items()}
    subjects |= {f"reward:{pk}": name for pk, name in rewards.items()}
    tallies = Tally.objects.filter(subject__in=subjects)
    codes = {code: name for name, code in scene.codes.items()}
    tag = f"{scene.tag}:"
    return {
        "balances": [
            (names[a.member_id], a.balance) for a in accounts.order_by("member_id")
        ],
        "moved": _sorted(moved.values_list("kind", "amount")),
        "stock": _sorted(
            Reward.objects.filter(pk__in=rewards).values_list("price_points", "taken")
        ),
        "budgets": _sorted(
            Benefit.objects.filter(rewards__in=rewards).distinct().values_list("taken")
        ),
        "redemptions": _sorted(
            (names[r.member_id], rewards[r.reward_id], r.state, r.took_stock)
            for r in redemptions
        ),
        "given": _sorted((names[g.member_id], bool(g.taken_back_at)) for g in given),
        "vouchers": _sorted(
            (codes.get(v.code, "fresh"), v.state, v.uses) for v in vouchers
        ),
        "types": _sorted(VoucherType.objects.filter(pk__in=types).values_list("is_active")),
        "uses": _sorted(
            (
                codes.get(u.voucher.code, "fresh"),
                u.reference.removeprefix(tag),
                u.state,
                u.position,
                names[u.member_id],
                u.order_id is not None,
            )
            for u in uses.select_related("voucher")
        ),
        "tallies": _sorted(
            (subjects[t.subject], names[t.member_id], t.times) for t in tallies if t.times
        ),
    }


def ask(verb: str, scene: Scene) -> Any:
    """Ask for a verb; a refusal is an answer, too."""
    try:
        return VERBS[verb](scene)
    except DomainError:
        return REFUSED


def _redeem(member: Member, reward: Reward, key: str) -> Redemption:
    return redeem_reward(member=member, reward=reward, key=key, at=NOW)


def _hold(scene: Scene, name: str, reference: str, member: Member | None = None) -> str:
    return hold_vouchers(
        source=SOURCE,
        reference=reference,
        codes=[scene.codes[name]],
        checkout=BASKET,
        member=member or scene.mai,
        at=NOW,
    )[0].state


def _use(scene: Scene, name: str, reference: str, member: Member | None = None) -> str:
    return use_vouchers(
        source=SOURCE,
        reference=reference,
        codes=[scene.codes[name]],
        checkout=BASKET,
        member=member or scene.mai,
        at=NOW,
    )[0].state


def _group(scene: Scene, name: str) -> dict[str, Any]:
    return {"source": SOURCE, "reference": f"{scene.tag}:{name}"}


def _order(scene: Scene, reference: str, name: str, status: str = "completed") -> Any:
    fact = OrderFact(
        *(SOURCE, f"{scene.tag}:{reference}", scene.mai.pk, NOW, Decimal(80_000)),
        status=status,
        vouchers=(scene.codes[name],),
    )
    recorded = record([fact], at=NOW)[0]
    return [bool(settled.use) for settled in recorded.vouchers]


def _refund(scene: Scene, reference: str) -> int:
    number = f"{scene.tag}:{reference}"
    fact = RefundFact(
        *(SOURCE, f"{number}:back", scene.mai.pk, NOW, Decimal(80_000), number)
    )
    return len(record_refunds([fact], at=NOW))


@retry_on_conflict
@transaction.atomic
def _disable(scene: Scene, name: str) -> int:
    return cancel_vouchers(Voucher.objects.filter(code=scene.codes[name]), at=NOW)


def _switch_off(scene: Scene) -> int:
    return VoucherType.objects.filter(pk=scene.types["own"].pk).update(is_active=False)


def _merge(kept: Member, merged: Member) -> bool:
    why: dict[str, Any] = {"note": "One person", "by": "staff", "at": NOW}
    return merge_members(kept=kept, merged=merged, **why).stands


VERBS: dict[str, Callable[[Scene], Any]] = {
    "redeem": lambda s: _redeem(s.mai, s.rewards["last"], f"{s.tag}:more").state,
    "redeem by binh": lambda s: _redeem(s.binh, s.rewards["last"], f"{s.tag}:b").state,
    "cancel": lambda s: cancel_redemption(redemption=s.done, at=NOW, actor="staff").state,
    "cancel unpaid": lambda s: (
        cancel_redemption(redemption=s.unpaid, at=NOW, actor="staff").state
    ),
    "pay": lambda s: confirm_payment(redemption=s.unpaid, at=NOW, paid_to="Till").state,
    "lapse unpaid": lambda s: lapse_unpaid(at=DAYS_LATER) >= 0,
    "use given": lambda s: _use(s, "given", f"{s.tag}:given"),
    "use": lambda s: _use(s, "free", f"{s.tag}:1"),
    "use elsewhere": lambda s: _use(s, "free", f"{s.tag}:2"),
    "use by binh": lambda s: _use(s, "free", f"{s.tag}:3", s.binh),
    "hold": lambda s: _hold(s, "free", f"{s.tag}:1"),
    "hold another": lambda s: _hold(s, "given", f"{s.tag}:1"),
    "use held": lambda s: use_held_vouchers(**_group(s, "held"), at=NOW)[0].state,
    "release": lambda s: release_vouchers(**_group(s, "held"), at=NOW)[0].state,
    "time out": lambda s: release_stale_holds(at=LATER) >= 0,
    "roll back": lambda s: roll_back_vouchers(**_group(s, "used"), at=NOW)[0].state,
    "use the used": lambda s: _use(s, "used", f"{s.tag}:4"),
    "disable": lambda s: _disable(s, "free"),
    "disable held": lambda s: _disable(s, "held"),
    "switch off": _switch_off,
    "order": lambda s: _order(s, "held", "held"),
    "order of the free": lambda s: _order(s, "1", "free"),
    "order of the used": lambda s: _order(s, "used", "used"),
    "order and refund": lambda s: (_order(s, "held", "held"), _refund(s, "held")),
    "merge": lambda s: _merge(s.binh, s.mai),
    "merge the other way": lambda s: _merge(s.mai, s.binh),
}
