"""Giving: everything that customers get passes here, once for each occasion.

An app says by a ``Kind`` how one kind of benefit is handed over and taken back; whoever
gives (a redemption, a tier, a campaign, staff) only names the benefit and the occasion.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _

from core.batch import Column, fetch_all, insert_new, is_postgresql
from core.errors import DomainError
from core.retry import retry_on_conflict
from members.services import kept_ids
from rewards.errors import BenefitUnavailable, KeyReused
from rewards.models import Benefit, GivenBenefit

COLUMNS = (
    Column("key", "text"),
    Column("benefit_id", "bigint"),
    Column("member_id", "bigint"),
    Column("source", "text"),
    Column("source_id", "bigint"),
    Column("given_at", "timestamptz"),
    Column("value", "numeric"),
    Column("actor", "text"),
    Column("note", "text"),
)


@dataclass(frozen=True, slots=True)
class Giving:
    """A wish to give: what, to whom, on which occasion.

    ``wishes``: how the member wants it, such as an address or a slot.
    """

    benefit: Benefit
    member_id: int
    key: str
    source: str
    source_id: int | None = None
    wishes: Mapping[str, Any] = field(default_factory=dict)
    actor: str = ""
    note: str = ""


class Gift(NamedTuple):
    """What a kind hands over: the row that was just written, and how it is wanted."""

    given: GivenBenefit
    wishes: Mapping[str, Any]


class Outcome(NamedTuple):
    """What became of a wish: given now or before, or a refusal."""

    given: GivenBenefit | None
    is_new: bool = False
    refusal: DomainError | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of benefit is handed over and taken back.

    ``give`` gets new rows of one benefit and answers refusals by their ids; what it
    refuses it must not have touched. ``take_back`` raises CannotTakeBack when it is used.
    """

    code: str
    give: Callable[[Benefit, Sequence[Gift], datetime], Mapping[int, DomainError]]
    take_back: Callable[[GivenBenefit, datetime, str], None]


KINDS: dict[str, Kind] = {}


def register_kind(kind: Kind) -> None:
    """Let an app hand over a kind of benefit; again with the same code replaces it."""
    KINDS[kind.code] = kind


def register_own_kinds() -> None:
    """Register what this app hands over by itself."""
    from rewards.kinds import OWN_KINDS

    for kind in OWN_KINDS:
        register_kind(kind)


def give_benefit(giving: Giving, *, at: datetime) -> GivenBenefit:
    """Give one benefit on one occasion; a repeat answers what was given then.

    Raises BenefitUnavailable, WishRefused, KeyReused.
    """
    outcome = give_benefits([giving], at=at)[0]
    if outcome.given is None:
        assert outcome.refusal is not None, "what was not given was refused"
        raise outcome.refusal
    return outcome.given


@retry_on_conflict
@transaction.atomic
def give_benefits(givings: Sequence[Giving], *, at: datetime) -> list[Outcome]:
    """Give benefits, each on its occasion once; one outcome for each wish, in order.

    1 write the occasions that are new; the others were given before
    2 take what the budgets leave, in the order of the wishes
    3 let each kind hand over its own; what it refuses is as if never asked

    Raises KeyReused when an occasion stands for another benefit or member.
    """
    kept = kept_ids({giving.member_id for giving in givings}, lock=True)
    wanted = {giving.key: giving for giving in reversed(givings)}
    fresh = _write(wanted, kept, at)
    refused: dict[str, DomainError] = {}
    for benefit, keys in _by_benefit(givings, fresh).items():
        left = _within_budget(benefit, keys, refused)
        gifts = [Gift(fresh[key], wanted[key].wishes) for key in left]
        told = KINDS[benefit.kind].give(benefit, gifts, at) if gifts else {}
        refused |= {key: told[fresh[key].pk] for key in left if fresh[key].pk in told}
        _return_budget(benefit, len(told))
    _forget([fresh[key].pk for key in refused])
    return _outcomes(givings, kept, fresh, refused)


@retry_on_conflict
@transaction.atomic
def take_back_benefit(given: GivenBenefit, *, at: datetime, actor: str = "") -> bool:
    """Take back what was given; tells whether this call did it. A repeat changes nothing.

    Raises CannotTakeBack when it is used already, wholly or in part.
    """
    taken = GivenBenefit.objects.filter(pk=given.pk, taken_back_at__isnull=True).update(
        taken_back_at=at
    )
    if not taken:
        return False
    benefit = Benefit.objects.get(pk=given.benefit_id)
    _terms_now(benefit.pk)
    KINDS[benefit.kind].take_back(given, at, actor)
    _return_budget(benefit, 1)
    given.refresh_from_db()
    return True


