"""Which wallet and which days a report is about."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django import forms
from django.http import HttpRequest, QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from core.clock import add_months, local_date
from points.accounting import MOST_DAYS
from points.models import Wallet
from points.queries import points_wallet


class DayInput(forms.DateInput):
    """The browser's own calendar: it writes days as the reader is used to."""

    input_type = "date"

    def __init__(self) -> None:
        look = UnfoldAdminTextInputWidget().attrs
        super().__init__(attrs={"class": look.get("class", "")}, format="%Y-%m-%d")


class PeriodForm(forms.Form):
    """A wallet and a period; asked for nothing, it means this month."""

    wallet_code = forms.ModelChoiceField(
        label=gettext_lazy("Wallet"),
        queryset=Wallet.objects.order_by("pk"),
        to_field_name="code",
        required=False,
        empty_label=None,
        widget=UnfoldAdminSelectWidget,
    )
    first_day = forms.DateField(label=gettext_lazy("From"), widget=DayInput)
    last_day = forms.DateField(label=gettext_lazy("Through"), widget=DayInput)

    def __init__(self, data: QueryDict, *, today: date, with_wallet: bool) -> None:
        self.today = today
        self.with_wallet = with_wallet
        default = points_wallet() if with_wallet else None
        told: dict[str, Any] = {
            "first_day": today.replace(day=1).isoformat(),
            "last_day": today.isoformat(),
            "wallet_code": default.code if default else "",
            **data.dict(),
        }
        super().__init__(told)
        if not with_wallet:
            del self.fields["wallet_code"]

    @classmethod
    def of(cls, request: HttpRequest, *, with_wallet: bool = False) -> PeriodForm:
        today = local_date(timezone.now())
        return cls(request.GET, today=today, with_wallet=with_wallet)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        first, last = data.get("first_day"), data.get("last_day")
        if first and last and last < first:
            self.add_error("last_day", _("The end must come after the beginning."))
        elif first and last and (last - first).days >= MOST_DAYS:
            text = _("Choose at most %(days)s days at a time.") % {"days": MOST_DAYS}
            self.add_error("last_day", text)
        elif first and first > self.today:
            self.add_error("first_day", _("This day is still to come."))
        return data

    @property
    def wallet(self) -> Wallet | None:
        found: Wallet | None = self.cleaned_data.get("wallet_code")
        return found

    @property
    def first(self) -> date:
        day: date = self.cleaned_data["first_day"]
        return day

    @property
    def last(self) -> date:
        day: date = self.cleaned_data["last_day"]
        return min(day, self.today)

    def query(self, **changes: str) -> str:
        """Return what was asked for as an address has it, with changes."""
        names = self.fields
        asked = {name: str(self.data[name]) for name in names if self.data.get(name)}
        query = QueryDict(mutable=True)
        query.update({**asked, **changes})
        return query.urlencode()

    def shortcuts(self) -> list[tuple[str, str]]:
        """Return names and addresses of the periods that people mostly want."""
        month = self.today.replace(day=1)
        before = add_months(month, -1)
        year = self.today.replace(month=1, day=1)
        periods = (
            (_("This month"), month, self.today),
            (_("Last month"), before, month - timedelta(days=1)),
            (_("This year"), year, self.today),
        )
        return [
            (
                name,
                self.query(first_day=first.isoformat(), last_day=last.isoformat()),
            )
            for name, first, last in periods
        ]
