"""The forms about codes in bulk: made here, uploaded, shared by everyone."""

from __future__ import annotations

import hashlib
from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from core.clock import start_of_day
from core.form_fields import DayInput
from core.parsing import FIRST_YEAR, LAST_YEAR
from rewards.batches import Wish
from rewards.batches.asking import MAX_SIZE
from rewards.batches.terms import Codes
from rewards.models import VoucherType

MAX_BYTES = 20 * 1024 * 1024
# What says nothing about the wish itself.
FORMALITIES = frozenset({"key", "seen"})


class TypeField(forms.ModelChoiceField):
    """A type of voucher in use, of certain kinds of codes."""

    def __init__(self, *kinds: str, **options: Any) -> None:
        super().__init__(
            label=_("Type of voucher"),
            queryset=VoucherType.objects.filter(is_active=True, codes__in=kinds),
            widget=UnfoldAdminSelectWidget(),
            **options,
        )

    def label_from_instance(self, obj: VoucherType) -> str:
        return f"{obj.name} ({obj.get_codes_display()})"


def _day(label: Any, help_text: Any = "") -> forms.DateField:
    return forms.DateField(
        label=label,
        required=False,
        widget=DayInput,
        help_text=help_text,
        # Beyond them no clock can follow.
        validators=[
            MinValueValidator(date(FIRST_YEAR, 1, 1)),
            MaxValueValidator(date(LAST_YEAR, 12, 31)),
        ],
    )


def after(day: date | None) -> datetime | None:
    """Return the first instant after a day: what ends on it can be used through it."""
    return None if day is None else start_of_day(day + timedelta(days=1))


class TwoStepForm(forms.Form):
    """What is carried out only after its consequences were read."""

    key = forms.CharField(max_length=40, widget=forms.HiddenInput)
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def fingerprint(self) -> str:
        """Return what tells whether somebody saw the consequences of just this."""
        told = {
            name: str(value)
            for name, value in self.cleaned_data.items()
            if name not in FORMALITIES
        }
        return hashlib.sha256(repr(sorted(told.items())).encode()).hexdigest()[:32]

    @property
    def was_seen(self) -> bool:
        return bool(self.cleaned_data["seen"] == self.fingerprint())


class MakeForm(TwoStepForm):
    """How many codes of which type."""

    voucher_type = TypeField(Codes.POOL, Codes.GENERATED)
    size = forms.IntegerField(
        label=_("How many codes"),
        min_value=1,
        max_value=MAX_SIZE,
        widget=UnfoldAdminIntegerFieldWidget(),
    )
    name = forms.CharField(
        label=_("Name of the batch"),
        max_length=80,
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("How you find it again: “Flyers for Tết, Hà Nội”."),
    )
    first_day = _day(_("Usable from"), _("Empty: as the type says."))
    last_day = _day(_("Usable through"), _("Empty: as the type says."))

    def wish(self) -> Wish:
        """Return what is asked for."""
        data = self.cleaned_data
        return Wish(
            data["voucher_type"],
            data["size"],
            data["name"],
            start_of_day(data["first_day"]) if data["first_day"] else None,
            after(data["last_day"]),
        )


class ShareForm(TwoStepForm):
    """One code for everyone."""

    voucher_type = TypeField(Codes.SHARED)
    code = forms.CharField(
        label=_("Code"),
        max_length=60,
        widget=UnfoldAdminTextInputWidget(attrs={"autocapitalize": "characters"}),
        help_text=_(
            "Short and easy to say: TET2027. Small letters and dashes do not count."
        ),
    )


class UploadForm(forms.Form):
    """A partner's list of codes."""

    voucher_type = TypeField(Codes.POOL, Codes.GENERATED)
    file = forms.FileField(
        label=_("The list"),
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".csv,.txt,.xlsx"}),
        help_text=_(
            "CSV, TXT or XLSX: one code to a row, and if you like “valid_until” beside it."
        ),
    )
    name = forms.CharField(
        label=_("Name of the batch"),
        max_length=80,
        required=False,
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("Empty: the name of the file."),
    )
    last_day = _day(
        _("Usable through"), _("For rows that say no day. Empty: as the type says.")
    )

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > MAX_BYTES:
            raise forms.ValidationError(
                _("The file is larger than 20 MB. Cut it into several files.")
            )
        return file


class ReasonForm(forms.Form):
    """Why something is taken back."""

    because = forms.CharField(
        label=_("Why"),
        max_length=200,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text=_("Stays with it, for whoever asks later."),
    )
