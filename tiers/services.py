"""The verbs of tiers: after facts, at night, and by hand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from core.batch import CHUNK, fetch_all
from core.clock import local_date, programme_zone
from core.errors import InvalidInput, NotFound
from core.retry import retry_on_conflict
from members.models import Member
from points.models import Transfer
from tiers.definition import Definition
from tiers.errors import NoManualTier, TierTooLow
from tiers.gifts import answer_changes
from tiers.happenings import announce_changes
from tiers.judging import Given, Visit
from tiers.ladders import ladders_in_force
from tiers.models import Ladder, MemberTier, Tier, TierChange
from tiers.placing import Changed, place, visit_on

Cause = TierChange.Cause
# More movements than any open transaction writes.
OVERLAP = 100_000


class Touch(NamedTuple):
    """A fact that may have moved its member: when it happened and what it was."""

    member_id: int
    happened_at: datetime
    cause: str
    cause_id: int | None = None


@dataclass(slots=True)
class Reviewed:
    """What a review came to: members looked at, and the events by their kind."""

    members: int = 0
    entered: int = 0
    up: int = 0
    down: int = 0
    kept: int = 0

    def add(self, looked_at: int, changes: Iterable[Changed]) -> None:
        self.members += looked_at
        for change in changes:
            setattr(self, change.kind, getattr(self, change.kind) + 1)


def refresh_tiers(touches: Iterable[Touch], *, at: datetime) -> list[Changed]:
    """Let members rise at once by what has just been recorded; a refund may lower them.

    Safe to repeat. Without a published ladder it costs one look.
    """
    told = list(touches)
    ladders = ladders_in_force() if told else []
    if not ladders:
        return []
    zone = programme_zone()
    visits: dict[int, Visit] = {}
    for touch in sorted(told, key=lambda touch: touch.happened_at):
        # A till's clock may be a little ahead: its purchase counts on its own day.
        day = max(touch.happened_at, at).astimezone(zone).date()
        visits[touch.member_id] = Visit(day, touch.happened_at, touch.cause, touch.cause_id)
    changes = place(ladders, visits)
    answer_changes(changes, visits, at=at)
    announce_changes(changes, visits, at=at)
    return changes


# --- the programme day ------------------------------------------------------------------


def review_tiers(*, at: datetime, chunk: int = CHUNK) -> Reviewed:
    """Judge everybody whose window has moved on, whose grace is over, or who is new.

    In chunks, each in a transaction of its own: what was done stays done, and a second
    run finds nothing left.
    """
    total = Reviewed()
    for ladder in ladders_in_force():
        review_ladder(ladder, total, at=at, chunk=chunk)
    return total


def review_ladder(
    ladder: Definition, total: Reviewed, *, at: datetime, chunk: int = CHUNK
) -> None:
    today = local_date(at)
    for cause, find in (
        (Cause.LADDER, _judged_by_older_version),
        (Cause.NIGHT, _due),
    ):
        while members := find(ladder, today, chunk):
            total.add(len(members), _place_chunk(ladder, members, str(cause), at))
    last = 0
    while members := _without_standing(ladder, last, chunk):
        total.add(len(members), _place_chunk(ladder, members, str(Cause.NIGHT), at))
        last = members[-1]
    _review_moved_points(ladder, total, at=at, chunk=chunk)


def _review_moved_points(
    ladder: Definition, total: Reviewed, *, at: datetime, chunk: int
) -> None:
    """Judge members whose points moved otherwise than by a fact: by hand, by a birthday."""
    stored = Ladder.objects.get(pk=ladder.ladder_id)
    newest = Transfer.objects.aggregate(newest=Max("pk"))["newest"] or 0
    # Before the first review nobody had a standing, so all were judged just now.
    last = stored.reviewed_through
    if ladder.asks_points and last is not None:
        # A movement of a lower number may have been committed after a higher one.
        last = max(0, last - OVERLAP)
        while moved := _moved_points(ladder, last, newest, chunk):
            members = {member_id for _pk, member_id in moved if member_id}
            changes = _place_chunk(ladder, members, str(Cause.NIGHT), at)
            total.add(len(members), changes)
            last = moved[-1][0]
    Ladder.objects.filter(pk=stored.pk).update(reviewed_through=newest)


@retry_on_conflict
@transaction.atomic
def _place_chunk(
    ladder: Definition, members: Iterable[int], cause: str, at: datetime
) -> list[Changed]:
    visits = dict.fromkeys(members, visit_on(at, cause))
    changes = place([ladder], visits)
    answer_changes(changes, visits, at=at)
    announce_changes(changes, visits, at=at)
    return changes


def _due(ladder: Definition, today: date, limit: int) -> list[int]:
    rows = MemberTier.objects.filter(ladder=ladder.ladder_id, review_on__lte=today)
    found = rows.order_by("review_on", "pk").values_list("member_id", flat=True)
    return list(found[:limit])


def _judged_by_older_version(ladder: Definition, _today: date, limit: int) -> list[int]:
    rows = MemberTier.objects.filter(ladder=ladder.ladder_id, version__lt=ladder.version)
    return list(rows.order_by("version", "pk").values_list("member_id", flat=True)[:limit])


def _without_standing(ladder: Definition, after: int, limit: int) -> list[int]:
    rows = fetch_all(
        "SELECT m.id FROM members_member m WHERE m.id > %s AND NOT EXISTS ("
        "SELECT 1 FROM tiers_membertier t WHERE t.member_id = m.id AND t.ladder_id = %s) "
        "ORDER BY m.id LIMIT %s",
        [after, ladder.ladder_id, limit],
    )
    return [row[0] for row in rows]


def _moved_points(
    ladder: Definition, after: int, through: int, limit: int
) -> list[tuple[int, int | None]]:
    """Find movements of a wallet that no fact announced: (transfer, member)."""
    return fetch_all(
        "SELECT t.id, COALESCE(a.member_id, b.member_id, c.member_id) "
        "FROM points_transfer t JOIN points_account a ON a.id = t.to_account_id "
        "JOIN points_account b ON b.id = t.from_account_id "
        "LEFT JOIN points_hold h ON h.transfer_id = t.id "
        "LEFT JOIN points_account c ON c.id = h.account_id "
        "WHERE t.id > %s AND t.id <= %s AND a.wallet_id = %s "
        "AND t.kind IN ('earn', 'adjust', 'opening', 'reverse') "
        "AND NOT (t.kind = 'earn' AND t.source_type IN ('order', 'activity')) "
        "ORDER BY t.id LIMIT %s",
        [after, through, ladder.wallet_id, limit],
    )


# --- by hand ----------------------------------------------------------------------------


@retry_on_conflict
@transaction.atomic
def give_tier(
    *,
    member: Member,
    tier: Tier,
    until: date | None,
    reason: str,
    by: str,
    at: datetime,
) -> MemberTier:
    """Give a member a tier by hand through a day (None: for good).

    It protects from falling, never from rising. Raises TierTooLow when the member has
    reached more by themselves, InvalidInput for an end in the past or without a reason.
    """
    if not reason.strip():
        raise InvalidInput(_("Say why, in a few words."))
    if until is not None and until < local_date(at):
        raise InvalidInput(_("The last day lies in the past."))
    ladder = _ladder_of(tier.ladder_id)
    step = ladder.step(tier.pk)
    if step is None:
        raise NotFound(_("This tier is not published."))
    given = Given(tier.pk, until, reason.strip(), by)
    row = _by_hand(ladder, member, given, at)
    earned = ladder.step(row.earned_tier_id)
    if earned is not None and earned.rank > step.rank:
        raise TierTooLow(
            _("%(member)s has reached %(tier)s by purchases. Give a higher tier.")
            % {"member": member, "tier": earned.name}
        )
    return row


@retry_on_conflict
@transaction.atomic
def end_given_tier(
    *, member: Member, ladder: Ladder, reason: str, by: str, at: datetime
) -> MemberTier:
    """Take away a tier that was given by hand; what was earned remains.

    Raises NoManualTier when there is none.
    """
    rows = MemberTier.objects.filter(member=member, ladder=ladder)
    if not rows.filter(manual_tier__isnull=False).exists():
        raise NoManualTier(_("No tier was given to this member by hand."))
    return _by_hand(_ladder_of(ladder.pk), member, Given(None, None, reason, by), at)


def _by_hand(ladder: Definition, member: Member, given: Given, at: datetime) -> MemberTier:
    visit = visit_on(at, Cause.STAFF.value)._replace(given=given)
    place([ladder], {member.pk: visit})
    rows = MemberTier.objects.select_related("tier", "ladder")
    return rows.get(ladder=ladder.ladder_id, member=member)


def _ladder_of(ladder_id: int) -> Definition:
    ladders = ladders_in_force(only=ladder_id)
    if not ladders:
        raise NotFound(_("This ladder is not published."))
    return ladders[0]
