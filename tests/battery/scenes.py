"""One small scene for every verb of the ledger, and a picture of what became of it.

A scene is two members with everything that a verb may need: lots that end and lots that do
not, a redemption, held points, points that wait for a delivery, a reservation. A picture
names no ids, so pictures of different scenes can be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Case, Value, When

from activities.services import OrderFact, RefundFact
from core.errors import DomainError
from core.retry import retry_on_conflict
from flows.merge import merge_members, unmerge_members
from flows.record import record, record_refunds
from members.models import Member
from points.models import Account, Hold, Lot, Reservation, TakenBack, Transfer, Wallet
from points.services import (
    Grant,
    TakeBack,
    adjust_points,
    capture_points,
    deliver_orders,
    expire_points,
    gift_points,
    grant_points,
    mature_points,
    release_points,
    release_stale,
    reserve_points,
    reverse_transfer,
    spend_points,
    take_back,
)
from tests import factories
from tests.battery.bank_verbs import NOW
from tests.points.helpers import give, hold

TOMORROW = NOW + timedelta(days=1)
REFUSED = "refused"

Picture = dict[str, list[Any]]


@dataclass
class Scene:
    """Mai has 100 points, of which 40 end today; Binh has 100."""

    tag: str
    mai: Member
    binh: Member
    wallet: Wallet
    earned: Transfer
    spent: Transfer
    held: Transfer
    reservation: Reservation
    order: int


def prepare() -> None:
    """Put the programme of all scenes into an empty database."""
    factories.make_programme()
    wallet = factories.make_wallet(
        transfers_allowed=True, transfer_fee_percent=10, transfer_daily_limit=150
    )
    factories.make_earn_rule(wallet=wallet)


def make_scene(tag: str, wallet: Wallet, *, at_till: bool = True) -> Scene:
    mai, binh = (factories.make_member(code=f"{who}{tag}") for who in ("M", "B"))
    # No order has this number; what waits for its delivery is found by it.
    order = 10**9 + mai.pk
    with transaction.atomic():
        earned = give(mai, 40, f"{tag}:short", NOW, NOW.date())
        give(mai, 85, f"{tag}:long", NOW)
        give(binh, 100, f"{tag}:binh", NOW)
        spent = spend_points(member=mai, amount=10, key=f"{tag}:spent", at=NOW)
        terms: dict[str, Any] = {"wallet": wallet}
        held = hold(mai, 20, f"{tag}:held", NOW, matures_on=NOW.date(), **terms)
        terms |= {"days_after_delivery": 0, "order_id": order}
        hold(mai, 25, f"{tag}:sent", NOW, **terms)
        reservation = reserve_points(
            member=mai, amount=15, source="till", reference=tag, at=NOW
        )
    if not at_till:
        reservation = release_points(reservation=reservation, at=NOW)
    return Scene(tag, mai, binh, wallet, earned, spent, held, reservation, order)


def picture_of(scene: Scene) -> Picture:
    """Tell everything that the ledger knows about both members."""
    names = {scene.mai.pk: "mai", scene.binh.pk: "binh"}
    accounts = list(Account.objects.filter(member__in=names).order_by("member_id"))
    ours = [account.pk for account in accounts]
    lots = Lot.objects.filter(account__in=ours)
    holds = Hold.objects.filter(account__in=ours)
    reserved = Reservation.objects.filter(transfer__from_account__in=ours)
    moved = Transfer.objects.filter(from_account__in=ours) | Transfer.objects.filter(
        to_account__in=ours
    )
    owners = (
        _name("from_account__member_id", names),
        _name("to_account__member_id", names),
    )
    owner = _name("account__member_id", names)
    undone = TakenBack.objects.filter(transfer__in=moved)
    return {
        "balances": [(names[a.member_id or 0], a.balance, a.version) for a in accounts],
        "lots": _sorted(lots.values_list(owner, "expires_on", "amount", "remaining")),
        "holds": _sorted(holds.values_list("amount", "remaining", "matures_on")),
        "reserved": _sorted(reserved.values_list("amount", "captured", "state")),
        "moved": _sorted(moved.values_list("kind", "amount", *owners)),
        "undone": _sorted(undone.values_list("transfer__kind", "moved", "amount")),
    }


def _name(path: str, names: dict[int, str]) -> Case:
    """Name a member instead of giving a number."""
    whens = [When(**{path: pk}, then=Value(name)) for pk, name in names.items()]
    return Case(*whens, default=Value("programme"))


def _sorted(rows: Iterable[Sequence[Any]]) -> list[Any]:
    """Return rows in one order, days as text."""
    plain = ([str(v) if isinstance(v, date) else v for v in row] for row in rows)
    return sorted(plain, key=str)


def ask(verb: str, scene: Scene) -> Any:
    """Ask for a verb; a refusal is an answer, too."""
    try:
        return VERBS[verb](scene)
    except DomainError:
        return REFUSED


def _gift(scene: Scene, giver: Member, receiver: Member, amount: int, name: str) -> int:
    key, wallet = f"{scene.tag}:{name}", scene.wallet
    facts: dict[str, Any] = {"amount": amount, "key": key, "at": NOW, "wallet": wallet}
    gift = gift_points(giver=giver, receiver=receiver, **facts)
    return gift.amount


def _capture(scene: Scene, amount: int | None) -> str:
    return capture_points(reservation=scene.reservation, amount=amount, at=NOW).state


def _part(scene: Scene, transfer: Transfer, amount: int, name: str, **how: bool) -> int:
    part = TakeBack(transfer.pk, amount, f"{scene.tag}:{name}", **how)
    return take_back([part], at=NOW)[0].amount


def _spend(scene: Scene, amount: int, name: str) -> int:
    key = f"{scene.tag}:{name}"
    return spend_points(member=scene.mai, amount=amount, key=key, at=NOW).amount


def _hold(scene: Scene) -> int:
    keep = retry_on_conflict(transaction.atomic(hold))
    terms = {"matures_on": TOMORROW.date(), "wallet": scene.wallet}
    return keep(scene.mai, 8, f"{scene.tag}:more", NOW, **terms).amount


def _buy(scene: Scene) -> int:
    fact = OrderFact("till", scene.tag, scene.mai.pk, NOW, Decimal(120_000))
    return record([fact], at=NOW)[0].points


def _refund(scene: Scene) -> int:
    _buy(scene)
    half = Decimal(60_000)
    fact = RefundFact("till", f"{scene.tag}:back", scene.mai.pk, NOW, half, scene.tag)
    return len(record_refunds([fact], at=NOW))


def _adjust(scene: Scene) -> int:
    key, why = f"{scene.tag}:adjust", {"note": "Mistake", "actor": "staff"}
    return adjust_points(member=scene.mai, amount=-7, key=key, at=NOW, **why).amount


def _reserve(scene: Scene) -> int:
    reference = f"{scene.tag}:more"
    return reserve_points(
        member=scene.mai, amount=95, source="till", reference=reference, at=NOW
    ).amount


def _merge(kept: Member, merged: Member) -> bool:
    why: dict[str, Any] = {"note": "One person", "by": "staff", "at": NOW}
    return merge_members(kept=kept, merged=merged, **why).stands


# While a till holds points, nobody is merged.
MERGES = frozenset({"merge", "merge the other way", "merge and part"})


def _merge_and_part(scene: Scene) -> bool:
    why: dict[str, Any] = {"note": "One person", "by": "staff", "at": NOW}
    with transaction.atomic():
        merge = merge_members(kept=scene.binh, merged=scene.mai, **why)
        return not unmerge_members(merge=merge, **why).stands


# Each can be asked again in the same words, which must change nothing.
VERBS: dict[str, Callable[[Scene], Any]] = {
    "grant": lambda s: bool(grant_points(grants=[Grant(s.mai.pk, 5, s.tag)], at=NOW)) or 1,
    "spend": lambda s: _spend(s, 95, "spend"),
    "spend again": lambda s: _spend(s, 90, "again"),
    "adjust": _adjust,
    "gift": lambda s: _gift(s, s.mai, s.binh, 85, "gift"),
    "gift back": lambda s: _gift(s, s.binh, s.mai, 85, "return"),
    "reserve": _reserve,
    "capture": lambda s: _capture(s, None),
    "capture part": lambda s: _capture(s, 6),
    "release": lambda s: release_points(reservation=s.reservation, at=NOW).state,
    "hold": _hold,
    "refund spent": lambda s: (
        reverse_transfer(transfer=s.spent, key=f"{s.tag}:refund", at=NOW).amount
    ),
    "refund part": lambda s: _part(s, s.spent, 6, "part"),
    "refund other part": lambda s: _part(s, s.spent, 7, "other"),
    "refund earned": lambda s: _part(s, s.earned, 40, "earned", clamp=True),
    "refund held": lambda s: _part(s, s.held, 20, "unheld"),
    "buy": _buy,
    "buy and refund": _refund,
    # By the clock or by an order's number, for everybody concerned.
    "deliver": lambda s: bool(deliver_orders([s.order], at=NOW)),
    "mature": lambda s: bool(mature_points(at=NOW)),
    "expire": lambda s: bool(expire_points(at=TOMORROW)),
    "merge": lambda s: _merge(s.binh, s.mai),
    "merge the other way": lambda s: _merge(s.mai, s.binh),
    "merge and part": _merge_and_part,
    "time out": lambda s: release_stale(at=NOW + timedelta(hours=1)) >= 0,
}
