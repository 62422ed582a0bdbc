"""Wallets and who pays for what they hold."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import DecimalField
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from simple_history.admin import SimpleHistoryAdmin
from unfold.decorators import display

from core.admin_tools import ConsoleAdmin, programme_of
from core.form_fields import PlainDecimalField
from core.models import Programme
from core.money import format_money, group_digits
from points.amounts import Unit
from points.models import Funder, Wallet
from points.rules import money_in, not_its_worth, save_wallet

ON_BADGES = {"on": "success", "off": "warning"}


class WalletForm(forms.ModelForm):
    """Checks what only makes sense together."""

    class Meta:
        model = Wallet
        fields = "__all__"  # noqa: DJ007 - the fieldsets below name what is shown

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        policy, months = data.get("expiry_policy"), data.get("expiry_months")
        if policy in (Wallet.Expiry.ROLLING, Wallet.Expiry.INACTIVITY) and not months:
            self.add_error("expiry_months", _("Say after how many months."))
        if policy in (Wallet.Expiry.MONTH_END, Wallet.Expiry.YEAR_END) and months is None:
            self.add_error("expiry_months", _("Say after how many months; 0 is the same."))
        if policy == Wallet.Expiry.FIXED and not data.get("expiry_day"):
            self.add_error("expiry_day", _("Choose the first such day."))
        if data.get("pays_at_till"):
            self._check_payment(data)
        return data

    def _check_payment(self, data: dict[str, Any]) -> None:
        """Money pays what it is, so nobody has to say it; points need a price."""
        kind = data.get("kind", self.instance.kind)
        if kind == Wallet.Kind.CASHBACK and data.get("pay_points"):
            worth = money_in(data["pay_points"], Programme.current())
            data["pay_value"] = data.get("pay_value") or worth
            if data["pay_value"] != worth:
                self.add_error("pay_value", not_its_worth(worth))
        elif not data.get("pay_value"):
            self.add_error("pay_value", _("Say what one block of points pays."))


@admin.register(Wallet)
class WalletAdmin(SimpleHistoryAdmin, ConsoleAdmin):
    form = WalletForm
    list_display = ("name", "kind", "unit", "expiry", "payment", "state_badge")
    search_fields = ("code", "name")
    fieldsets = (
        (
            _("What members collect"),
            {"fields": ("name", ("kind", "unit_name"), "code", "is_active")},
        ),
        (
            _("When points expire"),
            {
                "fields": ("expiry_policy", "expiry_months", "expiry_day"),
                "description": _(
                    "Points keep the day that they were given with. When expiry is "
                    "switched on, points without a day end one full period later."
                ),
            },
        ),
        (_("Refunds"), {"fields": ("allows_debt", "rounding")}),
        (
            _("Paying at the till"),
            {
                "fields": (
                    "pays_at_till",
                    ("pay_points", "pay_value"),
                    ("pay_minimum", "pay_max_percent"),
                    "reservation_minutes",
                )
            },
        ),
        (
            _("Gifts between members"),
            {
                "fields": (
                    "transfers_allowed",
                    ("transfer_minimum", "transfer_daily_limit"),
                    ("transfer_fee_percent", "transfer_member_days"),
                )
            },
        ),
        (_("Points by hand"), {"fields": ("approval_above",)}),
    )
    empty_title = _("No wallets yet")
    empty_text = _("A wallet is a kind of value that members collect, such as points.")

    def formfield_for_dbfield(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> Any:
        if isinstance(db_field, DecimalField):
            kwargs["form_class"] = PlainDecimalField
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        self.programme = programme_of(request)
        return super().get_changelist_instance(request)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        # What members hold would become something else overnight.
        is_used = obj is not None and obj.accounts.filter(member__isnull=False).exists()
        return ("kind",) if is_used else ()

    @display(description=_("Unit"), ordering="unit_name")
    def unit(self, wallet: Wallet) -> str:
        return Unit.of(wallet, self.programme).label

    @display(description=_("Points expire"))
    def expiry(self, wallet: Wallet) -> str:
        months = {"months": wallet.expiry_months}
        texts = {
            Wallet.Expiry.ROLLING: _("after %(months)s months"),
            Wallet.Expiry.MONTH_END: _("at the end of a month, after %(months)s"),
            Wallet.Expiry.YEAR_END: _("at the end of a year, after %(months)s months"),
            Wallet.Expiry.INACTIVITY: _("after %(months)s months of silence"),
        }
        policy = Wallet.Expiry(wallet.expiry_policy)
        if policy in texts:
            return str(texts[policy]) % months
        if policy == Wallet.Expiry.FIXED and wallet.expiry_day:
            return str(_("each year on %(day)s")) % {"day": f"{wallet.expiry_day:%d/%m}"}
        return str(_("never expires"))

    @display(description=_("At the till"))
    def payment(self, wallet: Wallet) -> str:
        if not wallet.pays_at_till:
            return str(_("does not pay"))
        if wallet.holds_money:
            return str(_("pays what it is"))
        return str(_("%(points)s pay %(value)s")) % {
            "points": group_digits(wallet.pay_points),
            "value": format_money(wallet.pay_value, self.programme.currency),
        }

    @display(description=_("State"), label=ON_BADGES, ordering="is_active")
    def state_badge(self, wallet: Wallet) -> tuple[str, str | Promise]:
        return ("on", _("active")) if wallet.is_active else ("off", _("off"))

    def save_model(
        self, request: HttpRequest, obj: Wallet, form: Any, change: bool
    ) -> None:
        save_wallet(obj, at=timezone.now())

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Funder)
class FunderAdmin(ConsoleAdmin):
    list_display = ("name", "kind", "code", "is_active")
    list_filter = ("kind", "is_active")
    search_fields = ("code", "name")
    fields = ("name", "kind", "code", "is_active")
    empty_title = _("No funding parties yet")
    empty_text = _("Partners and distributors who pay for points of some rules.")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Movements name who paid for them.
        return False
