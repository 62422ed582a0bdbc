"""What a draft would do to the members there are: who moves, and what multipliers cost."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from django.db.models import Count

from core.batch import CHUNK, Column, fetch_all, rows_source, sql_value
from core.clock import add_months, local_date, programme_zone, start_of_day
from members.models import Member
from points.models import EarnRule
from points.queries import points_wallet
from tiers.definition import Definition, Step
from tiers.finding import reached_by
from tiers.models import MemberTier
from tiers.multipliers import multipliers_of
from tiers.windows import spans

# Above this, members are taken evenly by their number and the counts are scaled up: the
# page answers in seconds, and a share of a percent is known well enough.
SAMPLE = 20_000
LISTED = 20
YEAR = 12


@dataclass(slots=True)
class TierBudget:
    """One tier: members now and after, and points for its multiplier in a year."""

    step: Step
    now: int = 0
    after: int = 0
    points_now: int = 0
    points_after: int = 0
    factor: Decimal | None = None

    @property
    def change(self) -> int:
        return self.after - self.now

    @property
    def cost_now(self) -> int:
        return self._extra(self.points_now)

    @property
    def cost_after(self) -> int:
        return self._extra(self.points_after)

    def _extra(self, points: int) -> int:
        if self.factor is None:
            return 0
        return int(points * (self.factor - 1))


@dataclass(frozen=True, slots=True)
class Move:
    """A member who would change tiers."""

    member: Member
    before: str
    after: str
    is_up: bool


@dataclass(slots=True)
class Budget:
    """What publishing would come to. ``share``: each member counted stands for so many."""

    members: int
    share: int
    tiers: list[TierBudget] = field(default_factory=list)
    up: int = 0
    down: int = 0
    entering: int = 0
    moves: list[Move] = field(default_factory=list)

    @property
    def is_estimate(self) -> bool:
        return self.share > 1

    @property
    def cost_now(self) -> int:
        return sum(tier.cost_now for tier in self.tiers)

    @property
    def cost_after(self) -> int:
        return sum(tier.cost_after for tier in self.tiers)


def preview_ladder(draft: Definition, *, at: datetime, sample: int = SAMPLE) -> Budget:
    """Judge today's members by a draft, from what they bought; nothing is written.

    Tiers that staff gave by hand and falls that the draft forbids stay as they are. The
    cost counts the points of the last twelve months without those of multipliers.
    """
    total = Member.objects.count()
    share = max(1, -(-total // sample))
    budget = Budget(members=total, share=share)
    rows = {step.tier_id: TierBudget(step) for step in draft.steps}
    for step_id, factor in multipliers_of(draft).items():
        rows[step_id].factor = factor
    last = 0
    while members := _members(last, share):
        _count(draft, members, rows, budget, at=at)
        last = members[-1].pk
    for row in rows.values():
        row.now, row.after = row.now * share, row.after * share
        row.points_now, row.points_after = row.points_now * share, row.points_after * share
    budget.up, budget.down = budget.up * share, budget.down * share
    budget.entering *= share
    budget.tiers = list(rows.values())
    return budget


def _members(after: int, share: int) -> list[Member]:
    found = Member.objects.filter(pk__gt=after).order_by("pk")
    if share > 1:
        found = found.extra(where=["members_member.id %% %s = 0"], params=[share])
    return list(found[:CHUNK])


def _count(
    draft: Definition,
    members: list[Member],
    rows: dict[int, TierBudget],
    budget: Budget,
    *,
    at: datetime,
) -> None:
    """Judge one chunk of members: four statements."""
    ids = [member.pk for member in members]
    reached = _reached(draft, members, at)
    earned = _points_of_a_year(ids, at)
    standing = {
        row.member_id: row
        for row in MemberTier.objects.filter(ladder=draft.ladder_id, member__in=ids)
        .select_related("tier")
        .order_by("pk")
    }
    for member in members:
        row = standing.get(member.pk)
        after = _after(draft, row, reached[member.pk])
        rows[after.tier_id].after += 1
        rows[after.tier_id].points_after += earned[member.pk]
        if row is None:
            budget.entering += 1
            continue
        if row.tier_id in rows:
            rows[row.tier_id].now += 1
            rows[row.tier_id].points_now += earned[member.pk]
        if row.tier_id != after.tier_id:
            _note_move(budget, rows, member, row, after)


def _note_move(
    budget: Budget,
    rows: dict[int, TierBudget],
    member: Member,
    row: MemberTier,
    after: Step,
) -> None:
    known = rows.get(row.tier_id)
    rank = known.step.rank if known else row.tier.rank
    is_up = after.rank >= rank
    if is_up:
        budget.up += 1
    else:
        budget.down += 1
    if len(budget.moves) < LISTED:
        budget.moves.append(Move(member, row.tier.name, after.name, is_up))


def _after(draft: Definition, row: MemberTier | None, reached: Step) -> Step:
    """Say where a member would stand after publishing, as the review will judge."""
    if row is None:
        return reached
    earned = draft.step(row.earned_tier_id)
    keeps = row.reason == MemberTier.Reason.STEP or draft.downgrade == "none"
    if earned is not None and earned.rank > reached.rank and keeps:
        reached = earned
    elif earned is not None and draft.downgrade == "one_step":
        below = draft.steps[max(earned.rank - 1, 0)]
        is_lower = reached.rank < below.rank and draft.window != "lifetime"
        reached = below if is_lower else reached
    given = draft.step(row.manual_tier_id or 0)
    return given if given is not None and given.rank > reached.rank else reached


def _reached(draft: Definition, members: list[Member], at: datetime) -> dict[int, Step]:
    today, zone = local_date(at), programme_zone()
    questions = {
        member.pk: spans(draft, today, member.joined_at.astimezone(zone).date())
        for member in members
    }
    return reached_by(draft, questions)


def _points_of_a_year(member_ids: list[int], at: datetime) -> Counter[int]:
    """Add up points earned in the last year, without what multipliers gave."""
    wallet = points_wallet()
    if wallet is None:
        return Counter()
    begin = start_of_day(add_months(local_date(at), -YEAR))
    source, parameters = rows_source([Column("id", "bigint")], [[pk] for pk in member_ids])
    found = fetch_all(
        "SELECT r.id, SUM(t.amount - COALESCE(b.amount, 0)) "
        f"FROM {source} JOIN points_account a ON a.member_id = r.id AND a.wallet_id = %s "
        "JOIN points_transfer t ON t.to_account_id = a.id AND t.kind IN ('earn', 'mature') "
        "AND t.happened_at >= %s AND t.happened_at < %s "
        "LEFT JOIN points_earnrule e ON e.id = t.rule_id "
        "LEFT JOIN points_takenback b ON b.transfer_id = t.id "
        "WHERE e.method IS NULL OR e.method <> %s GROUP BY r.id",
        [
            *parameters,
            wallet.pk,
            sql_value(begin),
            sql_value(at),
            EarnRule.Method.MULTIPLIER.value,
        ],
    )
    return Counter({row[0]: int(row[1]) for row in found})


def members_by_tier(ladder_id: int) -> dict[int, int]:
    """Count the members of each tier of a ladder. One query."""
    rows = MemberTier.objects.filter(ladder=ladder_id).values_list("tier_id")
    return dict(rows.annotate(count=Count("pk")).values_list("tier_id", "count"))
