"""The terms of a voucher as fields of a form, none that means nothing for its kind."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminSelect2MultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSingleTimeWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from activities.models import Order, Store
from core.errors import InvalidInput
from core.form_fields import ChoicesField, PlainDecimalField, WordsField
from core.money import Rounding
from members.models import Segment
from points.earning.sentence import WEEKDAYS
from rewards.discounts.faults import faults
from rewards.discounts.terms import (
    Band,
    Basis,
    Counted,
    Kind,
    Measure,
    Products,
    Scope,
    Terms,
)
from rewards.models import VoucherType

PRODUCT_PARTS = ("skus", "categories", "brands", "labels")
PRODUCT_FIELDS = ("products", "excluded", "given_products")
PIECES = [Kind.FREE_PRODUCT, Kind.BUY_GET, Kind.CHEAPEST]
SHARES = [Kind.PERCENT, Kind.BANDS, *PIECES]
HERE = [kind for kind in Kind if kind != Kind.PARTNER]
# When a field of the terms means something: kinds, and what else must be chosen.
SHOWN: dict[str, dict[str, Any]] = {
    "scope": {"kind": [Kind.PERCENT, Kind.AMOUNT, Kind.BANDS]},
    "percent": {"kind": [Kind.PERCENT]},
    "amount": {"kind": [Kind.AMOUNT]},
    "bands": {"kind": [Kind.BANDS]},
    "bands_by": {"kind": [Kind.BANDS]},
    "buy": {"kind": [Kind.BUY_GET]},
    "get": {"kind": [Kind.BUY_GET, Kind.FREE_PRODUCT]},
    "every": {"kind": [Kind.CHEAPEST]},
    "times": {"kind": [Kind.BUY_GET, Kind.CHEAPEST]},
    "given_percent": {"kind": PIECES},
    "at_most": {"kind": [kind for kind in HERE if kind != Kind.AMOUNT]},
    "price": {"kind": SHARES},
    "rounding": {"kind": SHARES},
    **{f"given_products_{part}": {"kind": [Kind.BUY_GET]} for part in PRODUCT_PARTS},
    **{
        f"{name}_{part}": {"kind": HERE}
        for name in ("products", "excluded")
        for part in PRODUCT_PARTS
    },
    **{
        name: {"kind": HERE}
        for name in (
            *("minimum_value", "maximum_value", "minimum_quantity", "counted"),
            *("counted_price", "without_tax", "weekdays", "from_time", "until_time"),
            *("stores", "channels", "payment_methods", "segments", "first_order_only"),
            *("exclusive", "group", "priority"),
        )
    },
}


class BandsField(forms.CharField):
    """Bands, one to a line: from which value or number on, and how much is taken off."""

    LINE = re.compile(r"^\s*([\d.,]+)\D*?[:=]\s*([\d.,]+)\s*(%?)\D*$")

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, tuple):
            return value
        return "\n".join(
            f"{plain(band.start)}: "
            + (f"{plain(band.percent)}%" if band.percent else plain(band.amount))
            for band in value
        )

    def clean(self, value: Any) -> tuple[Band, ...]:
        lines = [line for line in super().clean(value).splitlines() if line.strip()]
        return tuple(self._band(line) for line in lines)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool((self.prepare_value(initial) or "") != (data or ""))

    def _band(self, line: str) -> Band:
        found = self.LINE.match(line)
        try:
            if found is None:
                raise InvalidOperation
            start, off = read_number(found[1]), read_number(found[2])
        except InvalidOperation:
            text = gettext("“%(line)s” is no band. Write one like “500000: 10%%”.")
            raise forms.ValidationError(text % {"line": line.strip()[:40]}) from None
        return Band(start, percent=off) if found[3] else Band(start, amount=off)


def read_number(text: str) -> Decimal:
    """Read a number as people write it here: 1.250.000 or 12,5."""
    if re.fullmatch(r"\d{1,3}(\.\d{3})+(,\d+)?", text):
        text = text.replace(".", "")
    return Decimal(text.replace(",", "."))


def plain(number: Decimal | None) -> str:
    return "" if number is None else f"{number.normalize():f}"


def _money(label: Any, **options: Any) -> PlainDecimalField:
    return PlainDecimalField(
        label=label,
        min_value=Decimal(0),
        max_digits=18,
        decimal_places=2,
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"}),
        **options,
    )


def _whole(label: Any, **options: Any) -> forms.IntegerField:
    widget = UnfoldAdminTextInputWidget(attrs={"inputmode": "numeric"})
    return forms.IntegerField(label=label, required=False, widget=widget, **options)


def _choice(label: Any, choices: Any, **options: Any) -> forms.ChoiceField:
    return forms.ChoiceField(
        label=label,
        choices=choices,
        required=False,
        widget=UnfoldAdminSelectWidget(),
        **options,
    )


def _switch(label: Any, **options: Any) -> forms.BooleanField:
    widget = UnfoldBooleanSwitchWidget()
    return forms.BooleanField(label=label, required=False, widget=widget, **options)


def _words(label: Any, **options: Any) -> WordsField:
    widget = UnfoldAdminTextareaWidget(attrs={"rows": 1})
    return WordsField(label=label, widget=widget, help_text="", **options)


class TermsForm(forms.ModelForm):
    """Everything that the discount engine reads, typed and ticked, never as JSON."""

    kind = forms.ChoiceField(
        label=_("What it does"), choices=Kind.choices, widget=UnfoldAdminSelectWidget()
    )
    scope = _choice(_("Taken from"), Scope.choices)
    percent = _money(_("Percent off"))
    amount = _money(_("Amount off"))
    bands_by = _choice(_("The bands go by"), Measure.choices)
    bands = BandsField(
        label=_("Bands"),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=_("One to a line, the lowest first: “500000: 10%” or “500000: 50000”."),
    )
    buy = _whole(_("Pieces to buy"))
    get = _whole(_("Pieces that are given"))
    every = _whole(_("Of every so many pieces"))
    given_percent = _money(_("Percent off what is given"), help_text=_("100: it is free."))
    times = _whole(_("So often in one order"), help_text=_("Empty: as often as it fits."))
    at_most = _money(_("At most this much off"), help_text=_("Empty: no bound."))
    price = _choice(_("Counted from the price"), Basis.choices)
    rounding = _choice(_("Rounding"), Rounding.choices)

    products_skus = _words(_("For these SKUs"))
    products_categories = _words(_("For these categories"))
    products_brands = _words(_("For these brands"))
    products_labels = _words(_("For these labels"))
    excluded_skus = _words(_("Not for these SKUs"))
    excluded_categories = _words(_("Not for these categories"))
    excluded_brands = _words(_("Not for these brands"))
    excluded_labels = _words(_("Not for these labels"))
    given_products_skus = _words(_("SKUs that are given"))
    given_products_categories = _words(_("Categories that are given"))
    given_products_brands = _words(_("Brands that are given"))
    given_products_labels = _words(_("Labels that are given"))

    minimum_value = _money(_("From this value on"))
    maximum_value = _money(_("Up to this value"), help_text=_("Empty: no bound."))
    minimum_quantity = _money(_("From so many pieces on"))
    counted = _choice(_("Both look at"), Counted.choices)
    counted_price = _choice(_("At the price"), Basis.choices)
    without_tax = _switch(_("Without tax"))

    weekdays = ChoicesField(
        label=_("Weekdays"),
        numbers=True,
        choices=list(WEEKDAYS.items()),
        help_text=_("None chosen: every day."),
    )
    from_time = forms.TimeField(
        label=_("From"), required=False, widget=UnfoldAdminSingleTimeWidget()
    )
    until_time = forms.TimeField(
        label=_("Until"), required=False, widget=UnfoldAdminSingleTimeWidget()
    )
    stores = forms.ModelMultipleChoiceField(
        label=_("Stores"),
        queryset=Store.objects.all(),
        required=False,
        widget=UnfoldAdminSelect2MultipleWidget(),
        help_text=_("None chosen: every store."),
    )
    channels = ChoicesField(
        label=_("Channels"),
        choices=Order.Channel.choices,
        help_text=_("None chosen: every channel."),
    )
    payment_methods = _words(_("Paid by"))
    segments = forms.ModelMultipleChoiceField(
        label=_("Groups of members"),
        queryset=Segment.objects.all(),
        required=False,
        widget=UnfoldAdminSelect2MultipleWidget(),
        help_text=_("None chosen: everyone."),
    )
    first_order_only = _switch(_("Only on a first order"))

    exclusive = _switch(_("Not together with any other voucher"))
    group = forms.CharField(
        label=_("Group"),
        required=False,
        max_length=40,
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("Of vouchers of one group only one counts for an order: the best."),
    )
    priority = _whole(
        _("Place among others"), help_text=_("Small numbers are taken off first.")
    )

    class Meta:
        model = VoucherType
        exclude = ("terms",)  # noqa: DJ006 - the fieldsets name what is shown

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        saved = self.instance.terms if self.instance.pk else {}
        for name, value in told_by(Terms.from_json(saved)).items():
            if name in self.fields:
                self.initial.setdefault(name, value)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if "kind" not in self.fields:
            return data
        terms = terms_from(data)
        for name, sentence in faults(terms).items() if not self.errors else ():
            field = name if name in self.fields else f"{name}_skus"
            self.add_error(field if field in self.fields else None, sentence)
        self.instance.terms = terms.to_json()
        return data

    @property
    def changed_fields(self) -> list[str]:
        """Return the fields of the model that were changed; terms are one field."""
        own = {field.name for field in VoucherType._meta.concrete_fields}
        changed = [name for name in self.changed_data if name in own]
        return [*changed, "terms"] if len(changed) < len(self.changed_data) else changed


def told_by(terms: Terms) -> dict[str, Any]:
    """Return what the fields show for these terms."""
    told: dict[str, Any] = {
        name: getattr(terms, name) for name in TermsForm.base_fields if hasattr(terms, name)
    }
    for name in PRODUCT_FIELDS:
        products: Products = getattr(terms, name)
        for part in PRODUCT_PARTS:
            told[f"{name}_{part}"] = sorted(getattr(products, part))
    for name in ("weekdays", "channels", "payment_methods"):
        told[name] = sorted(getattr(terms, name))
    told["stores"], told["segments"] = sorted(terms.store_ids), sorted(terms.segment_ids)
    return told


def terms_from(data: Mapping[str, Any]) -> Terms:
    """Build terms from what was typed; what means nothing for the kind is left out."""
    kind = data.get("kind") or Kind.PERCENT.value
    told: dict[str, Any] = {"kind": kind}
    for name in TermsForm.base_fields:
        if name in SHOWN and kind in SHOWN[name]["kind"] and _is_said(data.get(name)):
            told[name] = data[name]
    for name in PRODUCT_FIELDS:
        parts = {part: told.pop(f"{name}_{part}", []) for part in PRODUCT_PARTS}
        told[name] = Products(**{part: frozenset(words) for part, words in parts.items()})
    told["store_ids"] = frozenset(store.pk for store in told.pop("stores", ()))
    told["segment_ids"] = frozenset(segment.pk for segment in told.pop("segments", ()))
    for name in ("weekdays", "channels", "payment_methods"):
        told[name] = frozenset(told.get(name, ()))
    return _typed(told)


def _is_said(value: Any) -> bool:
    return value is not None and value != "" and value != () and value != []


def _typed(told: dict[str, Any]) -> Terms:
    kinds = {
        "kind": Kind,
        "scope": Scope,
        "bands_by": Measure,
        "price": Basis,
        "counted": Counted,
        "counted_price": Basis,
        "rounding": Rounding,
    }
    for name, kind in kinds.items():
        if name in told:
            told[name] = kind(told[name])
    try:
        return Terms(**told)
    except TypeError as error:
        raise InvalidInput(gettext("These terms cannot be read.")) from error
