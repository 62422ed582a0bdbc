"""A member's history as a page of lines: what, where, how many points, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from activities.models import Order
from core.models import Programme
from core.money import format_money
from members.models import Member
from members.names import mask_name
from points.earning.rulebook import definition_of_version
from points.models import EarnRuleVersion, Transfer, Wallet
from points.queries import HistoryEntry, history
from points.rules import describe_version, group_names
from points.services import RETURN
from portal.causes import NO_CAUSE, Cause, causes_of
from portal.purses import counts_points

LINES_A_PAGE = 30
ICONS = {
    Transfer.Kind.EARN: "points",
    Transfer.Kind.SPEND: "gift",
    Transfer.Kind.EXPIRE: "clock",
    Transfer.Kind.ADJUST: "pencil",
    Transfer.Kind.OPENING: "points",
    Transfer.Kind.REVERSE: "undo",
    Transfer.Kind.MATURE: "clock",
    Transfer.Kind.RESERVE: "gift",
    Transfer.Kind.FEE: "pencil",
    Transfer.Kind.GIFT: "gift",
    Transfer.Kind.MERGE: "points",
}


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the explanation that a tap unfolds."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Line:
    """One movement in the shop's words."""

    id: int
    icon: str
    title: str
    place: str
    happened_at: datetime
    amount: int
    was_taken_back: bool
    taken_back: int
    why: str
    facts: tuple[Fact, ...]
    address: str = ""


@dataclass(frozen=True, slots=True)
class Month:
    """The lines of one month of the programme's calendar."""

    first_day: date
    lines: list[Line]


@dataclass(frozen=True, slots=True)
class Page:
    """Some months, and from which line the next page goes on."""

    months: list[Month]
    next_before: int | None


def history_page(
    member: Member,
    *,
    programme: Programme,
    wallet: Wallet | None,
    before_id: int | None = None,
) -> Page:
    """Return the lines of a wallet below ``before_id``, by month, newest first."""
    entries = history(member, wallet=wallet, before_id=before_id, limit=LINES_A_PAGE + 1)
    shown = entries[:LINES_A_PAGE]
    lines = explain(member, shown, programme=programme, wallet=wallet)
    months = groupby(lines, key=lambda line: _month(line.happened_at, programme))
    return Page(
        months=[Month(first_day=day, lines=list(group)) for day, group in months],
        next_before=shown[-1].id if len(entries) > LINES_A_PAGE else None,
    )


def explain(
    member: Member,
    entries: Sequence[HistoryEntry],
    *,
    programme: Programme,
    wallet: Wallet | None,
) -> list[Line]:
    """Turn movements of a wallet into lines.

    One query for the orders, two for the rules and one for the groups that they are for,
    one for who gave and who received, three for rewards and benefits.
    """
    order_ids = {e.source_id for e in entries if e.source_type == "order" and e.source_id}
    orders = member.orders.filter(pk__in=order_ids).select_related("store")
    by_id = {order.pk: order for order in orders}
    rules = _rules_as_they_were([e.id for e in entries if e.rule_version is not None])
    friends = _friends(member, [e.id for e in entries if e.kind == Transfer.Kind.GIFT])
    groups = group_names(definition_of_version(one) for one in set(rules.values()))
    teller = _Teller(programme, groups, counts_points=counts_points(wallet))
    causes = causes_of(entries)
    return [
        teller.line(
            entry,
            by_id.get(entry.source_id or 0) if entry.source_type == "order" else None,
            rules.get(entry.id),
            friends.get(entry.id, ""),
            causes.get(entry.id, NO_CAUSE),
        )
        for entry in entries
    ]


def place_of(order: Order) -> str:
    """Say where something was bought: the shop, else the channel."""
    if order.store is not None:
        return order.store.name
    return str(order.get_channel_display()).capitalize()


def _month(at: datetime, programme: Programme) -> date:
    return at.astimezone(programme.zone).date().replace(day=1)


@dataclass(frozen=True, slots=True)
class _Teller:
    """Puts movements into words."""

    programme: Programme
    groups: Mapping[int, str]
    counts_points: bool

    def line(
        self,
        entry: HistoryEntry,
        order: Order | None,
        rule: EarnRuleVersion | None,
        friend: str,
        cause: Cause,
    ) -> Line:
        return Line(
            id=entry.id,
            icon="bag" if order is not None else ICONS[Transfer.Kind(entry.kind)],
            title=cause.title or self._title(entry),
            place=friend or cause.name or _place(entry, order),
            happened_at=entry.happened_at,
            amount=entry.amount,
            was_taken_back=entry.reversed,
            taken_back=entry.taken_back,
            why=cause.why or self._why(entry, rule),
            facts=tuple(_facts(entry, order, self.programme)),
            address=cause.address,
        )

    def _title(self, entry: HistoryEntry) -> str:
        if entry.kind == Transfer.Kind.EARN and entry.source_type == "order":
            return _("Purchase")
        if entry.source_type == RETURN:
            return _("Welcome-back gift")
        return _points_title(entry) if self.counts_points else _plain_title(entry)

    def _why(self, entry: HistoryEntry, rule: EarnRuleVersion | None) -> str:
        if rule is None:
            return _why_without_rule(entry)
        why = describe_version(rule, self.programme, groups=self.groups)
        if entry.kind == Transfer.Kind.MATURE:
            return f"{why} {_('These had to wait before they could be used.')}"
        return why


