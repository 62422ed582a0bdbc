"""What a member has and had of rewards, for the page of the call centre."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F, Q
from django.utils.translation import gettext as _

from core.admin_tools import link, list_address, only, signed, when
from members.admin.events import Event
from members.models import Member
from rewards.admin.outcomes import booking_words, cost_words, page_link
from rewards.admin.words import spoken
from rewards.models import Booking, Fulfilment, GivenBenefit, Redemption, Voucher
from rewards.sentence import until

SHOWN = 5


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that a member has: what it is, and how it stands."""

    what: Any
    how: str


@dataclass(frozen=True, slots=True)
class RewardsSide:
    """What can be used now, what is on its way, what was had last."""

    usable: list[Item]
    more_usable: bool
    coming: list[Item]
    had: list[Item]
    all_had: str


def rewards_side(member: Member, *, at: datetime, unit: str, currency: str) -> RewardsSide:
    """Gather what staff are asked about rewards. Four queries."""
    vouchers = usable_vouchers(member, at)
    return RewardsSide(
        usable=[_voucher(voucher) for voucher in vouchers[:SHOWN]],
        more_usable=len(vouchers) > SHOWN,
        coming=[*_gifts(member), *_bookings(member, at)],
        had=_redemptions(member, unit, currency),
        all_had=f"{list_address(Redemption)}?q={member.code}",
    )


def usable_vouchers(member: Member, at: datetime) -> list[Voucher]:
    """Return the vouchers that can be used, those that end first; one more than shown."""
    unused = Q(max_uses__isnull=True) | Q(uses__lt=F("max_uses"))
    not_over = Q(valid_until__isnull=True) | Q(valid_until__gt=at)
    held = Voucher.objects.filter(
        unused, not_over, member=member, state=Voucher.State.ISSUED
    )
    first = F("valid_until").asc(nulls_last=True)
    return only(held.select_related("voucher_type").order_by(first, "pk"), SHOWN + 1)


def _voucher(voucher: Voucher) -> Item:
    told = until(voucher.valid_until) or _("without end")
    what = page_link(voucher, f"{voucher.voucher_type.name} · {spoken(voucher)}")
    return Item(what, told)


def _gifts(member: Member) -> list[Item]:
    under_way = Fulfilment.objects.filter(member=member).exclude(
        state__in=[Fulfilment.State.DONE, Fulfilment.State.CANCELLED]
    )
    rows = under_way.select_related("given__benefit", "store").order_by("-pk")
    return [
        Item(page_link(row, str(row.given.benefit)), _gift_state(row))
        for row in only(rows, SHOWN)
    ]


def _gift_state(row: Fulfilment) -> str:
    parts = [row.get_state_display(), row.store, row.carrier, row.tracking]
    return " · ".join(str(part) for part in parts if part)


def _bookings(member: Member, at: datetime) -> list[Item]:
    still = Q(slot__isnull=True) | Q(slot__ends_at__gt=at)
    rows = Booking.objects.filter(
        still,
        member=member,
        state__in=[Booking.State.OPEN, Booking.State.BOOKED],
    ).select_related("given__benefit", "slot__store")
    return [
        Item(page_link(row, str(row.given.benefit)), booking_words(row))
        for row in only(rows, SHOWN)
    ]


def _redemptions(member: Member, unit: str, currency: str) -> list[Item]:
    rows = member.redemptions.select_related("reward__wallet").order_by("-pk")
    items = []
    for row in only(rows, SHOWN):
        cost, state = cost_words(row, unit, currency), str(row.get_state_display())
        told = " · ".join([when(row.redeemed_at), cost, state])
        items.append(Item(link(row, row.reward.name), told))
    return items


# --- In the timeline --------------------------------------------------------------------


def redemptions_of(member: Member, most: int) -> list[Redemption]:
    """Return what was redeemed last, with what the timeline says of it."""
    rows = member.redemptions.select_related("reward", "transfer")
    return only(rows.order_by("-pk"), most)


def redemption_events(rows: Iterable[Redemption]) -> list[Event]:
    """Tell each redemption, with the points that it took, and how it ended."""
    events = []
    for row in rows:
        title = _("Redeemed: %(reward)s") % {"reward": row.reward}
        paid = signed(-row.points) if row.points else ""
        events.append(
            Event(row.redeemed_at, "redeem", link(row, title), row.actor or row.code, paid)
        )
        if row.ended_at is not None:
            what = _("%(reward)s: %(state)s") % {
                "reward": row.reward,
                "state": row.get_state_display(),
            }
            told = " · ".join(part for part in (row.ended_by, row.end_note) if part)
            events.append(Event(row.ended_at, "undo", link(row, what), told))
    return events


def given_events(member: Member, most: int) -> list[Event]:
    """Tell what was given without being bought: by staff, a tier, a campaign."""
    rows = GivenBenefit.objects.filter(member=member)
    rows = rows.exclude(source=GivenBenefit.Source.REDEMPTION).select_related("benefit")
    events = []
    for row in only(rows.order_by("-pk"), most):
        told = (row.get_source_display(), row.actor, row.note)
        title = _("Given: %(benefit)s") % {"benefit": row.benefit}
        detail = " · ".join(str(part) for part in told if part)
        events.append(Event(row.given_at, "card_giftcard", link(row, title), detail))
        if row.taken_back_at is not None:
            back = _("Taken back: %(benefit)s") % {"benefit": row.benefit}
            events.append(Event(row.taken_back_at, "undo", link(row, back)))
    return events
