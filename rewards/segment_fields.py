"""What may be asked about rewards and vouchers of members."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db.models import Count, Exists, Max, Min, OuterRef, Q, QuerySet
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from members.models import Segment
from members.segments import (
    Asked,
    Field,
    Moment,
    Operator,
    ValueKind,
    register_field,
    who_has,
    within_days,
)
from members.segments.uses import UsedBy, register_use
from rewards.models import Redemption, Reward, Voucher, VoucherType, VoucherUse
from rewards.standing import Standing, with_standing

GROUP = _("Rewards and vouchers")
EVERYONE = Q(pk__gt=0)
INSTANT = timedelta(microseconds=1)
# What was cancelled or never paid is no redemption any more.
TAKEN = (Redemption.State.DONE, Redemption.State.UNPAID)


def register_reward_fields() -> None:
    """Fill the registry of segments with the fields of this app."""
    for field in (_holds(), _ending(), _used(), _redeemed(), _num_redemptions()):
        register_field(field)
    register_use(_uses)


def _holds() -> Field:
    return Field(
        "has_voucher",
        _("has an unused voucher"),
        GROUP,
        (
            Operator(
                "yes",
                _("yes"),
                _("hold a voucher “%(value)s” that they can use"),
                lambda code, moment: _holding(_open(moment, code)),
                ValueKind.CHOICE,
                _voucher_types,
            ),
            Operator(
                "no",
                _("no"),
                _("hold no voucher “%(value)s” that they could use"),
                lambda code, moment: ~_holding(_open(moment, code)),
                ValueKind.CHOICE,
                _voucher_types,
            ),
        ),
        tell=_tell_vouchers,
    )


def _ending() -> Field:
    return Field(
        "voucher_ends_in_days",
        _("days until a voucher ends"),
        GROUP,
        (
            Operator(
                "at_most",
                _("at most"),
                _("hold a voucher that ends within %(value)s days"),
                lambda days, moment: _holding(_open(moment).filter(_ends(days, moment))),
                ValueKind.NUMBER,
            ),
        ),
        tell=_tell_ending,
    )


def _used() -> Field:
    return Field(
        "used_voucher",
        _("used a voucher"),
        GROUP,
        _ever_and_lately(
            lambda code: VoucherUse.objects.filter(
                voucher__voucher_type__code=code, state=VoucherUse.State.USED
            ),
            "used_at",
            (
                _("have used a voucher “%(value)s”"),
                _("have never used a voucher “%(value)s”"),
                _("used a voucher “%(value)s” in the last %(also)s days"),
                _("did not use a voucher “%(value)s” in the last %(also)s days"),
            ),
            _voucher_types,
        ),
        tell=_tell_used,
    )


def _redeemed() -> Field:
    return Field(
        "redeemed",
        _("took a reward"),
        GROUP,
        _ever_and_lately(
            lambda code: Redemption.objects.filter(reward__code=code, state__in=TAKEN),
            "redeemed_at",
            (
                _("have taken the reward “%(value)s”"),
                _("have never taken the reward “%(value)s”"),
                _("took the reward “%(value)s” in the last %(also)s days"),
                _("did not take the reward “%(value)s” in the last %(also)s days"),
            ),
            lambda: list(Reward.objects.values_list("code", "name")),
        ),
        tell=_tell_redeemed,
    )


def _num_redemptions() -> Field:
    return Field(
        "redemptions_within",
        _("number of rewards taken in a window"),
        GROUP,
        (
            Operator(
                "at_least",
                _("at least"),
                _("took at least %(value)s rewards in the last %(also)s days"),
                lambda asked, moment: (
                    _took(asked, moment, gte=asked.value) if asked.value > 0 else EVERYONE
                ),
                ValueKind.NUMBER,
                also=within_days(),
            ),
            Operator(
                "at_most",
                _("at most"),
                _("took at most %(value)s rewards in the last %(also)s days"),
                lambda asked, moment: ~_took(asked, moment, gte=asked.value + 1),
                ValueKind.NUMBER,
                also=within_days(),
            ),
        ),
        tell=_tell_number,
    )


# --- conditions --------------------------------------------------------------------------


def _voucher_types() -> list[tuple[str, str]]:
    return list(VoucherType.objects.values_list("code", "name"))


def _open(moment: Moment, code: str = "") -> QuerySet[Voucher]:
    vouchers = Voucher.objects.filter(member__isnull=False, state=Voucher.State.ISSUED)
    if code:
        vouchers = vouchers.filter(voucher_type__code=code)
    return with_standing(vouchers, Standing.OPEN, at=moment.at)


def _holding(vouchers: QuerySet[Voucher]) -> Q:
    return Q(Exists(vouchers.filter(member=OuterRef("pk"))))


def _ends(days: int, moment: Moment) -> Q:
    """Return which vouchers end by the end of a coming day."""
    return Q(
        valid_until__isnull=False,
        valid_until__lte=moment.start_of_days_before(-days - 1),
    )


def _ever_and_lately(
    rows: Any, column: str, phrases: tuple[Any, Any, Any, Any], choices: Any
) -> tuple[Operator, ...]:
    def ever(code: str, _moment: Moment) -> Q:
        return Q(Exists(rows(code).filter(member=OuterRef("pk"))))

    def lately(asked: Asked, moment: Moment) -> Q:
        since = moment.start_of_days_before(asked.also)
        mine = rows(asked.value).filter(member=OuterRef("pk"))
        return Q(Exists(mine.filter(**{f"{column}__gte": since})))

    yes, no, yes_within, no_within = phrases
    values: dict[str, Any] = {"kind": ValueKind.CHOICE, "choices": choices}
    days: dict[str, Any] = {"also": within_days(), **values}
    return (
        Operator("yes", _("ever"), yes, ever, **values),
        Operator("no", _("never"), no, lambda v, m: ~ever(v, m), **values),
        Operator("yes_within", _("lately"), yes_within, lately, **days),
        Operator(
            "no_within", _("not lately"), no_within, lambda v, m: ~lately(v, m), **days
        ),
    )


def _took(asked: Asked, moment: Moment, *, gte: int) -> Q:
    return who_has(_counted(asked.also, moment).filter(count__gte=gte), moment)


def _counted(days: int, moment: Moment) -> QuerySet[Any, Any]:
    """Return how many rewards each member took in a window."""
    taken = Redemption.objects.filter(
        state__in=TAKEN, redeemed_at__gte=moment.start_of_days_before(days)
    )
    return taken.order_by().values("member").annotate(count=Count("pk"))


# --- words -------------------------------------------------------------------------------


def _tell_vouchers(
    member_ids: Sequence[int], code: str, moment: Moment
) -> Mapping[int, str]:
    held = _open(moment, code).filter(member__in=member_ids).order_by().values("member")
    counts = dict(held.annotate(count=Count("pk")).values_list("member", "count"))
    return {
        pk: gettext("%(count)s usable vouchers “%(type)s”")
        % {"count": counts.get(pk, 0), "type": code}
        for pk in member_ids
    }


def _tell_ending(
    member_ids: Sequence[int], _value: Any, moment: Moment
) -> Mapping[int, str]:
    held = _open(moment).filter(member__in=member_ids, valid_until__isnull=False)
    rows = held.order_by().values("member").annotate(first=Min("valid_until"))
    first = dict(rows.values_list("member", "first"))
    return {
        # The instant until which it is usable may be the first of the next day.
        pk: gettext("a voucher ends on %(day)s")
        % {"day": f"{moment.local_day(first[pk] - INSTANT):%d/%m/%Y}"}
        if pk in first
        else gettext("no voucher that ends")
        for pk in member_ids
    }


def _tell_used(member_ids: Sequence[int], value: Any, moment: Moment) -> Mapping[int, str]:
    code = value.value if isinstance(value, Asked) else value
    used = VoucherUse.objects.filter(
        voucher__voucher_type__code=code,
        state=VoucherUse.State.USED,
        member__in=member_ids,
    )
    rows = used.order_by().values("member").annotate(last=Max("used_at"))
    last = dict(rows.values_list("member", "last"))
    return {
        pk: gettext("“%(type)s” used on %(day)s")
        % {"type": code, "day": f"{moment.local_day(last[pk]):%d/%m/%Y}"}
        if pk in last
        else gettext("“%(type)s” never used") % {"type": code}
        for pk in member_ids
    }


def _tell_number(member_ids: Sequence[int], asked: Asked, moment: Moment) -> dict[int, str]:
    rows = _counted(asked.also, moment).filter(member__in=member_ids)
    counts = dict(rows.values_list("member", "count"))
    return {
        pk: ngettext(
            "%(count)s reward in the last %(days)s days",
            "%(count)s rewards in the last %(days)s days",
            counts.get(pk, 0),
        )
        % {"count": counts.get(pk, 0), "days": asked.also}
        for pk in member_ids
    }


def _tell_redeemed(
    member_ids: Sequence[int], value: Any, moment: Moment
) -> Mapping[int, str]:
    code = value.value if isinstance(value, Asked) else value
    taken = Redemption.objects.filter(
        reward__code=code, state__in=TAKEN, member__in=member_ids
    )
    rows = taken.order_by().values("member").annotate(last=Max("redeemed_at"))
    last = dict(rows.values_list("member", "last"))
    return {
        pk: gettext("“%(reward)s” taken on %(day)s")
        % {"reward": code, "day": f"{moment.local_day(last[pk]):%d/%m/%Y}"}
        if pk in last
        else gettext("“%(reward)s” never taken") % {"reward": code}
        for pk in member_ids
    }


# --- who uses a segment ------------------------------------------------------------------


def _uses(codes: Sequence[str]) -> list[UsedBy]:
    """Find the rewards and the types of voucher that are for a segment. Three queries."""
    segments = dict(Segment.objects.filter(code__in=codes).values_list("pk", "code"))
    rewards = Reward.objects.filter(audience__in=segments)
    types = VoucherType.objects.values_list("pk", "name", "terms")
    return [
        *(
            UsedBy(segments[audience], _("reward"), name, "rewards_reward", pk)
            for pk, name, audience in rewards.values_list("pk", "name", "audience")
        ),
        *(
            UsedBy(segments[number], _("type of voucher"), name, "rewards_vouchertype", pk)
            for pk, name, terms in types
            for number in terms.get("segment_ids") or ()
            if number in segments
        ),
    ]
