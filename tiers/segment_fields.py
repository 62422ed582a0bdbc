"""What may be asked about members' tiers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core.batch import Column, fetch_all, rows_source
from core.models import Programme
from core.money import format_money
from members.segments import (
    Field,
    Moment,
    Occasion,
    Operator,
    ValueKind,
    register_field,
)
from tiers.definition import Definition
from tiers.ladders import ladders_in_force, main_ladder
from tiers.models import MemberTier, TierChange

GROUP = _("Tiers")
OCCASION = (
    Column("id", "bigint"),
    Column("member_id", "bigint"),
    Column("at", "timestamptz"),
    Column("kind", "text"),
)


def register_tier_fields() -> None:
    """Fill the registry of segments with the fields of this app."""
    for field in (_tier(), _last_change(), _days_since(), _missing(), _days_left()):
        register_field(field)


def tier_value(ladder_code: str, tier_code: str) -> str:
    """Name a tier of any ladder in a condition."""
    return f"{ladder_code}:{tier_code}"


def _tier() -> Field:
    return Field(
        "tier",
        _("tier"),
        GROUP,
        (
            Operator(
                "is",
                _("is"),
                _("are in the tier “%(value)s”"),
                lambda value, _moment: _in_tiers(value),
                ValueKind.CHOICE,
                _tiers,
            ),
            Operator(
                "is_not",
                _("is not"),
                _("are not in the tier “%(value)s”"),
                lambda value, _moment: ~_in_tiers(value),
                ValueKind.CHOICE,
                _tiers,
            ),
            Operator(
                "at_least",
                _("is at least"),
                _("are in the tier “%(value)s” or higher"),
                lambda value, _moment: _in_tiers(value, or_higher=True),
                ValueKind.CHOICE,
                _tiers,
            ),
        ),
        tell=_tell_tier,
        as_of=_tier_as_of,
    )


def _last_change() -> Field:
    return Field(
        "last_tier_event",
        _("what happened to the tier last"),
        GROUP,
        (
            Operator(
                "is",
                _("is"),
                _("had “%(value)s” as the last event of their tier"),
                lambda value, _moment: _last_event(value),
                ValueKind.CHOICE,
                lambda: TierChange.Kind.choices,
            ),
        ),
        tell=_tell_tier,
    )


def _days_since() -> Field:
    return Field(
        "days_since_tier_change",
        _("days since the tier changed"),
        GROUP,
        (
            Operator(
                "more_than",
                _("more than"),
                _("changed tier more than %(value)s days ago"),
                lambda days, moment: _main(since__lt=moment.start_of_days_before(days)),
                ValueKind.NUMBER,
            ),
            Operator(
                "at_most",
                _("at most"),
                _("changed tier in the last %(value)s days"),
                lambda days, moment: _main(since__gte=moment.start_of_days_before(days)),
                ValueKind.NUMBER,
            ),
        ),
        tell=_tell_tier,
    )


def _missing() -> Field:
    return Field(
        "missing_to_next_tier",
        _("spend still missing to the next tier"),
        GROUP,
        (
            Operator(
                "at_most",
                _("at most"),
                _("need at most %(value)s more for the next tier"),
                lambda amount, _moment: _missing_at_most(amount),
                ValueKind.MONEY,
            ),
        ),
        tell=_tell_tier,
    )


def _days_left() -> Field:
    return Field(
        "tier_ends_in_days",
        _("days until the tier ends"),
        GROUP,
        (
            Operator(
                "at_most",
                _("at most"),
                _("lose their tier within %(value)s days unless they buy more"),
                lambda days, moment: _main(
                    holds_until__gte=moment.today,
                    holds_until__lte=moment.days_before(-days),
                ),
                ValueKind.NUMBER,
            ),
        ),
        tell=_tell_tier,
    )


# --- conditions -------------------------------------------------------------------------


def _standing(**conditions: Any) -> Q:
    rows = MemberTier.objects.filter(
        member=OuterRef("pk"), ladder__is_active=True, **conditions
    )
    return Q(Exists(rows))


def _main(**conditions: Any) -> Q:
    """Ask about the ladder that members mean by "my tier"."""
    ladder = main_ladder()
    if ladder is None:
        return Q(pk__lt=0)
    return _standing(ladder=ladder.ladder_id, **conditions)


def _in_tiers(value: str, *, or_higher: bool = False) -> Q:
    """Ask who stands on a tier; who has no standing yet stands on the lowest."""
    ladder, tiers = _meant(value, or_higher=or_higher)
    if ladder is None:
        return Q(pk__lt=0)
    standing = _standing(ladder=ladder.ladder_id, tier__in=tiers)
    if ladder.lowest.tier_id in tiers:
        standing |= ~_standing(ladder=ladder.ladder_id)
    return standing


def _meant(value: str, *, or_higher: bool) -> tuple[Definition | None, list[int]]:
    """Return the ladder that a value names, and the tiers that are meant. One query."""
    ladder_code, _colon, tier_code = str(value).partition(":")
    for ladder in ladders_in_force():
        codes = [step.code for step in ladder.steps]
        if ladder.code == ladder_code and tier_code in codes:
            first = codes.index(tier_code)
            meant = ladder.steps[first:] if or_higher else ladder.steps[first : first + 1]
            return ladder, [step.tier_id for step in meant]
    return None, []


def _tier_as_of(operator: str, value: str, occasions: Sequence[Occasion]) -> set[int]:
    """Judge each occasion by the tier of its moment. Two queries.

    What the occasion itself changes comes after it: the purchase that leads to gold is
    still one of a silver member. Before the first event everybody is on the lowest tier.
    """
    ladder, tiers = _meant(value, or_higher=operator == "at_least")
    if ladder is None:
        return {one.key for one in occasions} if operator == "is_not" else set()
    source, parameters = rows_source(OCCASION, occasions)
    rows = fetch_all(
        "SELECT r.id, (SELECT c.to_tier_id FROM tiers_tierchange c "
        "WHERE c.member_id = r.member_id AND c.ladder_id = %s AND c.happened_at <= r.at "
        "AND NOT (c.cause = r.kind AND COALESCE(c.cause_id, 0) = r.id) "
        "ORDER BY c.happened_at DESC, c.id DESC LIMIT 1) "
        f"FROM {source} CROSS JOIN members_member m "
        "WHERE m.id = r.member_id AND m.merged_into_id IS NULL",
        [ladder.ladder_id, *parameters],
    )
    is_wanted = operator != "is_not"
    lowest = ladder.lowest.tier_id
    return {key for key, tier in rows if ((tier or lowest) in tiers) is is_wanted}


def _last_event(kind: str) -> Q:
    ladder = main_ladder()
    if ladder is None:
        return Q(pk__lt=0)
    events: QuerySet[TierChange] = TierChange.objects.filter(
        member=OuterRef("member"), ladder=ladder.ladder_id
    ).order_by("-happened_at", "-pk")
    last = MemberTier.objects.annotate(last=Subquery(events.values("kind")[:1])).filter(
        member=OuterRef("pk"), ladder=ladder.ladder_id, last=kind
    )
    return Q(Exists(last))


def _missing_at_most(amount: Decimal) -> Q:
    """Compare what counts now with the next tier's threshold, tier by tier."""
    ladder = main_ladder()
    near = Q(pk__in=[])
    for step in ladder.steps if ladder else ():
        above = ladder.above(step) if ladder else None
        if above is not None and above.threshold.spend is not None:
            need = above.threshold.spend - amount
            near |= Q(tier=step.tier_id, spend__gte=need)
    if ladder is None:
        return Q(pk__lt=0)
    rows = MemberTier.objects.filter(near, member=OuterRef("pk"), ladder=ladder.ladder_id)
    return Q(Exists(rows))


def _tiers() -> list[tuple[str, str]]:
    """Return every tier in force; with several ladders, each under its ladder's name."""
    ladders = ladders_in_force()
    return [
        (
            tier_value(ladder.code, step.code),
            step.name if len(ladders) == 1 else f"{ladder.name}: {step.name}",
        )
        for ladder in ladders
        for step in ladder.steps
    ]


def _tell_tier(member_ids: Sequence[int], _value: Any, moment: Moment) -> Mapping[int, str]:
    ladder = main_ladder()
    told = dict.fromkeys(member_ids, gettext("no tier yet"))
    if ladder is None:
        return told
    currency = str(Programme.current().currency)
    rows = MemberTier.objects.filter(member__in=member_ids, ladder=ladder.ladder_id)
    return told | {
        row.member_id: gettext("Tier %(tier)s since %(day)s; %(spend)s counts")
        % {
            "tier": row.tier.name,
            "day": f"{moment.local_day(row.since):%d/%m/%Y}",
            "spend": format_money(row.spend, currency),
        }
        for row in rows.select_related("tier")
    }
