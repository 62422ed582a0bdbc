"""What a member's page answers: how many points, why this many, what can I do for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _

from activities.models import Order
from campaigns.models import Enrolment
from core.admin_tools import days_ago, link, number, only, programme_of, signed, when
from core.clock import local_date
from core.money import format_money
from core.phones import display_phone, mask_phone
from members.admin.events import Event
from members.admin.merge_sides import outcome_lines
from members.admin.rewards_side import (
    RewardsSide,
    given_events,
    redemption_events,
    redemptions_of,
    rewards_side,
)
from members.admin.wallets import WalletLine, next_expiry, wallet_lines
from members.models import Consent, Identifier, Member, MemberMerge
from messaging.models import Channel, Message
from messaging.reach import with_channel
from points.amounts import Unit
from points.models import Transfer
from points.queries import HistoryEntry, points_wallet
from points.services import points_of_orders
from tiers.models import TierChange
from tiers.queries import standings
from tiers.sentence import describe_progress

LINES = 30


@dataclass(frozen=True, slots=True)
class TierLine:
    """Where a member stands on one ladder, in words."""

    name: str
    color: str
    until: str
    progress: str


@dataclass(slots=True)
class MemberPage:
    """Everything above the form, gathered in a constant number of queries."""

    balance: str
    expiring: list[tuple[str, str]]
    expires_soon: str
    other_wallets: list[dict[str, Any]]
    ledger: list[dict[str, Any]]
    phone: str
    channel: str
    consent: str
    consent_ok: bool
    tags: list[str]
    tiers: list[TierLine]
    last_order: str
    last_order_days: str
    spend: str
    num_orders: str
    campaigns: list[Any]
    rewards: RewardsSide | None = None
    merge: MemberMerge | None = None
    timeline: list[Event] = field(default_factory=list)


def member_page(member: Member, *, request: HttpRequest, at: datetime) -> MemberPage:
    """Gather what staff ask about a member first."""
    today = local_date(at)
    programme = programme_of(request)
    currency = programme.currency
    wallets = wallet_lines(member, programme, today=today, limit=LINES)
    orders = only(member.orders.select_related("store").order_by("-placed_at"), LINES)
    enrolments = _enrolments(member)
    purchases = getattr(member, "purchases", None)
    consent = _marketing_consent(member)
    last = purchases.last_order_on if purchases else None
    return MemberPage(
        **_points(wallets, today),
        phone=_phone(member, request),
        channel=_channel(member),
        consent=_consent_text(consent),
        consent_ok=bool(consent and consent.is_given),
        tags=[row.tag.name for row in member.tags.select_related("tag")],
        tiers=_tiers(member, at, currency),
        last_order=when(last) if last else _("never"),
        last_order_days=days_ago(last, today) if last else "",
        spend=format_money(purchases.spend, currency) if purchases else "",
        num_orders=number(purchases.num_orders if purchases else 0),
        rewards=_rewards(member, request, at),
        campaigns=[e for e in enrolments if e.state == Enrolment.State.ACTIVE],
        merge=_standing_merge(member),
        timeline=_timeline(member, wallets, orders, enrolments),
    )


def _rewards(member: Member, request: HttpRequest, at: datetime) -> RewardsSide | None:
    """Return what the member has and had, for those who may see redemptions."""
    if not request.user.has_perm("rewards.view_redemption"):
        return None
    wallet, programme = points_wallet(), programme_of(request)
    unit = str(wallet.unit_name if wallet else programme.unit_name)
    return rewards_side(member, at=at, unit=unit, currency=str(programme.currency))


def _tiers(member: Member, at: datetime, currency: str) -> list[TierLine]:
    return [
        TierLine(
            one.step.name,
            one.step.color,
            _("through %(day)s") % {"day": when(one.until)} if one.until else "",
            describe_progress(one, currency=currency),
        )
        for one in standings(member, at=at)
    ]


def _points(wallets: list[WalletLine], today: date) -> dict[str, Any]:
    """Say what is in "my points", and beside it in every other wallet."""
    unit = wallets[0].unit if wallets else Unit("")
    days = wallets[0].days if wallets else []
    entries = wallets[0].entries if wallets else []
    return {
        "balance": unit.number(wallets[0].balance if wallets else 0),
        "expiring": [(when(d.expires_on), unit.number(d.points)) for d in days[:3]],
        "expires_soon": next_expiry(days, unit, today)
        or _("Nothing expires in the coming year."),
        "other_wallets": [
            {"line": line, "soon": next_expiry(line.days, line.unit, today)}
            for line in wallets[1:]
        ],
        "ledger": [_ledger_line(entry, unit) for entry in entries[:4]],
    }


def _ledger_line(entry: HistoryEntry, unit: Unit) -> dict[str, Any]:
    why = entry.note
    if entry.rule_name:
        why = f"{entry.rule_name} v{entry.rule_version}"
    return {
        "at": when(entry.happened_at),
        "kind": Transfer.Kind(entry.kind).label,
        "amount": signed(entry.amount, unit.signed(entry.amount)),
        "why": why,
        "id": entry.id,
    }


def _phone(member: Member, request: HttpRequest) -> str:
    phones = member.identifiers.filter(kind=Identifier.Kind.PHONE).order_by("pk")
    value = phones.values_list("value", flat=True).first()
    if not value:
        return _("no phone")
    allowed = request.user.has_perm("members.view_identifier")
    return display_phone(value) if allowed else mask_phone(value)


def _channel(member: Member) -> str:
    """Say by which channel an offer would go to this member today."""
    this: QuerySet[Member] = Member.objects.filter(pk=member.pk)
    row = with_channel(this, purpose=Consent.Purpose.MARKETING).first()
    channel = getattr(row, "channel", None)
    return str(Channel(channel).label) if channel else _("by no channel")


def _marketing_consent(member: Member) -> Consent | None:
    rows = member.consents.filter(purpose=Consent.Purpose.MARKETING)
    return rows.order_by("channel").first()


def _consent_text(consent: Consent | None) -> str:
    if consent is None:
        return _("never asked about offers")
    facts = {"day": when(local_date(consent.changed_at)), "source": consent.source}
    if consent.is_given:
        return _("offers allowed since %(day)s (%(source)s)") % facts
    return _("offers refused on %(day)s (%(source)s)") % facts


def _standing_merge(member: Member) -> MemberMerge | None:
    """Return how this member became another, while that stands."""
    if not member.is_merged:
        return None
    merges = MemberMerge.objects.filter(merged=member, undone_at__isnull=True)
    return merges.select_related("kept").first()


def _merges(member: Member) -> list[MemberMerge]:
    both = MemberMerge.objects.filter(Q(kept=member) | Q(merged=member))
    return only(both.select_related("kept", "merged").order_by("-pk"), LINES)


def _enrolments(member: Member) -> list[Enrolment]:
    rows = member.enrolments.select_related("campaign").order_by("-entered_at")
    return only(rows, LINES)


# --- the timeline ---------------------------------------------------------------------


def _timeline(
    member: Member,
    wallets: list[WalletLine],
    orders: list[Order],
    enrolments: list[Enrolment],
) -> list[Event]:
    """Merge orders, wallets, messages and campaigns, newest first."""
    entries = wallets[0].entries if wallets else []
    unit = wallets[0].unit if wallets else Unit("")
    shown = {order.pk for order in orders}
    earned = {
        entry.source_id: entry
        for entry in entries
        if entry.source_type == "order" and entry.kind == Transfer.Kind.EARN
    }
    merges = _merges(member)
    # Orders that came with a merge earned on the account of old.
    came = [order.pk for order in orders if order.pk not in earned] if merges else []
    given = points_of_orders(came) if came else {}
    events = [_order_event(order, earned.get(order.pk), given, unit) for order in orders]
    redemptions = redemptions_of(member, LINES)
    told = {row.transfer_id for row in redemptions}
    events += [
        _ledger_event(entry, unit)
        for entry in entries
        if entry.id not in told
        and not (entry.kind == Transfer.Kind.EARN and entry.source_id in shown)
    ]
    for line in wallets[1:]:
        named = f" · {line.wallet.name}"
        events += [_ledger_event(entry, line.unit, named) for entry in line.entries]
    events += [*redemption_events(redemptions), *given_events(member, LINES)]
    events += [_tier_event(change) for change in _tier_changes(member)]
    messages = member.messages.select_related("template").order_by("-pk")
    events += [_message_event(message) for message in only(messages, LINES)]
    for enrolment in enrolments:
        events += _enrolment_events(enrolment)
    for merge in merges:
        events += _merge_events(merge, member)
    events.append(Event(member.joined_at, "person_add", _("Joined the programme")))
    return sorted(events, key=lambda event: event.at, reverse=True)[:LINES]


def _order_event(
    order: Order, entry: HistoryEntry | None, given: Mapping[int, int], unit: Unit
) -> Event:
    where = order.store.name if order.store else order.get_channel_display()
    total = format_money(order.total, order.currency)
    detail = where
    if entry and entry.rule_name:
        detail = f"{where} · {entry.rule_name} v{entry.rule_version}"
    points = entry.amount if entry else given.get(order.pk)
    return Event(
        order.placed_at,
        "shopping_bag",
        link(order, _("Order %(number)s · %(total)s") % {"number": order, "total": total}),
        detail,
        signed(points, unit.signed(points)) if points else "",
    )


def _ledger_event(entry: HistoryEntry, unit: Unit, named: str = "") -> Event:
    title = Transfer.Kind(entry.kind).label
    return Event(
        entry.happened_at,
        "toll",
        str(title).capitalize() + named,
        entry.rule_name or entry.note,
        signed(entry.amount, unit.signed(entry.amount)),
    )


def _tier_changes(member: Member) -> list[TierChange]:
    changes = member.tier_changes.select_related("from_tier", "to_tier")
    return only(changes.order_by("-pk"), LINES)


def _tier_event(change: TierChange) -> Event:
    title = _("Tier %(tier)s: %(what)s") % {
        "tier": change.to_tier,
        "what": change.get_kind_display(),
    }
    detail = change.note or change.get_cause_display()
    return Event(change.happened_at, "military_tech", title, detail)


def _message_event(message: Message) -> Event:
    state = message.get_state_display()
    detail = f"{message.get_channel_display()} · {state}"
    if message.reason:
        detail = f"{detail} ({message.reason})"
    at = message.sent_at or message.planned_at
    return Event(at, "chat", link(message, message.template.name), detail)


def _enrolment_events(enrolment: Enrolment) -> list[Event]:
    campaign = enrolment.campaign
    events = [
        Event(
            enrolment.entered_at,
            "campaign",
            link(campaign, _("Taken into “%(campaign)s”") % {"campaign": campaign}),
        )
    ]
    if enrolment.closed_at and enrolment.state == Enrolment.State.RETURNED:
        title = _("Came back after “%(campaign)s”") % {"campaign": campaign}
        events.append(Event(enrolment.closed_at, "celebration", title))
    return events


def _merge_events(merge: MemberMerge, member: Member) -> list[Event]:
    if merge.kept_id == member.pk:
        other = merge.merged
        title = _("%(member)s (%(code)s) was merged into this member")
    else:
        other = merge.kept
        title = _("Merged into %(member)s (%(code)s)")
    facts = {"member": other, "code": other.code}
    events = [
        Event(
            merge.merged_at,
            "call_merge",
            link(other, title % facts),
            f"{merge.merged_by} · {merge.note}",
        )
    ]
    if merge.undone_at:
        undone = _("The merge with %(member)s (%(code)s) was undone") % facts
        told = [merge.undone_by, merge.undone_note, *outcome_lines(merge)]
        detail = " · ".join(filter(None, told))
        events.append(Event(merge.undone_at, "call_split", link(other, undone), detail))
    return events
