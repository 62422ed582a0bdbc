"""How we know that it worked: the numbers of one campaign, in eight queries."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Count, Q, Sum
from django.utils.translation import gettext as _

from campaigns.measuring import (
    FEWEST_BUYERS,
    FEWEST_MEMBERS,
    NO_HOLDOUT,
    TOO_FEW,
    Effect,
    Group,
    measure,
)
from campaigns.models import Campaign, Enrolment
from core.admin_tools import list_address, number, percent
from core.models import Programme
from core.money import format_money
from members.models import MemberTag
from messaging.models import Message
from messaging.reasons import reason_label

SHOWN_REASONS = 4
NOT_SENT = ("refused", "expired", "cancelled", "failed", "unknown")
LEFT_US = ("sent", "delivered", "seen")
ARRIVED = ("delivered", "seen")
WAITING = ("pending", "sending")


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of the results, its share of the one before, and its list."""

    label: str
    value: str
    share: str = ""
    address: str = ""


@dataclass(slots=True)
class Results:
    """The funnel of a campaign from top to bottom."""

    funnel: list[Figure] = field(default_factory=list)
    other: list[Figure] = field(default_factory=list)
    # Why messages were not sent: the most frequent reasons.
    refusals: list[Figure] = field(default_factory=list)
    effect: Shown | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """What the campaign brought, in words: the verdict, and the numbers behind it."""

    verdict: str
    tone: str
    explanation: str
    figures: list[Figure]
    groups: list[tuple[str, list[str]]]


def campaign_results(campaign: Campaign, *, at: datetime) -> Results:
    """Count a campaign's members and messages, and what it brought. Eight queries."""
    people = _people(campaign)
    sent = _messages(campaign)
    results = Results()
    if tagged := MemberTag.objects.filter(source=campaign.tag_source).count():
        results.funnel.append(Figure(_("carry the tag now"), number(tagged)))
    if people["entered"]:
        results.funnel += _funnel(campaign, people, sent)
        results.other = _other(campaign, people, sent)
        if sent["refused"] or sent["failed"]:
            results.refusals = _refusals(campaign)
        results.effect = show_effect(campaign, measure(campaign, at=at))
    return results


def _people(campaign: Campaign) -> dict[str, int]:
    state = Enrolment.State
    return Enrolment.objects.filter(campaign=campaign).aggregate(
        entered=Count("pk"),
        returned=Count("pk", filter=Q(state=state.RETURNED)),
        left=Count("pk", filter=Q(state=state.LEFT)),
        worth=Sum("return_order__total", filter=Q(state=state.RETURNED)),
    )


def _messages(campaign: Campaign) -> dict[str, int]:
    rows = Message.objects.filter(source_type="campaign", source_id=campaign.pk)
    return rows.aggregate(
        planned=Count("pk"),
        waiting=Count("pk", filter=Q(state__in=WAITING)),
        sent=Count("pk", filter=Q(state__in=LEFT_US)),
        delivered=Count("pk", filter=Q(state__in=ARRIVED)),
        clicked=Count("pk", filter=Q(clicked_at__isnull=False)),
        refused=Count("pk", filter=Q(state__in=("refused", "expired", "cancelled"))),
        failed=Count("pk", filter=Q(state__in=("failed", "unknown"))),
    )


def _funnel(
    campaign: Campaign, people: dict[str, int], sent: dict[str, int]
) -> list[Figure]:
    def members(**filters: str) -> str:
        return list_address(
            "campaigns.enrolment", campaign__id__exact=campaign.pk, **filters
        )

    def messages(**filters: Any) -> str:
        return list_address(
            "messaging.message", source_type="campaign", source_id=campaign.pk, **filters
        )

    entered = people["entered"]
    return [
        Figure(_("members taken in"), number(entered), "", members()),
        Figure(
            _("messages sent"),
            number(sent["sent"]),
            percent(sent["sent"], sent["planned"]),
            messages(),
        ),
        Figure(
            _("delivered"),
            number(sent["delivered"]),
            percent(sent["delivered"], sent["sent"]),
            messages(state__in="delivered,seen"),
        ),
        Figure(
            _("opened the link"),
            number(sent["clicked"]),
            percent(sent["clicked"], sent["delivered"]),
            messages(clicked_at__isnull=False),
        ),
        Figure(
            _("came back with an order"),
            number(people["returned"]),
            percent(people["returned"], entered),
            members(state__exact="returned"),
        ),
    ]


