"""A worked example: a sample basket, this voucher and others beside it, line by line."""

from __future__ import annotations

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
from core.admin_tools import money, programme_of
from core.errors import DomainError
from core.form_fields import PlainDecimalField
from core.models import Programme
from rewards.discounts.basket import Asked, Basket, Context, Line
from rewards.discounts.engine import MOST_ASKED
from rewards.discounts.example import Example, worked_example
from rewards.discounts.terms import Terms
from rewards.models import VoucherType

# What nearly every basket of a shop looks like; staff write their own over it.
SAMPLE = (
    (_("Latte"), _("drinks"), 2, 45_000),
    (_("Croissant"), _("cakes"), 1, 35_000),
    (_("Coffee beans"), _("beans"), 1, 220_000),
)
# What one unit of other currencies is in dong, roughly: enough for a sample.
DONG = 25_000


def _text(label: Any) -> forms.CharField:
    return forms.CharField(
        label=label, required=False, widget=UnfoldAdminTextInputWidget(), max_length=80
    )


def _amount(label: Any, **options: Any) -> PlainDecimalField:
    return PlainDecimalField(
        label=label,
        required=False,
        min_value=Decimal(0),
        max_digits=15,
        decimal_places=2,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"}),
        **options,
    )


class LineForm(forms.Form):
    """One product of the sample basket."""

    name = _text(_("product"))
    sku = _text(_("SKU"))
    category = _text(_("category"))
    brand = _text(_("brand"))
    labels = _text(_("labels"))
    quantity = _amount(_("quantity"))
    unit_price = _amount(_("price of one"))
    discount = _amount(_("shop's discount"))

    def line(self, key: str) -> Line | None:
        data = self.cleaned_data
        if not data.get("unit_price"):
            return None
        return Line(
            key=key,
            name=data["name"] or data["sku"] or data["category"],
            sku=data["sku"],
            category=data["category"],
            brand=data["brand"],
            labels=[word.strip() for word in data["labels"].split(",") if word.strip()],
            quantity=data["quantity"] or Decimal(1),
            unit_price=data["unit_price"],
            discount=data["discount"] or Decimal(0),
        )


LineFormSet = forms.formset_factory(LineForm, extra=1, max_num=30)


