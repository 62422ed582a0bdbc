"""May these codes be used on this order, what do they take off, and why not the others.

Tills, pages and the verbs that hold and use ask the same function, so what is shown as
usable is what can be used.

Who holds a voucher learns exactly what is missing, and so does a till that has identified
its owner. Everybody else gets one answer for an unknown code, somebody else's code and any
refusal, so that no answer confirms that a code exists. A code for everyone is no secret:
in its time it tells everybody what is missing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache, reduce
from operator import or_

from django.db.models import Q
from django.utils import formats, timezone
from django.utils.translation import gettext as _

from core.errors import InvalidInput
from core.models import Programme
from core.questions import Question, Told
from members.models import Member
from members.services import kept_ids
from rewards.codes import is_code, normalise_code
from rewards.discounts.engine import MOST_ASKED
from rewards.discounts.terms import Terms
from rewards.errors import VoucherRefused
from rewards.models import Voucher, VoucherLimit, VoucherType, VoucherUse
from rewards.offers import Lock
from rewards.tallies import Count, Limit, count_of, counts, is_reached
from rewards.using.checkout import NOTHING, Checkout
from rewards.using.pricing import Priced, Wanted, price

# Why a voucher cannot be used; stable, for machines. The engine's reasons come beside.
UNUSABLE = "not_usable"
UNKNOWN = "unknown"
CANCELLED = "cancelled"
INACTIVE = "inactive"
NOT_YET = "not_yet"
OVER = "over"
NOT_YOURS = "not_yours"
USED = "used"
HELD = "held"
WHO = "member_unknown"
LIMIT = "limit_reached"
PACED = "paced_out"
# What even a code for everyone does not tell everybody.
SECRET = frozenset({UNKNOWN, CANCELLED, INACTIVE, NOT_YET, OVER})


@dataclass(frozen=True, slots=True)
class Found:
    """A code as it was typed, as it is compared, and the voucher that it means."""

    typed: str
    code: str
    voucher: Voucher | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a code does on this order, or why nothing.

    ``counted_for`` is the member whose limits it counts under. ``is_told`` says whether
    the reader may know the reason.
    """

    found: Found
    counted_for: int | None = None
    refusal: Lock | None = None
    is_told: bool = False
    priced: Priced | None = None

    @property
    def is_usable(self) -> bool:
        return self.refusal is None

    @property
    def told(self) -> Lock | None:
        """Return the refusal as the reader may know it."""
        if self.refusal is None or self.is_told:
            return self.refusal
        return neutral()

    @property
    def is_miss(self) -> bool:
        """Tell whether it may have been a guess that missed."""
        return self.refusal is not None and not self.is_told

    @property
    def taken(self) -> Decimal:
        return self.priced.taken if self.priced else NOTHING

    @property
    def voucher(self) -> Voucher:
        assert self.found.voucher is not None, "only a voucher is usable"
        return self.found.voucher


@dataclass(frozen=True, slots=True)
class Quote:
    """What the codes do together, in the order in which they were told."""

    answers: tuple[Answer, ...]
    total: Decimal

    @property
    def taken(self) -> Decimal:
        return sum((answer.taken for answer in self.answers), NOTHING)

    @property
    def to_pay(self) -> Decimal:
        return self.total - self.taken

    @property
    def misses(self) -> int:
        return sum(answer.is_miss for answer in self.answers)


def check_vouchers(
    *, codes: Sequence[str], checkout: Checkout, member: Member | None, at: datetime
) -> Quote:
    """Say what codes take off an order together, or why not; nothing is held.

    A constant number of queries, one more for each group of members that terms name.
    Raises InvalidInput when a code is told twice.
    """
    return check(look_up(codes), checkout, member=member, at=at)


def look_up(codes: Sequence[str]) -> list[Found]:
    """Find the vouchers that typed codes mean. Raises InvalidInput for a double one."""
    meant = [normalise_code(typed) for typed in codes]
    if len(set(meant)) < len(meant):
        raise InvalidInput(_("A voucher was told twice. Tell each code once."))
    vouchers = _vouchers(sorted(code for code in meant if is_code(code)))
    return [
        Found(typed, code, vouchers.get(code))
        for typed, code in zip(codes, meant, strict=True)
    ]


def _vouchers(codes: Sequence[str]) -> dict[str, Voucher]:
    """Return vouchers by code, with their types and the limits of these. Two queries."""
    if not codes:
        return {}
    vouchers = {voucher.code: voucher for voucher in _by_codes(len(codes)).ask(*codes)}
    types = {v.voucher_type_id: v.voucher_type for v in vouchers.values()}
    limits: dict[int, list[VoucherLimit]] = defaultdict(list)
    for limit in _of_types(len(types)).ask(*sorted(types)) if types else ():
        limits[limit.voucher_type_id].append(limit)
    for voucher in vouchers.values():
        voucher.voucher_type.known_limits = limits[voucher.voucher_type_id]
    return vouchers