def _write(
    wanted: Mapping[str, Giving], kept: Mapping[int, int], at: datetime
) -> dict[str, GivenBenefit]:
    """Write the occasions that are new; returns them by key."""
    rows = [
        (
            key,
            giving.benefit.pk,
            kept.get(giving.member_id, giving.member_id),
            giving.source,
            giving.source_id,
            at,
            giving.benefit.value,
            giving.actor[:80],
            giving.note[:200],
        )
        for key, giving in sorted(wanted.items())
    ]
    new = insert_new(
        GivenBenefit._meta.db_table, COLUMNS, rows, conflict="key", returning="id"
    )
    found = GivenBenefit.objects.in_bulk([pk for (pk,) in new])
    return {given.key: given for given in found.values()}


def _by_benefit(
    givings: Sequence[Giving], fresh: Mapping[str, GivenBenefit]
) -> dict[Benefit, list[str]]:
    """Group the new occasions by benefit, benefits in one order, wishes in theirs."""
    groups: dict[Benefit, list[str]] = defaultdict(list)
    for giving in sorted(givings, key=lambda giving: giving.benefit.pk):
        if giving.key in fresh and giving.key not in groups[giving.benefit]:
            groups[giving.benefit].append(giving.key)
    return {benefit: keys for benefit, keys in groups.items() if keys}


def _within_budget(
    benefit: Benefit, keys: list[str], refused: dict[str, DomainError]
) -> list[str]:
    """Take room for these under the budget; notes the refusals and returns the rest."""
    is_active, budget = _terms_now(benefit.pk)
    if not is_active:
        error = BenefitUnavailable(_("%(name)s is switched off.") % {"name": benefit})
        refused |= dict.fromkeys(keys, error)
        return []
    if budget is None:
        return keys
    row = Benefit.objects.filter(pk=benefit.pk)
    fits = Q(budget__isnull=True) | Q(budget__gte=F("taken") + len(keys))
    if row.filter(fits).update(taken=F("taken") + len(keys)):
        return keys
    # Not FOR UPDATE: that would wait for everybody who has read the terms.
    now = row.select_for_update(no_key=True).get()
    room = max(0, (now.budget or 0) - now.taken)
    row.update(taken=F("taken") + room)
    error = BenefitUnavailable(
        _("%(name)s was given as often as its budget allows.") % {"name": benefit}
    )
    refused |= dict.fromkeys(keys[room:], error)
    return keys[:room]


def _terms_now(benefit_id: int) -> tuple[bool, int | None]:
    """Read whether a benefit may be given and its budget, as they stand until we are done.

    Whoever sets a budget (``rewards.budgets``) waits for those who give without one, and
    then counts what they gave. Among themselves they wait for nobody.
    """
    lock = "FOR KEY SHARE" if is_postgresql() else ""
    sql = f"SELECT is_active, budget FROM rewards_benefit WHERE id = %s {lock}"
    ((is_active, budget),) = fetch_all(sql, [benefit_id])
    return bool(is_active), budget


def _return_budget(benefit: Benefit, times: int) -> None:
    """Give room back under the budget, if there is one. The terms are locked."""
    if times:
        bound = Benefit.objects.filter(pk=benefit.pk, budget__isnull=False)
        bound.filter(taken__gte=times).update(taken=F("taken") - times)


def _forget(given_ids: Sequence[int]) -> None:
    """Leave no trace of what was refused: it may be asked for again."""
    if given_ids:
        GivenBenefit.objects.filter(pk__in=given_ids).delete()


def _outcomes(
    givings: Sequence[Giving],
    kept: Mapping[int, int],
    fresh: Mapping[str, GivenBenefit],
    refused: Mapping[str, DomainError],
) -> list[Outcome]:
    known = {giving.key for giving in givings} - fresh.keys()
    earlier = {g.key: g for g in GivenBenefit.objects.filter(key__in=known)}
    for giving in givings:
        given = fresh.get(giving.key) or earlier[giving.key]
        _check_same(giving, given, kept)
    return [
        Outcome(None, refusal=refused[giving.key])
        if giving.key in refused
        else Outcome(
            fresh.get(giving.key) or earlier[giving.key], is_new=giving.key in fresh
        )
        for giving in givings
    ]


def _check_same(giving: Giving, given: GivenBenefit, kept: Mapping[int, int]) -> None:
    member_id = kept.get(giving.member_id, giving.member_id)
    known = {member_id, giving.member_id}
    if given.benefit_id != giving.benefit.pk or (
        given.member_id not in known
        and kept_ids([given.member_id]).get(given.member_id) != member_id
    ):
        raise KeyReused(giving.key)