def _points_title(entry: HistoryEntry) -> str:
    if entry.kind == Transfer.Kind.REVERSE:
        return _("Points returned") if entry.amount > 0 else _("Points taken back")
    if entry.kind == Transfer.Kind.GIFT:
        return _("Points received") if entry.amount > 0 else _("Points given")
    titles = {
        Transfer.Kind.EARN: _("Points earned"),
        Transfer.Kind.SPEND: _("Points used"),
        Transfer.Kind.EXPIRE: _("Points expired"),
        Transfer.Kind.ADJUST: _("Correction"),
        Transfer.Kind.OPENING: _("Points brought along"),
        Transfer.Kind.MATURE: _("Points are usable now"),
        Transfer.Kind.RESERVE: _("Points used"),
        Transfer.Kind.FEE: _("Fee"),
        Transfer.Kind.MERGE: _("Moved with a merged account"),
    }
    return titles[Transfer.Kind(entry.kind)]


def _plain_title(entry: HistoryEntry) -> str:
    """Say what happened to money, stamps or spins; the amount says what it is."""
    gained = entry.amount > 0
    if entry.kind == Transfer.Kind.REVERSE:
        return _("Came back to you") if gained else _("Taken back")
    if entry.kind == Transfer.Kind.GIFT:
        return _("From a friend") if gained else _("To a friend")
    titles = {
        Transfer.Kind.EARN: pgettext("line of a wallet", "Received"),
        Transfer.Kind.SPEND: pgettext("line of a wallet", "Used"),
        Transfer.Kind.EXPIRE: _("Expired"),
        Transfer.Kind.ADJUST: _("Correction"),
        Transfer.Kind.OPENING: _("Brought along"),
        Transfer.Kind.MATURE: _("Usable now"),
        Transfer.Kind.RESERVE: _("Used to pay"),
        Transfer.Kind.FEE: _("Fee"),
        Transfer.Kind.MERGE: _("Moved with a merged account"),
    }
    return titles[Transfer.Kind(entry.kind)]


def _place(entry: HistoryEntry, order: Order | None) -> str:
    # What staff write on a correction is for colleagues; what was bought is for all.
    if order is None:
        return entry.note if entry.kind == Transfer.Kind.SPEND else ""
    return place_of(order)


def _why_without_rule(entry: HistoryEntry) -> str:
    if entry.source_type == RETURN:
        return _("A gift for your first purchase after our message.")
    if entry.kind == Transfer.Kind.EARN:
        return ""
    sentences = {
        Transfer.Kind.SPEND: _("You used them."),
        Transfer.Kind.EXPIRE: _("Their last day had passed before they were used."),
        Transfer.Kind.ADJUST: _("The shop corrected your balance."),
        Transfer.Kind.OPENING: _("You had them before this programme began."),
        Transfer.Kind.REVERSE: _("An earlier line was undone."),
        Transfer.Kind.MATURE: _("They were earned before and had to wait."),
        Transfer.Kind.RESERVE: _("A till took them while you paid."),
        Transfer.Kind.FEE: _("What giving points to someone costs."),
        Transfer.Kind.MERGE: _("Two accounts of yours became one."),
        Transfer.Kind.GIFT: _("One member gave them to another."),
    }
    return sentences[Transfer.Kind(entry.kind)]


def _facts(entry: HistoryEntry, order: Order | None, programme: Programme) -> list[Fact]:
    facts = []
    if order is not None:
        facts += [
            Fact(_("Order"), order.external_id),
            Fact(_("Total"), format_money(order.total, order.currency)),
        ]
        if order.store is not None and order.store.address:
            facts.append(Fact(_("Address"), order.store.address))
        if entry.kind == Transfer.Kind.MATURE:
            bought_on = order.placed_at.astimezone(programme.zone)
            facts.append(Fact(_("Bought on"), f"{bought_on:%d/%m/%Y}"))
    if entry.kind == Transfer.Kind.GIFT and entry.note:
        facts.append(Fact(pgettext("from a friend", "Message"), entry.note))
    if entry.rule_name:
        version = entry.rule_version or 1
        facts.append(
            Fact(
                _("Rule"),
                _("%(name)s (version %(version)s)")
                % {"name": entry.rule_name, "version": version},
            )
        )
    return facts


def _friends(member: Member, gift_ids: Sequence[int]) -> dict[int, str]:
    """Return, by gift, the masked name of the other side."""
    sides = Transfer.objects.filter(pk__in=gift_ids).values_list(
        "pk",
        "from_account__member_id",
        "from_account__member__name",
        "to_account__member__name",
    )
    return {
        pk: mask_name(receiver if giver_id == member.pk else giver)
        for pk, giver_id, giver, receiver in sides
    }


def _rules_as_they_were(transfer_ids: Sequence[int]) -> dict[int, EarnRuleVersion]:
    """Return, by transfer, the published version that decided it."""
    decided = Transfer.objects.filter(pk__in=transfer_ids).values_list(
        "pk", "rule_id", "rule_version"
    )
    wanted = {pk: (rule_id, version) for pk, rule_id, version in decided}
    versions = EarnRuleVersion.objects.filter(
        rule__in={rule_id for rule_id, _version in wanted.values()},
        number__in={version for _rule_id, version in wanted.values()},
    )
    found = {(v.rule_id, v.number): v for v in versions.select_related("rule__wallet")}
    return {pk: found[key] for pk, key in wanted.items() if key in found}
