"""The board of gifts: what is to be done, by state, the oldest first."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from activities.models import Store
from core.phones import InvalidPhone, display_phone, mask_phone, normalise_phone
from members.admin.search import member_ids_for_search
from rewards.models import Benefit, Fulfilment

State = Fulfilment.State
# What a column shows; the rest is a list away.
CARDS = 40


@dataclass(frozen=True, slots=True)
class Step:
    """A button of a column: where it leads, and in words."""

    to: str
    label: Any
    icon: str


@dataclass(frozen=True, slots=True)
class Stage:
    """A column: its state, its buttons, and after how many days somebody should look."""

    state: str
    label: Any
    steps: tuple[Step, ...]
    late_after: int


# The buttons that are usual; corrections stand on the page of each gift.
STAGES = (
    Stage(State.NEW, _("To be packed"), (Step(State.PACKED, _("Packed"), "package_2"),), 2),
    Stage(
        State.PACKED,
        _("Packed"),
        (
            Step(State.SHIPPED, _("Sent off…"), "local_shipping"),
            Step(State.READY, _("Ready in the store"), "storefront"),
        ),
        2,
    ),
    Stage(
        State.SHIPPED,
        _("On its way"),
        (
            Step(State.DONE, _("Arrived"), "check"),
            Step(State.RETURNED, _("Came back"), "undo"),
        ),
        7,
    ),
    Stage(
        State.READY,
        _("Ready for pick-up"),
        (
            Step(State.DONE, _("Handed over"), "check"),
            Step(State.RETURNED, _("Not fetched"), "undo"),
        ),
        14,
    ),
    Stage(
        State.RETURNED,
        _("Came back"),
        (Step(State.NEW, _("Send it again"), "replay"),),
        3,
    ),
)
# What a button of one gift's page says, by where it stands and where it leads.
STEP_LABELS: dict[tuple[str, str], Any] = {
    (stage.state, step.to): step.label for stage in STAGES for step in stage.steps
} | {
    (State.PACKED, State.NEW): _("Not packed after all"),
    (State.SHIPPED, State.PACKED): _("Not sent off after all"),
    (State.READY, State.PACKED): _("Not ready after all"),
    (State.DONE, State.RETURNED): _("Came back"),
}
LATE_AFTER = {stage.state: stage.late_after for stage in STAGES} | {State.ASKED: 14}


class BoardForm(forms.Form):
    """Which gifts the board shows."""

    q = forms.CharField(
        label=_("Search"),
        required=False,
        max_length=100,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": _("Phone, name, number")}),
    )
    method = forms.ChoiceField(
        label=_("Handed over by"),
        required=False,
        choices=[("", _("any way")), *Fulfilment.Method.choices],
        widget=UnfoldAdminSelectWidget(),
    )
    store = forms.ModelChoiceField(
        label=_("Store"),
        required=False,
        queryset=Store.objects.all(),
        empty_label=_("every store"),
        widget=UnfoldAdminSelectWidget(),
    )
    benefit = forms.ModelChoiceField(
        label=_("Gift"),
        required=False,
        queryset=Benefit.objects.filter(kind=Benefit.Kind.GIFT),
        empty_label=_("every gift"),
        widget=UnfoldAdminSelectWidget(),
    )

    def narrow(self, gifts: QuerySet[Fulfilment]) -> QuerySet[Fulfilment]:
        """Keep the gifts that were asked for."""
        data = self.cleaned_data if self.is_valid() else {}
        if data.get("method"):
            gifts = gifts.filter(method=data["method"])
        if data.get("store"):
            gifts = gifts.filter(store=data["store"])
        if data.get("benefit"):
            gifts = gifts.filter(given__benefit=data["benefit"])
        return gifts.filter(meant_by(data["q"])) if data.get("q") else gifts


@dataclass(frozen=True, slots=True)
class Card:
    """One gift as the board shows it."""

    pk: int
    gift: str
    who: str
    where: str
    age: str
    is_late: bool


@dataclass(frozen=True, slots=True)
class ColumnShown:
    """One column: how many there are, and the first of them."""

    stage: Stage
    count: int
    cards: list[Card]

    @property
    def more(self) -> int:
        return self.count - len(self.cards)


@dataclass(frozen=True, slots=True)
class Board:
    columns: list[ColumnShown]
    asked: int

    @property
    def count(self) -> int:
        return sum(column.count for column in self.columns)


def open_gifts() -> QuerySet[Fulfilment]:
    """Return the gifts with which something is still to be done."""
    return Fulfilment.objects.exclude(state__in=[State.DONE, State.CANCELLED])


def meant_by(term: str) -> Q:
    """Return the condition of the gifts that somebody at a counter asks for."""
    term = term.strip()
    found = Q(member__in=member_ids_for_search(term))
    found |= Q(recipient__icontains=term) | Q(tracking__iexact=term)
    found |= Q(given__redemption__code=term.upper())
    with contextlib.suppress(InvalidPhone):
        found |= Q(phone=normalise_phone(term))
    return found


def board_of(form: BoardForm, *, at: datetime, sees_addresses: bool) -> Board:
    """Read the board: one query for the counts, one for each column."""
    gifts = form.narrow(open_gifts())
    counts = dict(gifts.order_by().values_list("state").annotate(Count("pk")))
    columns = [
        ColumnShown(
            stage, counts.get(stage.state, 0), _cards(gifts, stage, at, sees_addresses)
        )
        for stage in STAGES
    ]
    return Board(columns, counts.get(State.ASKED, 0))


def _cards(
    gifts: QuerySet[Fulfilment], stage: Stage, at: datetime, sees_addresses: bool
) -> list[Card]:
    rows = gifts.filter(state=stage.state).order_by("pk")
    rows = rows.select_related("given__benefit", "member", "store")[:CARDS]
    return [card_of(row, at, sees_addresses=sees_addresses) for row in rows]


def card_of(row: Fulfilment, at: datetime, *, sees_addresses: bool) -> Card:
    """Write one gift for the board."""
    days = (at - row.changed_at).days
    phone = row.phone and (display_phone if sees_addresses else mask_phone)(row.phone)
    who = row.recipient or row.member.name or row.member.code
    return Card(
        pk=row.pk,
        gift=str(row.given.benefit),
        who=" · ".join(part for part in (who, phone) if part),
        where=str(row.store) if row.store else row.province or gettext("delivery"),
        age=age_words(days),
        is_late=days >= LATE_AFTER.get(row.state, 10**6),
    )


def age_words(days: int) -> str:
    """Say how long something has been waiting."""
    if days < 1:
        return gettext("since today")
    return ngettext("for %(days)s day", "for %(days)s days", days) % {"days": days}


def chosen(ids: Iterable[str]) -> QuerySet[Fulfilment]:
    """Return the gifts that were ticked."""
    return Fulfilment.objects.filter(pk__in=[int(pk) for pk in ids if pk.isdigit()])
