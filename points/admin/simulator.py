"""Try a basket on the rules; see why an order earned what it did. Nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from activities.models import Order, Store
from core.clock import local_date
from core.form_fields import PlainDecimalField
from core.money import format_money
from members.admin import member_ids_for_search
from members.models import Member
from points.earning.basket import Basket, BasketLine
from points.earning.trying import WalletOutcome, explain_order, simulate
from points.models import EarnRule

NUM_LINES = 4


def _text(label: Any, **options: Any) -> forms.CharField:
    options.setdefault("required", False)
    return forms.CharField(label=label, widget=UnfoldAdminTextInputWidget(), **options)


def _amount(label: Any, **options: Any) -> PlainDecimalField:
    return PlainDecimalField(
        label=label,
        min_value=Decimal(0),
        max_digits=18,
        decimal_places=2,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"}),
        **{"required": False, **options},
    )


class LineForm(forms.Form):
    """One product of the basket."""

    sku = _text(_("SKU"))
    category = _text(_("category"))
    brand = _text(_("brand"))
    quantity = _amount(_("quantity"), initial=1)
    total = _amount(_("total"))

    def line(self) -> BasketLine | None:
        data = self.cleaned_data
        if not data.get("total"):
            return None
        return BasketLine(
            sku=data["sku"],
            category=data["category"],
            brand=data["brand"],
            quantity=data["quantity"] or Decimal(1),
            total=data["total"],
        )


LineFormSet = forms.formset_factory(LineForm, extra=NUM_LINES, max_num=50)


class BasketForm(forms.Form):
    """Whose basket, when, for how much."""

    member = _text(_("member"), help_text=_("Phone, code or card; empty: somebody new."))
    placed_at = forms.SplitDateTimeField(
        label=_("time"), widget=UnfoldAdminSplitDateTimeWidget(), required=False
    )
    total = _amount(_("total"), help_text=_("Empty: the sum of the lines."))
    discount = _amount(_("discount"))
    delivery_fee = _amount(_("delivery in the total"))
    points_amount = _amount(_("paid with points"))
    store = forms.ModelChoiceField(
        label=_("store"),
        queryset=Store.objects.filter(is_active=True),
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    channel = forms.ChoiceField(
        label=_("channel"),
        choices=Order.Channel.choices,
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    payment_method = _text(_("payment method"))
    promo_code = _text(_("promo code"))
    with_drafts = forms.BooleanField(
        label=_("with the changes that are not published yet"),
        required=False,
        widget=UnfoldBooleanSwitchWidget,
    )

    def clean_member(self) -> Member | None:
        term = self.cleaned_data["member"].strip()
        if not term:
            return None
        found = list(Member.objects.filter(pk__in=member_ids_for_search(term))[:2])
        if len(found) != 1:
            raise forms.ValidationError(
                _("There is no such member.") if not found else _("Several members fit.")
            )
        return found[0]

    def basket(self, lines: list[BasketLine], at: datetime) -> Basket:
        data = self.cleaned_data
        placed_at = data["placed_at"] or at
        total = data["total"]
        if total is None:
            total = sum((line.total for line in lines), Decimal(0))
        nothing = Decimal(0)
        return Basket(
            id=0,
            member_id=data["member"].pk if data["member"] else 0,
            happened_at=placed_at,
            day=local_date(placed_at),
            total=total,
            discount=data["discount"] or nothing,
            delivery_fee=data["delivery_fee"] or nothing,
            points_amount=data["points_amount"] or nothing,
            store_id=data["store"].pk if data["store"] else None,
            channel=data["channel"] or Order.Channel.STORE.value,
            payment_method=data["payment_method"],
            promo_code=data["promo_code"],
            lines=tuple(lines),
        )


def simulator_view(request: HttpRequest) -> HttpResponse:
    """Show the form, and under it what the basket would earn."""
    if not request.user.has_perm("points.view_earnrule"):
        raise PermissionDenied
    now = timezone.now()
    asked = "total" in request.GET
    form = BasketForm(request.GET if asked else None, initial={"placed_at": now})
    lines = LineFormSet(request.GET if asked else None, prefix="line")
    outcomes = None
    if asked and form.is_valid() and lines.is_valid():
        chosen = [line for line in (f.line() for f in lines) if line is not None]
        outcomes = simulate(
            form.basket(chosen, now), with_drafts=form.cleaned_data["with_drafts"]
        )
    context = {
        **admin.site.each_context(request),
        "title": _("Try a basket"),
        "opts": EarnRule._meta,
        "form": form,
        "lines": lines,
        "outcomes": None if outcomes is None else _shown(outcomes),
        "media": form.media,
    }
    return render(request, "admin/points/earnrule/simulator.html", context)


def _shown(outcomes: Sequence[WalletOutcome]) -> list[dict[str, Any]]:
    """Write the amounts of outcomes as their wallets do."""
    return [
        {
            "wallet": one.wallet,
            "unit": one.unit,
            "points": one.unit.number(one.points),
            "lines": [(line.line, one.unit.number(line.points)) for line in one.lines],
            "steps": [(step, one.unit.signed(step.points)) for step in one.trace],
        }
        for one in outcomes
    ]


def explain_view(request: HttpRequest, order_id: int) -> HttpResponse:
    """Show why an order earned what it did, and why it earned no more."""
    if not request.user.has_perm("activities.view_order"):
        raise PermissionDenied
    order = get_object_or_404(Order.objects.select_related("member", "store"), pk=order_id)
    explanation = explain_order(order)
    context = {
        **admin.site.each_context(request),
        "title": _("Why these points"),
        "opts": Order._meta,
        "original": order,
        "order": order,
        "total": format_money(order.total, order.currency),
        "outcomes": _shown(explanation.outcomes),
        "differences": explanation.differences,
    }
    return render(request, "admin/points/earnrule/explain.html", context)