class OccasionForm(forms.Form):
    """Where and when it is bought, and which other vouchers are shown."""

    others = forms.ModelMultipleChoiceField(
        label=_("together with"),
        queryset=VoucherType.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    delivery_fee = _amount(_("delivery fee"))
    at = forms.SplitDateTimeField(
        label=_("time"), required=False, widget=UnfoldAdminSplitDateTimeWidget()
    )
    store = forms.ModelChoiceField(
        label=_("store"),
        queryset=Store.objects.filter(is_active=True),
        required=False,
        widget=UnfoldAdminSelectWidget(),
    )
    channel = forms.ChoiceField(
        label=_("channel"),
        choices=Order.Channel.choices,
        required=False,
        widget=UnfoldAdminSelectWidget(),
    )
    payment_method = _text(_("payment method"))
    in_group = forms.BooleanField(
        label=_("the member is in the groups that are asked for"),
        required=False,
        initial=True,
        widget=UnfoldBooleanSwitchWidget(),
    )
    is_first_order = forms.BooleanField(
        label=_("it is a first order"), required=False, widget=UnfoldBooleanSwitchWidget()
    )

    def __init__(self, *args: Any, voucher_type: VoucherType, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["others"]
        assert isinstance(field, forms.ModelMultipleChoiceField)
        in_use = VoucherType.objects.filter(is_active=True).exclude(pk=voucher_type.pk)
        field.queryset = in_use.order_by("name")

    def clean_others(self) -> list[VoucherType]:
        others = list(self.cleaned_data["others"])
        if len(others) >= MOST_ASKED:
            raise forms.ValidationError(
                _("Choose at most %(most)s others."), params={"most": MOST_ASKED - 1}
            )
        return others


def example_view(request: HttpRequest, type_id: int) -> HttpResponse:
    """Show the form, and what comes of it; nothing is written."""
    if not request.user.has_perm("rewards.view_vouchertype"):
        raise PermissionDenied
    found = get_object_or_404(VoucherType, pk=type_id)
    programme = programme_of(request)
    asked = "line-TOTAL_FORMS" in request.GET
    data = request.GET if asked else None
    now = timezone.now()
    form = OccasionForm(data, voucher_type=found, initial={"at": now})
    sample = None if asked else sample_lines(programme)
    lines = LineFormSet(data, prefix="line", initial=sample)
    example, problem = None, ""
    try:
        if not asked:
            example = _sample(found, programme)
        elif form.is_valid() and lines.is_valid():
            example = _worked(found, form, lines, programme)
    except DomainError as error:
        problem = str(error.message)
    context = {
        **admin.site.each_context(request),
        "title": _("A worked example"),
        "opts": VoucherType._meta,
        "original": found,
        "voucher_type": found,
        "form": form,
        "lines": lines,
        "problem": problem,
        "table": _table(example, str(programme.currency)) if example else None,
        "media": form.media,
    }
    return render(request, "admin/rewards/vouchertype/example.html", context)


def sample_lines(programme: Programme) -> list[dict[str, Any]]:
    """Return the sample basket as the form shows it."""
    unit = DONG if programme.decimals else 1
    return [
        {
            "name": name,
            "category": category,
            "quantity": Decimal(quantity),
            "unit_price": round(Decimal(price) / unit, programme.decimals),
        }
        for name, category, quantity, price in SAMPLE
    ]


def _sample(found: VoucherType, programme: Programme) -> Example:
    rows = [
        Line(
            key=str(place),
            name=str(row["name"]),
            category=str(row["category"]),
            quantity=row["quantity"],
            unit_price=row["unit_price"],
        )
        for place, row in enumerate(sample_lines(programme))
    ]
    asked = _asked([found])
    occasion = _occasion(asked, programme, {"in_group": True})
    return worked_example(asked, Basket(tuple(rows)), occasion)


def _worked(
    found: VoucherType, form: OccasionForm, lines: Any, programme: Programme
) -> Example:
    rows = [one.line(str(place)) for place, one in enumerate(lines)]
    basket = Basket(
        tuple(row for row in rows if row is not None),
        delivery_fee=form.cleaned_data["delivery_fee"] or Decimal(0),
    )
    asked = _asked([found, *form.cleaned_data["others"]])
    return worked_example(asked, basket, _occasion(asked, programme, form.cleaned_data))


def _asked(types: list[VoucherType]) -> list[Asked]:
    return [Asked(one.code, Terms.from_json(one.terms), one.name) for one in types]


def _occasion(asked: list[Asked], programme: Programme, data: dict[str, Any]) -> Context:
    groups = {pk for one in asked for pk in one.terms.segment_ids}
    store = data.get("store")
    return Context(
        at=data.get("at") or timezone.now(),
        zone=programme.zone,
        currency=str(programme.currency),
        decimals=programme.decimals,
        store_id=store.pk if store else None,
        channel=data.get("channel") or Order.Channel.STORE.value,
        payment_method=data.get("payment_method") or "",
        segment_ids=groups if data.get("in_group") else (),
        is_first_order=bool(data.get("is_first_order")),
    )


def _table(example: Example, currency: str) -> dict[str, Any]:
    """Write the example as its page shows it."""

    def off(amount: Decimal) -> str:
        return f"−{money(amount, currency)}" if amount else ""

    return {
        "vouchers": [
            {
                "name": one.name,
                "sentence": one.sentence,
                "taken": off(one.taken),
                "reasons": one.reasons,
            }
            for one in example.vouchers
        ],
        "rows": [
            {
                "name": row.name,
                "quantity": f"{row.quantity.normalize():f}",
                "price": money(row.price, currency),
                "taken": [off(part) for part in row.taken],
                "paid": money(row.paid, currency),
            }
            for row in example.rows
        ],
        "price": money(example.price, currency),
        "taken": money(example.taken, currency),
        "paid": money(example.paid, currency),
    }
