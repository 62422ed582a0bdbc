"""Any history of purchases, refunds and nights gives the tiers that paper gives."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.clock import local_midday
from tests.factories import make_member
from tests.tiers.helpers import bring_back, buy
from tests.tiers.ladder_model import Paper, Terms
from tiers.ladders import publish_ladder
from tiers.models import Ladder, MemberTier, Tier, TierChange
from tiers.services import review_tiers

BEGIN = date(2024, 1, 20)
CODES = ("t0", "t1", "t2", "t3")
# A few round amounts, so that sums meet thresholds exactly again and again.
AMOUNTS = st.sampled_from([1, 50, 99, 100, 101, 200, 300, 400])
STEPS = st.one_of(
    st.just([(None, None), (100, None), (300, None), (400, None)]),
    st.just([(None, None), (None, 1), (None, 2), (None, 4)]),
    st.just([(None, None), (100, 2), (300, 3), (300, 5)]),
)
TERMS = st.builds(
    Terms,
    steps=STEPS,
    window=st.sampled_from(["rolling", "calendar", "anniversary", "lifetime"]),
    months=st.sampled_from([1, 3, 12]),
    combine=st.sampled_from(["any", "all"]),
    downgrade=st.sampled_from(["none", "one_step", "by_measure"]),
    grace=st.sampled_from([0, 0, 15]),
    falls_on_refund=st.booleans(),
)
WAITS = st.sampled_from([0, 1, 7, 29, 30, 31, 59, 90, 200, 365, 366])
PLAYS = st.lists(
    st.tuples(st.sampled_from(["buy", "buy", "back", "night", "night"]), WAITS, AMOUNTS),
    min_size=1,
    max_size=9,
)


@pytest.mark.django_db
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(terms=TERMS, plays=PLAYS, joined=st.sampled_from([BEGIN, date(2020, 2, 29)]))
def test_the_programme_and_paper_agree(
    terms: Terms, plays: list[Any], joined: date
) -> None:
    ladder = _ladder(terms)
    member = make_member(joined_at=local_midday(joined))
    paper = Paper(terms, joined)
    today = BEGIN

    for number, (what, wait, amount) in enumerate(plays):
        today += timedelta(days=wait)
        at: datetime = local_midday(today)
        if what == "buy":
            buy(member, f"{ladder.pk}-{number}", at, amount)
            paper.buy(f"{ladder.pk}-{number}", today, amount)
        elif what == "back" and paper.sales:
            latest = list(paper.sales)[-1]
            if back := paper.bring_back(latest, today, amount):
                bring_back(member, f"{ladder.pk}-r{number}", at, back, of=latest)
        else:
            review_tiers(at=at)
            paper.look(today)
        _agree(ladder, member.pk, paper)


def _agree(ladder: Ladder, member_id: int, paper: Paper) -> None:
    if paper.rank is None:
        assert not MemberTier.objects.filter(ladder=ladder, member=member_id).exists()
        return
    row = MemberTier.objects.select_related("tier").get(ladder=ladder, member=member_id)
    assert (row.tier.code, row.holds_until) == (CODES[paper.rank], paper.holds)
    told = TierChange.objects.filter(ladder=ladder, member=member_id).order_by("pk")
    assert [
        (kind, before and CODES.index(before), CODES.index(after))
        for kind, before, after in told.values_list(
            "kind", "from_tier__code", "to_tier__code"
        )
    ] == paper.events


def _ladder(terms: Terms) -> Ladder:
    Ladder.objects.update(is_active=False)
    ladder = Ladder.objects.create(
        code=f"l{Ladder.objects.count()}",
        name="L",
        window=terms.window,
        months=terms.months,
        combine=terms.combine,
        downgrade=terms.downgrade,
        grace_days=terms.grace,
        falls_on_refund=terms.falls_on_refund,
    )
    for code, (money, orders) in zip(CODES, terms.steps, strict=True):
        Tier.objects.create(ladder=ladder, code=code, name=code, spend=money, orders=orders)
    publish_ladder(ladder, at=local_midday(BEGIN))
    return ladder
