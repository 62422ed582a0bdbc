"""A member's vouchers: what can be used and until when, and what became of the others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.db.models import Exists, F, OuterRef, Q, QuerySet, TextChoices
from django.utils.translation import gettext_lazy as _

from activities.models import Store
from core.errors import DomainError
from core.models import Programme
from core.money import format_money
from members.models import Member
from portal.days import LastDay, day_of, last_day
from rewards.codes import in_fours
from rewards.discounts.faults import faults
from rewards.discounts.terms import Kind, Terms
from rewards.models import Redemption, Voucher, VoucherType, VoucherUse
from rewards.naming import describe_named
from rewards.standing import Standing, standing_of

PAST = timedelta(days=90)
MOST_PAST = 50
MOST_STORES = 20
COUNTED = (VoucherUse.State.HELD, VoucherUse.State.USED)


class State(TextChoices):
    """Where a voucher stands."""

    USABLE = "usable", _("usable")
    COMING = "coming", _("usable later")
    HELD = "held", _("at a till")
    USED = "used", _("used")
    ENDED = "ended", _("expired")
    OFF = "off", _("no longer accepted")
    CANCELLED = "cancelled", _("cancelled")


STATES = {
    Standing.OPEN: State.USABLE,
    Standing.EARLY: State.COMING,
    Standing.USED: State.USED,
    Standing.EXPIRED: State.ENDED,
    Standing.CANCELLED: State.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class Use:
    """One use: when, where, and what it took off."""

    day: date
    place: str
    taken_off: str


@dataclass(frozen=True, slots=True)
class About:
    """For what a voucher is good, in one sentence, and where if not everywhere."""

    sentence: str = ""
    stores: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class VoucherCard:
    """A voucher in words. ``uses_left`` only where there may be several.

    ``held_until`` is empty, too, when the till's time is over and it comes back by itself.
    """

    voucher: Voucher
    state: State
    until: LastDay | None
    held_until: datetime | None
    uses_left: int | None
    uses: list[Use]

    @property
    def name(self) -> str:
        return self.voucher.voucher_type.name

    @property
    def is_current(self) -> bool:
        return self.state in (State.USABLE, State.COMING, State.HELD)

    @property
    def is_partners(self) -> bool:
        return bool(self.voucher.voucher_type.terms.get("kind") == Kind.PARTNER)

    @property
    def code(self) -> str:
        """Return the code as it is shown: a partner's in the partner's own letters."""
        voucher = self.voucher
        if self.is_partners:
            return voucher.written_as or voucher.code
        return in_fours(voucher.code)

    @property
    def scanned(self) -> str:
        """Return what the QR code says."""
        return self.code if self.is_partners else self.voucher.code

    @property
    def last_use(self) -> Use | None:
        return self.uses[-1] if self.uses else None


def usable(member: Member, *, at: datetime) -> QuerySet[Voucher]:
    """Return the vouchers that a member has and can use, now or from a later day."""
    unused = Q(max_uses__isnull=True) | Q(uses__lt=F("max_uses"))
    return Voucher.objects.filter(
        unused,
        not_over(at),
        member=member,
        state=Voucher.State.ISSUED,
        voucher_type__is_active=True,
    )


def not_over(at: datetime) -> Q:
    return Q(valid_until__isnull=True) | Q(valid_until__gt=at)


def ending_first(vouchers: QuerySet[Voucher]) -> QuerySet[Voucher]:
    return vouchers.order_by(F("valid_until").asc(nulls_last=True), "pk")


def current_vouchers(
    member: Member, *, programme: Programme, at: datetime
) -> list[VoucherCard]:
    """Return what can be used or is held by a till, ending first. Two queries."""
    held = VoucherUse.objects.filter(voucher=OuterRef("pk"), state=VoucherUse.State.HELD)
    at_a_till = Voucher.objects.filter(
        Exists(held), member=member, state=Voucher.State.ISSUED
    )
    both = ending_first(usable(member, at=at) | at_a_till).select_related("voucher_type")
    cards = _cards(list(both), programme, at)
    # Who looks for one to use finds those first that work today.
    return sorted(cards, key=lambda card: card.state != State.USABLE)


def next_to_end(
    member: Member, *, programme: Programme, at: datetime
) -> VoucherCard | None:
    """Return the voucher that ends first of those that work today. One query."""
    begun = Q(valid_from__isnull=True) | Q(valid_from__lte=at)
    working = usable(member, at=at).filter(begun).select_related("voucher_type")
    first = ending_first(working).first()
    return _card(first, [], programme, at) if first else None


def past_vouchers(
    member: Member, *, programme: Programme, at: datetime
) -> list[VoucherCard]:
    """Return what was used up, ended or cancelled of late, newest first. Two queries."""
    since = at - PAST
    used = VoucherUse.objects.filter(
        voucher=OuterRef("pk"), state=VoucherUse.State.USED, used_at__gt=since
    )
    over = Q(valid_until__lte=at, valid_until__gt=since)
    used_up = Q(Exists(used), uses__gte=F("max_uses"))
    off = Q(voucher_type__is_active=False) & not_over(at)
    issued = Q(state=Voucher.State.ISSUED)
    cancelled = Q(state=Voucher.State.CANCELLED, cancelled_at__gt=since)
    gone = (issued & (over | used_up | off)) | cancelled
    past = Voucher.objects.filter(gone, member=member)
    rows = past.select_related("voucher_type").order_by("-pk")[:MOST_PAST]
    return [card for card in _cards(list(rows), programme, at) if not card.is_current]


def voucher_card(
    member: Member, code: str, *, programme: Programme, at: datetime
) -> VoucherCard | None:
    """Return one voucher of a member's own; None for anybody else's. Two queries."""
    own = Voucher.objects.filter(member=member).exclude(state=Voucher.State.POOLED)
    voucher = own.select_related("voucher_type").filter(code=code.upper()).first()
    return _cards([voucher], programme, at)[0] if voucher else None


def redemption_of(voucher: Voucher) -> Redemption | None:
    """Return the redemption that gave a voucher, if one did."""
    if voucher.given_id is None:
        return None
    rows = Redemption.objects.filter(given=voucher.given_id)
    return rows.select_related("reward__wallet").first()


def about(voucher_type: VoucherType, programme: Programme) -> About:
    """Say for what and where vouchers of a type are good; nothing of a partner's.

    One query where they are good in some stores only.
    """
    try:
        terms = Terms.from_json(voucher_type.terms or {})
    except DomainError:
        return About()
    if terms.kind == Kind.PARTNER or faults(terms):
        return About()
    stores = Store.objects.filter(pk__in=terms.store_ids).order_by("name")
    return About(
        describe_named(terms, currency=programme.currency),
        list(stores.values_list("name", flat=True)[:MOST_STORES]),
    )


def state_of(voucher: Voucher, *, is_held: bool, at: datetime) -> State:
    """Say where a voucher stands for its member. Asks for its type."""
    standing = standing_of(voucher, at=at)
    # What a till holds is counted as used until it is paid for or let go.
    state = State.HELD if is_held and standing == Standing.USED else STATES[standing]
    is_off = not voucher.voucher_type.is_active
    return State.OFF if is_off and state in (State.USABLE, State.COMING) else state


def _cards(
    vouchers: Sequence[Voucher], programme: Programme, at: datetime
) -> list[VoucherCard]:
    uses = _counted_uses(vouchers)
    return [_card(voucher, uses[voucher.pk], programme, at) for voucher in vouchers]


def _card(
    voucher: Voucher, uses: Sequence[VoucherUse], programme: Programme, at: datetime
) -> VoucherCard:
    used = [use for use in uses if use.state == VoucherUse.State.USED]
    held = [use for use in uses if use.state == VoucherUse.State.HELD]
    until = [use.held_until for use in held if use.held_until and use.held_until > at]
    most = voucher.max_uses or 1
    return VoucherCard(
        voucher=voucher,
        state=state_of(voucher, is_held=bool(held), at=at),
        until=last_day(voucher.valid_until, programme.zone),
        held_until=max(until, default=None),
        uses_left=most - voucher.uses if most > 1 else None,
        uses=[_use(use, programme) for use in used],
    )


def _use(use: VoucherUse, programme: Programme) -> Use:
    return Use(
        day=day_of(use.used_at or use.happened_at, programme),
        place=use.store.name if use.store else "",
        taken_off=format_money(use.discount, programme.currency) if use.discount else "",
    )


def _counted_uses(vouchers: Sequence[Voucher]) -> dict[int, list[VoucherUse]]:
    found: dict[int, list[VoucherUse]] = defaultdict(list)
    rows = VoucherUse.objects.filter(
        voucher__in=[voucher.pk for voucher in vouchers], state__in=COUNTED
    )
    for use in rows.select_related("store").order_by("pk"):
        found[use.voucher_id].append(use)
    return found