def _other(
    campaign: Campaign, people: dict[str, int], sent: dict[str, int]
) -> list[Figure]:
    currency = Programme.current().currency
    worth = Decimal(people["worth"] or 0)
    shown = [
        Figure(_("orders that brought them back, worth"), format_money(worth, currency)),
        Figure(_("messages waiting"), number(sent["waiting"])),
        Figure(_("not sent: not allowed or too late"), number(sent["refused"])),
        Figure(_("failed or without an answer"), number(sent["failed"])),
        Figure(_("left the campaign"), number(people["left"])),
    ]
    return [figure for figure in shown if figure.value != "0"]


def _refusals(campaign: Campaign) -> list[Figure]:
    """Name the most frequent reasons for which messages were not sent."""
    rows = Message.objects.filter(
        source_type="campaign", source_id=campaign.pk, state__in=NOT_SENT
    )
    counted = rows.exclude(reason="").values("reason").annotate(number=Count("pk"))
    return [
        Figure(
            reason_label(row["reason"]),
            number(row["number"]),
            address=list_address(
                "messaging.message",
                source_type="campaign",
                source_id=campaign.pk,
                reason=row["reason"],
            ),
        )
        for row in counted.order_by("-number", "reason")[:SHOWN_REASONS]
    ]


# --- what it brought --------------------------------------------------------------------


def show_effect(campaign: Campaign, effect: Effect) -> Shown | None:
    """Put the comparison with the hold-out group into words."""
    if effect.missing == NO_HOLDOUT and not effect.reached.size:
        return None
    currency = Programme.current().currency
    groups = [
        (_("members reached"), _group_cells(effect.reached, currency)),
        (_("left alone"), _group_cells(effect.left_alone, currency)),
    ]
    if effect.missing:
        return Shown(_("No conclusion yet"), "info", _why_none(effect), [], groups)
    verdict, tone, explanation = _verdict(campaign, effect, currency)
    return Shown(verdict, tone, explanation, _effect_figures(effect, currency), groups)


def _group_cells(group: Group, currency: str) -> list[str]:
    return [
        number(group.size),
        number(group.buyers),
        percent(group.buyers, group.size),
        format_money(round_money(group.mean), currency),
    ]


def _why_none(effect: Effect) -> str:
    if effect.missing == NO_HOLDOUT:
        return _(
            "Nobody is left alone, so nobody knows what they would have bought anyway. "
            "Set a hold-out group above; it begins with whoever enters next."
        )
    if effect.missing == TOO_FEW:
        smaller = min(effect.reached.size, effect.left_alone.size)
        return _(
            "Each group needs at least %(fewest)s members; the smaller one has %(has)s. "
            "With fewer, chance would speak."
        ) % {"fewest": number(FEWEST_MEMBERS), "has": number(smaller)}
    return _(
        "Fewer than %(fewest)s members have bought so far. Wait: with so few, chance "
        "would speak."
    ) % {"fewest": number(FEWEST_BUYERS)}


def _verdict(campaign: Campaign, effect: Effect, currency: str) -> tuple[str, str, str]:
    assert effect.revenue is not None, "nothing is missing"
    told = {
        "days": campaign.goal_days,
        "low": format_money(round_money(effect.revenue.low), currency),
        "high": format_money(round_money(effect.revenue.high), currency),
    }
    explanation = (
        _(
            "Within %(days)s days of entering, beside those who were left alone. With "
            "95 %% certainty it brought between %(low)s and %(high)s."
        )
        % told
    )
    if not effect.is_certain:
        return _("No difference is shown"), "warning", explanation
    if effect.revenue.value > 0:
        return _("It works: it brings more revenue"), "success", explanation
    return _("It brings less revenue than leaving them alone"), "danger", explanation


def _effect_figures(effect: Effect, currency: str) -> list[Figure]:
    assert effect.revenue is not None, "nothing is missing"
    assert effect.share is not None, "nothing is missing"
    assert effect.profit is not None, "nothing is missing"
    return [
        Figure(
            _("revenue that it brought"),
            format_money(round_money(effect.revenue.value), currency),
        ),
        Figure(
            _("more members who buy, of a hundred"),
            f"{points_of(effect.share.value)} "
            f"({points_of(effect.share.low)} … {points_of(effect.share.high)})",
        ),
        Figure(_("cost of what was given"), format_money(effect.cost, currency)),
        Figure(_("profit"), format_money(round_money(effect.profit.value), currency)),
    ]


def round_money(value: float) -> Decimal:
    return Decimal(round(value))


def points_of(share: float) -> str:
    """Write a difference of shares in points of a hundred: +3,2."""
    return f"{share * 100:+.1f}".replace(".", ",").replace("-", "−")