@lru_cache(maxsize=MOST_ASKED)
def _by_codes(number: int) -> Question[Voucher]:
    """Return the question for so many codes."""
    codes = [Told(place, "text") for place in range(number)]
    return Question(
        lambda: Voucher.objects.filter(code__in=codes).select_related("voucher_type")
    )


@lru_cache(maxsize=MOST_ASKED)
def _of_types(number: int) -> Question[VoucherLimit]:
    """Return the question for the limits of so many types."""
    of_one = [Q(voucher_type=Told(place, "bigint")) for place in range(number)]
    return Question(lambda: VoucherLimit.objects.filter(reduce(or_, of_one)))


def check(
    found: Sequence[Found],
    checkout: Checkout,
    *,
    member: Member | None,
    at: datetime,
    beside: Sequence[Voucher] = (),
) -> Quote:
    """Check vouchers that were found; ``beside`` are others that count already."""
    facts = _Facts(found, member, at)
    answers = {one.code: facts.answer(one) for one in found}
    wanted = [
        Wanted(answer.voucher, facts.terms[answer.voucher.voucher_type_id])
        for answer in answers.values()
        if answer.is_usable
    ]
    already = [Wanted(v, Terms.from_json(v.voucher_type.terms)) for v in beside]
    if wanted:
        prices = price(
            [*already, *wanted],
            checkout,
            member_id=member.pk if member else None,
            at=at,
            programme=facts.programme,
        )
        for one in found:
            if priced := prices.get(one.code):
                answers[one.code] = facts.priced(answers[one.code], priced)
    return Quote(tuple(answers[one.code] for one in found), checkout.total)


def refuse(answers: Sequence[Answer]) -> VoucherRefused:
    """Return the error that says which codes cannot be used, as the reader may know it."""
    refused = [(answer, lock) for answer in answers if (lock := answer.told)]
    told = [
        {"code": answer.found.typed, "reason": lock.code, "sentence": lock.sentence}
        for answer, lock in refused
    ]
    return VoucherRefused(
        " ".join(dict.fromkeys(lock.sentence for _answer, lock in refused)),
        misses=sum(answer.is_miss for answer in answers),
        vouchers=told,
    )


def neutral() -> Lock:
    return Lock(UNUSABLE, _("This voucher cannot be used here."))


def limits_of(voucher_type: VoucherType, member_id: int | None) -> list[Limit]:
    """Return the limits of a type as they bind whoever it is counted for."""
    return [
        limit_of(voucher_type.pk, limit.per, limit.period, limit.times, member_id)
        for limit in voucher_type.known_limits
    ]


def limit_of(
    type_id: int, per: str, period: str, times: int, member_id: int | None
) -> Limit:
    is_own = per == VoucherLimit.Per.MEMBER
    return Limit(subject_of(type_id), member_id if is_own else None, period, times)


def subject_of(type_id: int) -> str:
    return f"voucher_type:{type_id}"


def limit_lock(limit: Limit) -> Lock:
    """Say that a limit is reached."""
    if limit.member_id is None:
        return Lock(PACED, _("It was used as often as all members together may."))
    return Lock(
        LIMIT,
        {
            "day": _("You used it today as often as you can. Use it again tomorrow."),
            "week": _("You used it this week as often as you can, until Monday."),
            "month": _("You used it this month as often as you can, until the next one."),
            "year": _("You used it this year as often as you can, until the next one."),
        }.get(limit.period, _("You used it as often as one member can.")),
    )


def state_lock(voucher: Voucher, at: datetime) -> Lock | None:
    """Say what is wrong with a voucher by itself at a moment; None: nothing."""
    if voucher.state == Voucher.State.CANCELLED:
        return Lock(CANCELLED, _("This voucher was cancelled."))
    if voucher.state != Voucher.State.ISSUED:
        return Lock(UNKNOWN, _("This voucher was not given out."))
    if not voucher.voucher_type.is_active:
        return Lock(INACTIVE, _("This voucher is no longer accepted."))
    if voucher.valid_from is not None and at < voucher.valid_from:
        when = formats.localize(timezone.localtime(voucher.valid_from))
        return Lock(NOT_YET, _("This voucher can be used from %(when)s.") % {"when": when})
    if voucher.valid_until is not None and at >= voucher.valid_until:
        when = formats.localize(timezone.localtime(voucher.valid_until))
        return Lock(OVER, _("This voucher ended on %(when)s.") % {"when": when})
    return None


