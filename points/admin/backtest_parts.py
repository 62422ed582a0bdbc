"""The form of a back-test, how long it will take, and its members as lines of a file."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from core.clock import add_months
from core.form_fields import DayInput, PlainDecimalField
from core.tabular import safe_cell
from points.backtests.asking import needs_worth
from points.models import BackTest, BackTestMember, EarnRule

OWN = "own"
CHUNK = 2000
# A byte order mark: without it a spreadsheet takes Vietnamese letters for others.
BOM = "\ufeff"


class BackTestForm(forms.Form):
    """Which orders, and which drafts."""

    months = forms.ChoiceField(
        label=_("Orders of"),
        choices=[
            ("3", _("the last 3 months")),
            ("6", _("the last 6 months")),
            ("12", _("the last 12 months")),
            (OWN, _("other days")),
        ],
        initial="3",
        widget=UnfoldAdminRadioSelectWidget,
    )
    first_day = forms.DateField(label=_("from"), required=False, widget=DayInput)
    last_day = forms.DateField(label=_("until"), required=False, widget=DayInput)
    rule = forms.ModelChoiceField(
        label=_("Drafts"),
        queryset=EarnRule.objects.none(),
        required=False,
        empty_label=_("all drafts together"),
        widget=UnfoldAdminSelectWidget,
    )
    point_worth = PlainDecimalField(
        label=_("What one point is worth"),
        required=False,
        # Written as here: 80,5.
        localize=True,
        min_value=Decimal(0),
        max_digits=18,
        decimal_places=4,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"}),
        help_text=_(
            "In money, for wallets that cannot pay at the till. Empty: no cost is shown."
        ),
    )

    def __init__(self, *args: Any, drafts: Sequence[EarnRule], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rule: Any = self.fields["rule"]
        rule.queryset = EarnRule.objects.filter(pk__in=[draft.pk for draft in drafts])
        if not needs_worth():
            del self.fields["point_worth"]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("months") == OWN:
            for name in ("first_day", "last_day"):
                if not data.get(name) and name not in self.errors:
                    self.add_error(name, _("Choose the day."))
        return data

    def period(self, today: date) -> tuple[date, date]:
        """Return the first and the last day that were chosen."""
        data = self.cleaned_data
        if data["months"] == OWN:
            return data["first_day"], data["last_day"]
        return add_months(today, -int(data["months"])), today


def minutes_left(test: BackTest, at: datetime) -> int | None:
    """Guess from its own speed how long a test still takes; None while nobody can say."""
    if not test.is_open or not test.num_done or test.started_at is None:
        return None
    seconds = (at - test.started_at).total_seconds()
    left = seconds * (test.num_orders - test.num_done) / test.num_done
    return round(left / 60)


# --- the file -----------------------------------------------------------------------------


class _Line:
    """What csv.writer writes to: hands each line on instead of keeping it."""

    def write(self, text: str) -> str:
        return text


def member_lines(test: BackTest) -> Iterator[str]:
    """Yield a line for each member and wallet, in cells that no spreadsheet runs."""
    writer = csv.writer(_Line())
    yield BOM
    yield writer.writerow(
        [
            gettext("Member code"),
            gettext("Name"),
            gettext("Wallet"),
            gettext("Rules in force"),
            gettext("With the drafts"),
            gettext("Difference"),
            gettext("Really given"),
        ]
    )
    for wallet in test.definitions["wallets"]:
        for row in _members(test, wallet["id"]):
            before, after = row.points_before, row.points_after
            words = (row.member.code, row.member.name, wallet["name"])
            numbers = (before, after, after - before, row.points_given)
            yield writer.writerow([*map(safe_cell, words), *numbers])


def _members(test: BackTest, wallet_id: int) -> Iterator[BackTestMember]:
    rows = BackTestMember.objects.filter(back_test=test, wallet=wallet_id)
    ordered = rows.select_related("member").order_by("member_id")
    reached = 0
    while chunk := list(ordered.filter(member_id__gt=reached)[:CHUNK]):
        yield from chunk
        reached = chunk[-1].member_id
