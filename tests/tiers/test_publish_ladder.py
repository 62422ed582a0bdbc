"""Publishing: what is frozen, what is refused, what it would do."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from members.models import Member
from points.models import EarnRule
from tests.factories import make_earn_rule, make_member, make_wallet
from tests.tiers.helpers import buy, make_ladder, tier
from tiers.budget import preview_ladder
from tiers.definition import draft_definition
from tiers.errors import LadderIncomplete
from tiers.ladders import (
    discard_draft,
    has_unpublished_changes,
    ladders_in_force,
    publish_ladder,
)
from tiers.models import Ladder, LadderVersion, Perk, Tier, TierChange
from tiers.multipliers import draft_multiplier
from tiers.services import review_tiers


def test_a_draft_counts_only_once_it_is_published(mai: Member, now: datetime) -> None:
    ladder = make_ladder()
    ladder.tiers.filter(code="silver").update(spend=10)
    buy(mai, "A", now, 10)
    assert (tier(mai), has_unpublished_changes(ladder)) == ("member", True)

    version = publish_ladder(ladder, at=now, by="lan")

    assert (version.number, version.published_by) == (2, "lan")
    assert not has_unpublished_changes(ladder)
    buy(mai, "B", now, 1)
    assert tier(mai) == "silver"


def test_publishing_again_changes_nothing(db: Any, now: datetime) -> None:
    ladder = make_ladder()

    assert publish_ladder(ladder, at=now).number == 1
    assert LadderVersion.objects.count() == 1


def test_ranks_follow_the_thresholds(db: Any) -> None:
    make_ladder(steps=(("gold", 300), ("member", None), ("silver", 100)))

    ranks = dict(Tier.objects.values_list("code", "rank"))
    assert ranks == {"member": 0, "silver": 1, "gold": 2}


@pytest.mark.parametrize(
    ("steps", "sentence"),
    [
        ([("only", None)], "at least two tiers"),
        ([("a", 1), ("b", 2)], "must ask for nothing"),
        ([("a", None), ("b", None), ("c", 5)], "needs a threshold"),
        ([("a", None), ("b", 5), ("c", 5)], "must ask for more"),
    ],
)
def test_refuses_tiers_that_cannot_be_told_apart(
    db: Any, steps: list[Any], sentence: str
) -> None:
    with pytest.raises(LadderIncomplete, match=sentence):
        make_ladder(steps=steps)

    assert not LadderVersion.objects.exists()
    assert Ladder.objects.get().version == 0


def test_refuses_points_without_a_wallet(db: Any) -> None:
    with pytest.raises(LadderIncomplete, match="wallet"):
        make_ladder(asks="points", steps=(("a", None), ("b", 10)))


def test_refuses_tiers_that_ask_for_different_things(db: Any, now: datetime) -> None:
    ladder = make_ladder()
    ladder.tiers.filter(code="gold").update(orders=3)

    with pytest.raises(LadderIncomplete, match="the same things"):
        publish_ladder(ladder, at=now)


def test_discarding_brings_back_what_is_published(db: Any, now: datetime) -> None:
    ladder = make_ladder()
    silver = Tier.objects.get(code="silver")
    Perk.objects.create(tier=silver, kind="discount", name="Giảm 5%", percent=5)
    publish_ladder(ladder, at=now)
    silver.perks.all().delete()
    Tier.objects.filter(code="gold").update(spend=9, is_active=False)
    Tier.objects.create(ladder=ladder, code="new", name="New", spend=9_000_000)
    ladder.months = 3
    ladder.save()

    discard_draft(ladder)

    ladder = Ladder.objects.get()
    assert (ladder.months, has_unpublished_changes(ladder)) == (12, False)
    assert silver.perks.get().percent == Decimal(5)
    assert not Tier.objects.get(code="new").is_active


def test_perks_are_told_as_published(db: Any, now: datetime) -> None:
    ladder = make_ladder()
    silver = Tier.objects.get(code="silver")
    Perk.objects.create(
        tier=silver, kind="free_delivery", name="Freeship", amount=Decimal(200_000)
    )
    assert ladders_in_force()[0].steps[1].perks == ()
    publish_ladder(ladder, at=now)

    (perk,) = ladders_in_force()[0].steps[1].perks

    assert (perk.kind, perk.name, perk.amount) == ("free_delivery", "Freeship", 200_000)


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        ("discount", "tiers_perk_discount_has_percent"),
        ("free_delivery", "tiers_perk_free_delivery_has_amount"),
    ],
)
def test_a_perk_without_its_number_is_refused_by_the_database(
    db: Any, kind: str, rule: str
) -> None:
    make_ladder()
    with pytest.raises(IntegrityError, match=rule), transaction.atomic():
        Perk.objects.create(tier=Tier.objects.get(code="gold"), kind=kind, name="x")


@pytest.mark.parametrize("table", ["tiers_tierchange", "tiers_ladderversion"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET version = 9", "DELETE FROM {}"])
def test_history_cannot_be_changed(
    mai: Member, now: datetime, table: str, statement: str
) -> None:
    make_ladder()
    buy(mai, "A", now, 10)
    sql = statement.format(table)
    if table == "tiers_ladderversion":
        sql = sql.replace("version = 9", "number = 9")

    with (
        pytest.raises(IntegrityError, match=r"append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql)

    assert TierChange.objects.count() == 1


# --- what it would do -------------------------------------------------------------------


def test_the_preview_is_what_the_review_then_does(
    mai: Member, binh: Member, now: datetime
) -> None:
    ladder = make_ladder()
    make_member()
    buy(mai, "A", now, 1_000_000)
    buy(binh, "B", now, 3_000_000)
    ladder.tiers.filter(code="silver").update(spend=1_000_001)
    ladder.tiers.filter(code="gold").update(spend=2_000_000)

    budget = preview_ladder(draft_definition(ladder), at=now)

    assert [(t.step.code, t.now, t.after) for t in budget.tiers] == [
        ("member", 0, 2),
        ("silver", 1, 0),
        ("gold", 1, 1),
    ]
    assert (budget.up, budget.down, budget.entering) == (0, 1, 1)
    assert [(m.member.code, m.before, m.after) for m in budget.moves] == [
        ("MAI", "Silver", "Member")
    ]
    publish_ladder(ladder, at=now)
    done = review_tiers(at=now)
    assert (done.up, done.down, done.entered) == (0, 1, 1)


def test_the_preview_says_what_multipliers_would_cost(mai: Member, now: datetime) -> None:
    make_earn_rule(wallet=make_wallet())
    ladder = make_ladder()
    buy(mai, "A", now, 900_000)
    rule = draft_multiplier(Tier.objects.get(code="silver"), factor=Decimal("1.5"))
    assert (rule.version, rule.method) == (0, EarnRule.Method.MULTIPLIER)
    assert draft_multiplier(Tier.objects.get(code="silver")).pk == rule.pk
    ladder.tiers.filter(code="silver").update(spend=900_000)

    budget = preview_ladder(draft_definition(ladder), at=now.replace(hour=6))

    # Ninety points were earned in the year; half as many come on top.
    assert (budget.cost_now, budget.cost_after) == (0, 45)


def test_many_members_are_sampled_evenly(db: Any, now: datetime) -> None:
    ladder = make_ladder()
    for _n in range(10):
        make_member()

    budget = preview_ladder(draft_definition(ladder), at=now, sample=5)

    assert (budget.members, budget.share, budget.is_estimate) == (10, 2, True)
    assert budget.tiers[0].after == 10


def test_a_multiplier_counts_for_the_members_of_its_tier(
    mai: Member, binh: Member, now: datetime
) -> None:
    from points.queries import balances
    from points.rules import publish_rule

    make_earn_rule(wallet=make_wallet())
    make_ladder()
    buy(mai, "A", now, 1_000_000)
    rule = draft_multiplier(Tier.objects.get(code="silver"))
    publish_rule(rule, at=now)

    buy(mai, "B", now, 100_000)
    buy(binh, "C", now, 100_000)

    assert balances([mai.pk])[mai.pk] == 100 + 20
    assert balances([binh.pk])[binh.pk] == 10