def used_lock(voucher: Voucher, at: datetime) -> Lock:
    """Say that a voucher has no use left: used up, or in the hands of another till."""
    held = VoucherUse.objects.filter(voucher=voucher, state=VoucherUse.State.HELD)
    ends = held.filter(held_until__gt=at).order_by("held_until")
    until = ends.values_list("held_until", flat=True).first()
    if until is not None:
        when = f"{timezone.localtime(until):%H:%M}"
        sentence = _("A till is holding this voucher. It is free again at %(when)s.")
        return Lock(HELD, sentence % {"when": when})
    if voucher.max_uses == 1:
        return Lock(USED, _("This voucher was used already."))
    return Lock(USED, _("This voucher was used as often as it can be."))


class _Facts:
    """All that codes depend on, read once for all of them."""

    def __init__(self, found: Sequence[Found], member: Member | None, at: datetime) -> None:
        self.member, self.at = member, at
        self.programme = Programme.current()
        self.day = at.astimezone(self.programme.zone).date()
        vouchers = [one.voucher for one in found if one.voucher]
        self.kept = self._kept(vouchers)
        self.used = self._read_counts(vouchers)
        self.terms: dict[int, Terms] = {}

    def answer(self, found: Found) -> Answer:
        """Say what is wrong with a voucher before any basket is looked at."""
        voucher = found.voucher
        if voucher is None:
            return Answer(found, refusal=Lock(UNKNOWN, _("There is no such voucher.")))
        lock = self._lock(voucher)
        if lock is None:
            self._plan(voucher)
        return Answer(
            found,
            counted_for=self._counted_for(voucher),
            refusal=lock,
            is_told=self._is_told(voucher, lock),
        )

    def priced(self, answer: Answer, priced: Priced) -> Answer:
        """Add what the engine says."""
        why = priced.why_not
        lock = Lock(why.code, why.sentence) if why else None
        return Answer(
            answer.found,
            counted_for=answer.counted_for,
            refusal=lock,
            is_told=self._is_told(answer.voucher, lock),
            priced=priced,
        )

    def _lock(self, voucher: Voucher) -> Lock | None:
        if lock := state_lock(voucher, self.at):
            return lock
        owner = self._owner(voucher)
        if owner and voucher.voucher_type.owner_only and not self._is_member(owner):
            return Lock(NOT_YOURS, _("This voucher is somebody else's."))
        if voucher.max_uses is not None and voucher.uses >= voucher.max_uses:
            return used_lock(voucher, self.at)
        return self._limit_reached(voucher) or self._broken(voucher)

    def _limit_reached(self, voucher: Voucher) -> Lock | None:
        member_id = self._counted_for(voucher)
        for told in voucher.voucher_type.known_limits:
            if told.per == VoucherLimit.Per.MEMBER and member_id is None:
                sentence = _("Say who you are: each member can use it so many times.")
                return Lock(WHO, sentence)
        for limit in limits_of(voucher.voucher_type, member_id):
            if is_reached(limit, self.used, self.day):
                return limit_lock(limit)
        return None

    def _plan(self, voucher: Voucher) -> None:
        """Leave the room that one code takes to none that comes after it."""
        for limit in limits_of(voucher.voucher_type, self._counted_for(voucher)):
            key = count_of(limit, self.day)
            self.used[key] = self.used.get(key, 0) + 1

    def _broken(self, voucher: Voucher) -> Lock | None:
        """Read the terms; what nobody can read takes nothing off."""
        voucher_type = voucher.voucher_type
        try:
            self.terms[voucher_type.pk] = Terms.from_json(voucher_type.terms)
        except InvalidInput as fault:
            return Lock(INACTIVE, str(fault.message))
        return None

    def _is_told(self, voucher: Voucher, lock: Lock | None) -> bool:
        owner = self._owner(voucher)
        if owner and self._is_member(owner):
            return True
        is_public = voucher.voucher_type.codes == VoucherType.Codes.SHARED
        return is_public and lock is not None and lock.code not in SECRET

    def _is_member(self, member_id: int) -> bool:
        return self.member is not None and self.member.pk == member_id

    def _owner(self, voucher: Voucher) -> int | None:
        """Return who owns it now: who kept it, where its owner was merged."""
        owner = voucher.member_id
        return None if owner is None else self.kept.get(owner, owner)

    def _counted_for(self, voucher: Voucher) -> int | None:
        return self.member.pk if self.member else self._owner(voucher)

    def _kept(self, vouchers: Collection[Voucher]) -> dict[int, int]:
        own = self.member.pk if self.member else None
        others = {v.member_id for v in vouchers if v.member_id and v.member_id != own}
        return kept_ids(others) if others else {}

    def _read_counts(self, vouchers: Collection[Voucher]) -> dict[Count, int]:
        """Read the limits' counts; nothing is read where nothing is limited."""
        limited = [v for v in vouchers if v.voucher_type.known_limits]
        subjects = {subject_of(v.voucher_type_id) for v in limited}
        used: dict[Count, int] = {}
        for member_id in {self._counted_for(v) for v in limited}:
            used |= counts(subjects, member_id=member_id, day=self.day)
        return used
