"""How we know that it worked: the numbers of one campaign, in nine queries."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Count, Q, Sum
from django.utils.translation import gettext as _

from campaigns.admin.effect import Shown, show_effect
from campaigns.measuring import measure
from campaigns.models import Campaign, Enrolment
from core.admin_tools import list_address, number, percent
from core.money import format_money
from members.models import MemberTag
from messaging.models import Message
from messaging.reasons import reason_label

SHOWN_REASONS = 4
NOT_SENT = ("refused", "expired", "cancelled", "failed", "unknown")
LEFT_US = ("sent", "delivered", "seen")
ARRIVED = ("delivered", "seen")
# What lies on the member's own page has arrived as soon as it was sent.
IN_INBOX = Q(state="sent", channel="inbox")
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


def campaign_results(campaign: Campaign, *, at: datetime) -> Results:
    """Count a campaign's members and messages, and what it brought. Nine queries."""
    people = _people(campaign)
    sent = _messages(campaign)
    results = Results()
    if tagged := MemberTag.objects.filter(source=campaign.tag_source).count():
        results.funnel.append(Figure(_("carry the tag now"), number(tagged)))
    if people["entered"]:
        effect = measure(campaign, at=at)
        results.funnel += _funnel(campaign, people, sent)
        results.other = _other(people, sent, effect.currency)
        if sent["refused"] or sent["failed"]:
            results.refusals = _refusals(campaign)
        results.effect = show_effect(campaign, effect)
    return results


def _people(campaign: Campaign) -> dict[str, int]:
    """Count the ways through a campaign; who was left alone did not come back by it."""
    state, alone = Enrolment.State, Q(is_holdout=True)
    returned = Q(state=state.RETURNED)
    return Enrolment.objects.filter(campaign=campaign).aggregate(
        entered=Count("pk"),
        alone=Count("pk", filter=alone),
        returned=Count("pk", filter=returned & ~alone),
        returned_alone=Count("pk", filter=returned & alone),
        left=Count("pk", filter=Q(state=state.LEFT)),
        worth=Sum("return_order__total", filter=returned & ~alone),
    )


def _messages(campaign: Campaign) -> dict[str, int]:
    rows = Message.objects.filter(source_type="campaign", source_id=campaign.pk)
    return rows.aggregate(
        planned=Count("pk"),
        waiting=Count("pk", filter=Q(state__in=WAITING)),
        sent=Count("pk", filter=Q(state__in=LEFT_US)),
        delivered=Count("pk", filter=Q(state__in=ARRIVED) | IN_INBOX),
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
            percent(people["returned"], entered - people["alone"]),
            members(state__exact="returned", is_holdout__exact="0"),
        ),
    ]


def _other(people: dict[str, int], sent: dict[str, int], currency: str) -> list[Figure]:
    worth = Decimal(people["worth"] or 0)
    shown = [
        Figure(_("orders that brought them back, worth"), format_money(worth, currency)),
        *_left_alone(people),
        Figure(_("messages waiting"), number(sent["waiting"])),
        Figure(_("not sent: not allowed or too late"), number(sent["refused"])),
        Figure(_("failed or without an answer"), number(sent["failed"])),
        Figure(_("left the campaign"), number(people["left"])),
    ]
    return [figure for figure in shown if figure.value != "0"]


def _left_alone(people: dict[str, int]) -> list[Figure]:
    """Tell of the hold-out group, whom nobody called back."""
    if not people["alone"]:
        return []
    returned = people["returned_alone"]
    share = percent(returned, people["alone"])
    return [
        Figure(_("left alone, to compare"), number(people["alone"])),
        Figure(_("of these came back by themselves"), f"{number(returned)} ({share})"),
    ]


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
