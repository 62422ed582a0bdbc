"""Fill an empty database with the demo, through the same verbs as everything else.

What is made depends on the moment and the seed alone. Both are written down first, so a
run that was killed is started again and ends with the same rows.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import F, OuterRef, Subquery
from django.utils.translation import gettext as _

from activities.models import Order, Store
from activities.rfm import score_rfm
from activities.services import OrderFact
from campaigns.models import Campaign, CampaignRun, Step
from campaigns.presets import COME_BACK
from campaigns.services import run_campaigns
from core.batch import chunks
from core.clock import local_date
from core.errors import Conflict
from core.models import JobRun, Programme
from core.progress import Progress
from flows.demo.campaigns import PAST, run_past
from flows.demo.catalogue import make_catalogue, order_gifts, use_at_once
from flows.demo.orders import Purchase, make_purchases, order_facts
from flows.demo.people import KNOWN, Person, make_people
from flows.demo.words import SHOPS, TREATS
from flows.record import record
from flows.setup import ONLINE, setup_programme
from members.models import Consent, Member
from members.services import save_members
from messaging.models import SendingPolicy
from messaging.services import connect_official_account
from points.models import Wallet
from points.queries import points_wallet
from rewards.models import Benefit, Reward
from rewards.services import redeem_reward
from tiers.ladders import publish_ladder
from tiers.models import Ladder
from tiers.presets import MAIN
from tiers.services import review_tiers

JOB, PERIOD = "seed-demo", "once"
SEED = 2026
MEMBERS = 2000
SOURCE = "demo"
# The simulator's public defaults: it has to know the account that we send from.
SIMULATOR_APP_ID = "1000000000000000001"
SIMULATOR_OA_ID = "1000000000000000002"
SIMULATOR_GRANT = "simulator-refresh-token"
SPENDERS = 0.12
# Points for whoever comes back after the reminder.
GIFT = 100


@dataclass(frozen=True, slots=True)
class DemoReport:
    """What the demo holds, and whether this call has made it."""

    is_new: bool
    members: int
    orders: int
    points: int
    redemptions: int


class Treat(NamedTuple):
    """A reward that a member took with a purchase."""

    code: str
    at: datetime
    reward: str
    points: int


def seed_demo(*, at: datetime, members: int = MEMBERS, quiet: bool = False) -> DemoReport:
    """Make the demo, or finish one that was interrupted."""
    run = _start(at=at, members=members)
    at = datetime.fromisoformat(run.result["at"])
    members = run.result["members"]
    if run.state == JobRun.State.DONE:
        return DemoReport(False, **run.result["made"])
    setup_programme(at=at)
    publish_ladder(Ladder.objects.get(code=MAIN), at=at, by=SOURCE)
    zone, today = Programme.current().zone, local_date(at)
    rng = random.Random(SEED)
    people = make_people(rng, count=members, today=today, zone=zone)
    purchases = make_purchases(rng, people, at=at, zone=zone)
    treats = list(_treats(rng, purchases))
    member_ids = _save_people(people, at=at, quiet=quiet)
    num_orders, points = _record_orders(purchases, member_ids, at=at, quiet=quiet)
    rewards = make_catalogue(at=at)
    _redeem(treats, rewards, member_ids, quiet=quiet)
    order_gifts(rewards, at=at)
    review_tiers(at=at)
    score_rfm(at=at)
    connect_to_simulator(name=Programme.current().name)
    _run_campaigns(at=at)
    made = {
        "members": len(people),
        "orders": num_orders,
        "points": points,
        "redemptions": len(treats),
    }
    JobRun.objects.filter(pk=run.pk).update(
        state=JobRun.State.DONE, finished_at=at, result={**run.result, "made": made}
    )
    return DemoReport(True, **made)


@transaction.atomic
def _start(*, at: datetime, members: int) -> JobRun:
    """Write down what is going to be made, or find what was begun."""
    run = JobRun.objects.filter(job=JOB, period=PERIOD).first()
    if run is not None:
        return run
    if Member.objects.exists() or Order.objects.exists():
        raise Conflict(
            _("There are members already. The demo needs a database of its own.")
        )
    if Wallet.objects.exists() and Programme.current().currency != "VND":
        raise Conflict(_("The demo's prices are in dong. Use a programme in VND."))
    return JobRun.objects.create(
        job=JOB,
        period=PERIOD,
        started_at=at,
        leased_until=at,
        result={"at": at.astimezone(UTC).isoformat(), "members": members},
    )


def has_demo() -> bool:
    """Tell whether this database holds the demo, and so no real members."""
    return JobRun.objects.filter(job=JOB, period=PERIOD, state=JobRun.State.DONE).exists()


def _save_people(people: Sequence[Person], *, at: datetime, quiet: bool) -> dict[str, int]:
    ids: dict[str, int] = {}
    with Progress(_("Members"), quiet=quiet) as progress:
        for chunk in chunks(people):
            saved = save_members([p.fact for p in chunk], source=SOURCE, at=at)
            for one in saved:
                assert one.member_id is not None, one.reason
                ids[str(one.fact.code)] = one.member_id
            progress.update(len(ids), len(ids) / len(people))
    # They told us about themselves when they joined, not today.
    Member.objects.filter(updated_at=at).update(updated_at=F("joined_at"))
    joined = Member.objects.filter(pk=OuterRef("member")).values("joined_at")
    Consent.objects.filter(source=SOURCE, changed_at=at).update(changed_at=Subquery(joined))
    return ids


def _record_orders(
    purchases: Sequence[Purchase],
    member_ids: Mapping[str, int],
    *,
    at: datetime,
    quiet: bool,
) -> tuple[int, int]:
    """Record the purchases, with the campaigns of the past among them.

    A campaign meets members as they were: only what they had bought by then is known.
    Returns how many purchases there are, those made up for the campaigns included, and
    the points that they gave.
    """
    store_ids = _make_stores()
    waiting = list(order_facts(purchases, member_ids=member_ids, store_ids=store_ids))
    done = points = 0
    with Progress(_("Orders"), quiet=quiet) as progress:

        def record_all(facts: Sequence[OrderFact]) -> None:
            nonlocal done, points
            for chunk in chunks(facts):
                for one in record(chunk, at=at):
                    assert one.order_id is not None, one.reason
                    points += one.points
                done += len(chunk)
                progress.update(done, min(1.0, done / len(purchases)))

        for past in PAST:
            moment = at - timedelta(days=past.days_ago)
            split = bisect_left(waiting, moment, key=lambda fact: fact.placed_at)
            record_all(waiting[:split])
            more = run_past(past, at=moment, seed=SEED, store_ids=store_ids)
            waiting = sorted(waiting[split:] + more, key=lambda fact: fact.placed_at)
        record_all(waiting)
    return done, points


def _make_stores() -> dict[str, int]:
    for shop in SHOPS:
        Store.objects.get_or_create(
            code=shop.code,
            defaults={
                "name": shop.name,
                "address": shop.address,
                "province": shop.province,
            },
        )
    codes = [ONLINE, *(shop.code for shop in SHOPS)]
    return dict(Store.objects.filter(code__in=codes).values_list("code", "pk"))


def _treats(rng: random.Random, purchases: Sequence[Purchase]) -> Iterator[Treat]:
    """Let some members spend what they had earned by then; the known ones save up."""
    known = {f"KH{number:05}" for number in range(1, len(KNOWN) + 1)}
    balances: dict[str, int] = {}
    spenders: dict[str, bool] = {}
    for purchase in purchases:
        code = purchase.code
        if spenders.setdefault(code, rng.random() < SPENDERS) and code not in known:
            reward, cost = rng.choice(TREATS)
            if balances.get(code, 0) >= cost and rng.random() < 0.5:
                balances[code] -= cost
                later = purchase.placed_at + timedelta(minutes=2)
                yield Treat(code, later, reward, cost)
        total = sum(line.total for line in purchase.lines)
        balances[code] = balances.get(code, 0) + int(total // 10_000)


def _redeem(
    treats: Sequence[Treat],
    rewards: Mapping[str, Reward],
    member_ids: Mapping[str, int],
    *,
    quiet: bool,
) -> None:
    """Let members take rewards, and use the vouchers on the spot."""
    with Progress(_("Rewards taken"), quiet=quiet) as progress:
        for done, treat in enumerate(treats, 1):
            member = Member.objects.get(pk=member_ids[treat.code])
            redemption = redeem_reward(
                member=member,
                reward=rewards[treat.reward],
                key=f"demo:{treat.code}:{treat.at:%Y%m%d%H%M%S}",
                at=treat.at,
            )
            use_at_once(redemption, at=treat.at + timedelta(minutes=3))
            progress.update(done, done / len(treats))


def _run_campaigns(*, at: datetime) -> None:
    """Let the campaigns do at once what the first morning would make them do.

    The phones are simulated and wake nobody, so the demo sends at any hour; and who tries
    a campaign of their own on the first day is not held back by what was sent just now.
    """
    policy = SendingPolicy.current()
    policy.marketing_from, policy.marketing_until = time(0, 0), time(23, 59)
    policy.max_marketing_per_day, policy.max_marketing_per_week = 3, 10
    policy.save()
    wallet = points_wallet()
    assert wallet is not None, "the set-up made it"
    gift, _created = Benefit.objects.get_or_create(
        code="come-back",
        defaults={
            "name": f"{GIFT} điểm chào mừng trở lại",
            "kind": Benefit.Kind.POINTS,
            "wallet": wallet,
            "amount": GIFT,
        },
    )
    Campaign.objects.filter(code=COME_BACK).update(goal_benefit=gift)
    Step.objects.filter(campaign__code=COME_BACK).update(
        offer=f"Tặng {GIFT} điểm cho đơn tiếp theo"
    )
    run_campaigns(at=at, trigger=CampaignRun.Trigger.COMMAND)


def connect_to_simulator(*, name: str) -> None:
    """Connect the simulator's Official Account unless a real one is configured."""
    if settings.ZALO_APP_ID not in ("", SIMULATOR_APP_ID):
        return
    connect_official_account(
        oa_id=settings.ZALO_OA_ID or SIMULATOR_OA_ID,
        name=name,
        refresh_token=settings.ZALO_REFRESH_TOKEN or SIMULATOR_GRANT,
    )
