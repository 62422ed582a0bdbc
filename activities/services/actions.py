"""Activities: reviews, check-ins, surveys and the like, each saved once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from django.db import transaction
from django.utils.translation import gettext as _

from activities.models import ActivityType
from activities.services.moving import told_before_merge
from activities.services.orders import FUTURE_TOLERANCE, KNOWN, NEW, REFUSED
from core.batch import Column, fetch_all, insert_new, rows_source
from core.clock import programme_zone

MAX_QUANTITY = Decimal(10) ** 9
COLUMNS = (
    Column("type_id", "bigint"),
    Column("source", "text"),
    Column("external_id", "text"),
    Column("member_id", "bigint"),
    Column("happened_at", "timestamptz"),
    Column("happened_on", "date"),
    Column("quantity", "numeric"),
    Column("content_hash", "text"),
)


class ActivityFact(NamedTuple):
    """Something a member did, as a source tells it; ``type`` is the code of its kind."""

    type: str
    source: str
    external_id: str
    member_id: int
    happened_at: datetime
    quantity: Decimal = Decimal(1)


@dataclass(slots=True)
class SavedActivity:
    """What became of a fact: ``new``, ``known`` (told before) or ``refused`` with why."""

    fact: ActivityFact
    outcome: str
    happened_on: date
    type_id: int | None = None
    activity_id: int | None = None
    code: str = ""
    reason: str = ""

    @property
    def content_hash(self) -> str:
        return self.hash_for(self.fact.member_id)

    def hash_for(self, member_id: int) -> str:
        """Fingerprint what was told, as told of this member."""
        fact = self.fact
        text = f"{fact.type}|{member_id}|{fact.happened_at.timestamp()}"
        return hashlib.sha256(f"{text}|{fact.quantity:.3f}".encode()).hexdigest()


@transaction.atomic
def save_activities(facts: Sequence[ActivityFact], *, at: datetime) -> list[SavedActivity]:
    """Save the facts that are new, in order; the answer has one entry for each fact.

    The same number with other content is ``refused``; what stands is not touched.
    """
    zone = programme_zone()
    types = dict(ActivityType.objects.filter(is_active=True).values_list("code", "pk"))
    saved = []
    for fact in facts:
        one = SavedActivity(fact, NEW, fact.happened_at.astimezone(zone).date())
        one.type_id = types.get(fact.type)
        if refusal := _refusal(one, at):
            one.outcome = REFUSED
            one.code, one.reason = refusal
        saved.append(one)
    first: dict[tuple[str, str], SavedActivity] = {}
    for one in saved:
        if one.outcome != REFUSED:
            first.setdefault((one.fact.source, one.fact.external_id), one)
    _insert([first[key] for key in sorted(first)])
    _compare(saved, first)
    return saved


def _refusal(saved: SavedActivity, at: datetime) -> tuple[str, str] | None:
    fact = saved.fact
    if saved.type_id is None:
        return "unknown_activity", _("There is no activity “%(code)s”.") % {
            "code": fact.type[:40]
        }
    if not fact.external_id or len(fact.external_id) > 80 or "\0" in fact.external_id:
        return "invalid_id", _("The number must have 1 to 80 characters.")
    if not fact.quantity.is_finite() or not 0 <= fact.quantity <= MAX_QUANTITY:
        return "invalid_quantity", _("The quantity must be zero or more.")
    if fact.happened_at > at + FUTURE_TOLERANCE:
        return "in_the_future", _("It lies in the future; check its date.")
    return None


def _insert(fresh: Sequence[SavedActivity]) -> None:
    rows = [
        (
            one.type_id,
            one.fact.source,
            one.fact.external_id,
            one.fact.member_id,
            one.fact.happened_at,
            one.happened_on,
            one.fact.quantity,
            one.content_hash,
        )
        for one in fresh
    ]
    new = insert_new(
        "activities_activity",
        COLUMNS,
        rows,
        conflict="source, external_id",
        returning="source, external_id, id",
    )
    ids = {(row[0], row[1]): row[2] for row in new}
    for one in fresh:
        one.activity_id = ids.get((one.fact.source, one.fact.external_id))
        one.outcome = NEW if one.activity_id else KNOWN


def _compare(
    saved: Sequence[SavedActivity], first: dict[tuple[str, str], SavedActivity]
) -> None:
    """Tell honest repeats from the same number with other content."""
    columns = [Column("source", "text"), Column("external_id", "text")]
    source, parameters = rows_source(columns, sorted(first))
    stored = {
        (row[0], row[1]): (row[2], row[3])
        for row in fetch_all(
            "SELECT a.source, a.external_id, a.id, a.content_hash "
            f"FROM {source} CROSS JOIN activities_activity a "
            "WHERE a.source = r.source AND a.external_id = r.external_id",
            parameters,
        )
    }
    for one in saved:
        key = (one.fact.source, one.fact.external_id)
        if one.outcome == REFUSED:
            continue
        one.activity_id, content_hash = stored[key]
        if first[key] is not one:
            one.outcome = KNOWN
        if content_hash != one.content_hash and not told_before_merge(
            one.fact.member_id, content_hash, one.hash_for
        ):
            one.outcome, one.code = REFUSED, "conflict"
            one.reason = _(
                "Activity %(number)s was recorded before with other content."
            ) % {"number": one.fact.external_id}
