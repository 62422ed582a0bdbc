"""What waits for staff: counted for the first page, each with a way to its list."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Min
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.happenings import unheard
from campaigns.models import Happening
from core.admin_tools import list_address, number, when
from core.models import ChangeRequest
from rewards.models import Fulfilment, Redemption
from webhooks.models import WebhookEndpoint

Fulfilled = Fulfilment.State
# With what staff, not the member, has to do something.
WAITING = (Fulfilled.NEW, Fulfilled.PACKED, Fulfilled.RETURNED)


@dataclass(frozen=True, slots=True)
class Todo:
    """One thing to do: in words, since when, and where."""

    icon: str
    title: str
    detail: str
    address: str


def todo_for(user: Any, *, at: datetime) -> list[Todo]:
    """Return what waits for this person. At most two queries each."""
    asked: tuple[tuple[str, Callable[[datetime], Iterator[Todo]]], ...] = (
        ("rewards.view_fulfilment", _gifts),
        ("rewards.view_redemption", _unpaid),
        ("core.decide_changerequest", _approvals),
        ("campaigns.view_happening", _unheard),
        ("webhooks.view_webhookendpoint", _stopped_webhooks),
    )
    return [todo for right, ask in asked if user.has_perm(right) for todo in ask(at)]


def _gifts(at: datetime) -> Iterator[Todo]:
    rows = Fulfilment.objects.filter(state__in=WAITING)
    found = rows.aggregate(count=Count("pk"), oldest=Min("changed_at"))
    if found["count"]:
        title = ngettext(
            "%(count)s gift to hand over", "%(count)s gifts to hand over", found["count"]
        )
        days = (at - found["oldest"]).days
        waiting = ngettext(
            "the oldest for %(days)s day", "the oldest for %(days)s days", days
        )
        yield Todo(
            "package_2",
            title % {"count": number(found["count"])},
            waiting % {"days": number(days)} if days else _("since today"),
            reverse("admin:rewards_fulfilment_board"),
        )


def _unpaid(_at: datetime) -> Iterator[Todo]:
    rows = Redemption.objects.filter(state=Redemption.State.UNPAID)
    found = rows.aggregate(count=Count("pk"), last=Max("pay_until"))
    if found["count"]:
        title = ngettext(
            "%(count)s redemption to be paid",
            "%(count)s redemptions to be paid",
            found["count"],
        )
        yield Todo(
            "payments",
            title % {"count": number(found["count"])},
            _("the last until %(end)s") % {"end": when(found["last"])},
            list_address(Redemption, state__exact="unpaid"),
        )


def _approvals(_at: datetime) -> Iterator[Todo]:
    rows = ChangeRequest.objects.filter(state=ChangeRequest.State.OPEN)
    found = rows.aggregate(count=Count("pk"), oldest=Min("requested_at"))
    if found["count"]:
        title = ngettext(
            "%(count)s approval to decide", "%(count)s approvals to decide", found["count"]
        )
        yield Todo(
            "approval",
            title % {"count": number(found["count"])},
            _("the oldest since %(day)s") % {"day": when(found["oldest"])},
            list_address(ChangeRequest, state__exact="open"),
        )


def _unheard(_at: datetime) -> Iterator[Todo]:
    found = unheard().aggregate(count=Count("pk"), last=Max("happened_at"))
    if found["count"]:
        kinds = unheard().order_by("error").values_list("error", flat=True).distinct()
        title = ngettext(
            "%(count)s event that campaigns could not take in",
            "%(count)s events that campaigns could not take in",
            found["count"],
        )
        yield Todo(
            "sms_failed",
            title % {"count": number(found["count"])},
            _("the last %(at)s: %(error)s")
            % {
                "at": when(found["last"]),
                "error": ", ".join(filter(None, kinds[:3])) or "–",
            },
            list_address(Happening),
        )


def _stopped_webhooks(_at: datetime) -> Iterator[Todo]:
    rows = WebhookEndpoint.objects.exclude(stopped_because="")
    found = rows.aggregate(count=Count("pk"), oldest=Min("stopped_at"))
    if found["count"]:
        title = ngettext(
            "%(count)s webhook was switched off",
            "%(count)s webhooks were switched off",
            found["count"],
        )
        yield Todo(
            "webhook",
            title % {"count": number(found["count"])},
            _("the receiver hears nothing since %(day)s") % {"day": when(found["oldest"])},
            list_address(WebhookEndpoint),
        )
