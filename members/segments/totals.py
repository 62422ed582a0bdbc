"""Questions about what a member's rows come to: how many, how much, how much on average.

One meaning in two forms. About everybody, all rows are grouped once, and each member is
looked for among the groups. About a few members, the rows of each are looked up: who is
asked about all groups for the sake of one message would wait for seconds.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Coalesce

from members.models import Member
from members.segments.registry import Moment


def who_has(totals: QuerySet[Any, Any], moment: Moment) -> Q:
    """Ask who is among rows that were grouped by ``member`` and meet a condition."""
    if moment.few:
        return Q(Exists(totals.filter(member=OuterRef("pk"))))
    found = Member.objects.filter(pk=OuterRef("pk"), pk__in=totals.values("member"))
    # PostgreSQL chooses by cost: a hash of all who are found or, where other conditions
    # leave few members, a look-up for each. Bare, EXISTS would become a join, which leaves
    # no choice and groups the rows once in every parallel worker; "id IN (totals)" without
    # EXISTS, too large for a hash, would be read through for each member.
    return Q(Coalesce(Exists(found), Value(False)))
