"""Two members turn out to be one person; or were not, after all.

One page, one transaction: each app moves what is its own and says what moved, the record
keeps it, and undoing gives back exactly that.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from activities.services import move_facts, move_facts_back
from campaigns.services import move_enrolments, move_enrolments_back
from core.approvals import Act, named, register_act, request_change
from core.models import ChangeRequest
from core.retry import retry_on_conflict
from members.errors import MergeRefused
from members.models import Member, MemberMerge
from members.services import (
    check_can_merge,
    lock_for_merge,
    move_person,
    move_person_back,
)
from messaging.waiting import cancel_for_member
from points.models import Account
from points.services import merge_points, unmerge_points
from rewards.merging import move_rewards, move_rewards_back
from tiers.models import TierChange
from tiers.services import Touch, refresh_tiers

MERGE = "merge_members"
PERMISSION = "members.merge_member"
CANCELLED = "merged"


@retry_on_conflict
@transaction.atomic
def merge_members(
    *, kept: Member, merged: Member, note: str, by: str, at: datetime
) -> MemberMerge:
    """Let everything of one member be another's; the old code leads there from now on.

    1 the person: identifiers, tags, consents, blanks of the profile; sign-ins end
    2 what rules counted, and points with the last days of their lots, or a debt
    3 the facts: orders, refunds, activities, and what they come to
    4 what they were given: vouchers, redemptions, gifts, bookings, and what limits counted
    5 tiers: what both bought counts together
    6 campaigns; what waits to be sent is called off
    7 the record of it all

    A repeat answers the merge that stands. Raises MergeRefused, PointsReserved.
    """
    members = lock_for_merge([kept.pk, merged.pk])
    kept, merged = members[kept.pk], members[merged.pk]
    if merged.merged_into_id == kept.pk:
        return MemberMerge.objects.get(merged=merged, undone_at__isnull=True)
    check_can_merge(kept=kept, merged=merged)
    if not note.strip():
        raise MergeRefused(_("Say in a few words how you know that they are one."))
    record = MemberMerge.objects.create(
        kept=kept, merged=merged, note=note.strip(), merged_at=at, merged_by=by
    )
    both = {"kept_id": kept.pk, "merged_id": merged.pk}
    moved = move_person(kept=kept, merged=merged, at=at)
    moved |= move_facts(**both)
    moved["points"] = merge_points(merge_id=record.pk, **both, at=at)
    moved |= move_rewards(**both)
    _refresh_tiers(kept, merged, at=at)
    moved |= move_enrolments(**both, at=at)
    moved["messages"] = cancel_for_member(member_id=merged.pk, reason=CANCELLED)
    record.moved = moved
    record.save(update_fields=["moved"])
    return record


@retry_on_conflict
@transaction.atomic
def unmerge_members(*, merge: MemberMerge, note: str, by: str, at: datetime) -> MemberMerge:
    """Undo a merge: what came with it goes back, what happened since stays.

    A repeat changes nothing. Raises MergeRefused when a later merge has to be undone
    first, PointsReserved.
    """
    members = lock_for_merge([merge.kept_id, merge.merged_id])
    record = MemberMerge.objects.get(pk=merge.pk)
    if not record.stands:
        return record
    check_can_undo(record)
    kept, merged = members[record.kept_id], members[record.merged_id]
    both = {"kept_id": kept.pk, "merged_id": merged.pk}
    moved = record.moved
    move_person_back(kept=kept, merged=merged, moved=moved, at=at)
    move_facts_back(**both, moved=moved)
    outcomes = unmerge_points(merge_id=record.pk, **both, moved=moved["points"], at=at)
    move_rewards_back(**both, moved=moved)
    _refresh_tiers(kept, merged, at=at)
    move_enrolments_back(**both, moved=moved)
    record.gone_back = {
        "wallets": [[one.wallet.pk, one.back, one.short, one.expired] for one in outcomes]
    }
    record.undone_at, record.undone_by, record.undone_note = at, by, note.strip()
    record.save(update_fields=["undone_at", "undone_by", "undone_note", "gone_back"])
    return record


def _refresh_tiers(*members: Member, at: datetime) -> None:
    refresh_tiers([Touch(one.pk, at, TierChange.Cause.MERGE) for one in members], at=at)


def check_can_undo(merge: MemberMerge) -> None:
    """Raise MergeRefused while something later rests on this merge."""
    later = MemberMerge.objects.filter(undone_at__isnull=True)
    if above := later.filter(merged=merge.kept_id).select_related("kept").first():
        raise MergeRefused(
            _("%(member)s was merged into %(kept)s since. Undo that merge first.")
            % {"member": merge.kept, "kept": above.kept}
        )
    newer = later.filter(kept=merge.kept_id, pk__gt=merge.pk)
    if after := newer.select_related("merged").order_by("-pk").first():
        raise MergeRefused(
            _("%(member)s was merged into %(kept)s since. Undo that merge first.")
            % {"member": after.merged, "kept": merge.kept}
        )


# --- A second person for many points ------------------------------------------------------


@transaction.atomic
def ask_to_merge(
    *, kept: Member, merged: Member, note: str, by: User, at: datetime
) -> MemberMerge | ChangeRequest:
    """Merge two members, or ask a second person where many points would move.

    What was asked for already and waits is answered again. Raises what ``merge_members``
    raises.
    """
    is_done = merged.merged_into_id == kept.pk
    if not is_done:
        check_can_merge(kept=kept, merged=merged)
    if is_done or not needs_approval(merged):
        return merge_members(
            kept=kept, merged=merged, note=note, by=by.get_username(), at=at
        )
    facts = {"kept": kept.pk, "merged": merged.pk, "note": note}
    waiting = ChangeRequest.objects.filter(kind=MERGE, state=ChangeRequest.State.OPEN)
    same = {"payload__kept": kept.pk, "payload__merged": merged.pk}
    if earlier := waiting.filter(**same).first():
        return earlier
    summary = _("Merge %(merged)s (%(old)s) into %(kept)s (%(code)s): %(note)s") % {
        "merged": merged,
        "old": merged.code,
        "kept": kept,
        "code": kept.code,
        "note": note,
    }
    return request_change(kind=MERGE, payload=facts, summary=summary, by=by, at=at)


def needs_approval(merged: Member) -> bool:
    """Tell whether more would move in a wallet than one person may move by hand."""
    accounts = Account.objects.filter(member=merged).select_related("wallet")
    return any(
        account.wallet.approval_above is not None
        and abs(account.balance) > account.wallet.approval_above
        for account in accounts
    )


def _perform(payload: Mapping[str, Any], request: ChangeRequest, at: datetime) -> None:
    maker, checker = request.requested_by, request.decided_by
    assert checker is not None, "an approved request has a checker"
    members = Member.objects.in_bulk([payload["kept"], payload["merged"]])
    merge_members(
        kept=members[payload["kept"]],
        merged=members[payload["merged"]],
        note=payload["note"],
        by=f"{maker.get_username()} + {checker.get_username()}"[:150],
        at=at,
    )


def register() -> None:
    """Say that merging members can be asked for."""
    about = named(Member, "kept")
    label = gettext_lazy("Merge of members")
    register_act(Act(MERGE, label, PERMISSION, _perform, about=about))
