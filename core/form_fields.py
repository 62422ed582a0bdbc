"""Form fields in which staff type lists and numbers, never JSON."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    BASE_INPUT_CLASSES,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from core.money import plain_number


class DayInput(forms.DateInput):
    """A day, chosen in the browser's own calendar."""

    input_type = "date"

    def __init__(self) -> None:
        super().__init__(attrs={"class": " ".join(BASE_INPUT_CLASSES)}, format="%Y-%m-%d")


class PlainDecimalField(forms.DecimalField):
    """Writes 10000 for 10000.00: dong have no cents, and nobody types the zeros."""

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, Decimal):
            return f"{value.normalize():f}"
        return value


def read_number(text: str) -> Decimal:
    """Read a number as people write it here: 1.250.000 or 12,5. Raises InvalidOperation."""
    if re.fullmatch(r"\d{1,3}(\.\d{3})+(,\d+)?", text):
        text = text.replace(".", "")
    return Decimal(text.replace(",", "."))


class AmountField(PlainDecimalField):
    """Takes 50.000 for fifty thousand, not for fifty, and 12,5 for twelve and a half.

    Amounts have two decimals at most, so three digits after a dot can mean nothing else.
    It writes them so, too: nobody counts the zeros of 1250000.
    """

    def __init__(self, **options: Any) -> None:
        # A field of numbers would have read the text before us.
        options["widget"] = UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"})
        super().__init__(**options)

    def prepare_value(self, value: Any) -> Any:
        return plain_number(value) if isinstance(value, Decimal) else value

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str):
            with contextlib.suppress(InvalidOperation):
                value = str(read_number(value.strip())) if value.strip() else value
        return super().to_python(value)


class WordsField(forms.CharField):
    """A list of words, typed one to a line or with commas between them."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("required", False)
        options.setdefault("widget", UnfoldAdminTextareaWidget(attrs={"rows": 2}))
        options.setdefault("help_text", _("One to a line, or with commas between."))
        super().__init__(**options)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        text = super().clean(value)
        words = (word.strip() for word in re.split(r"[\n,;]", text))
        return list(dict.fromkeys(word for word in words if word))

    def has_changed(self, initial: Any, data: Any) -> bool:
        return list(initial or []) != self.clean(data or "")


class ChoicesField(forms.MultipleChoiceField):
    """Some of a few choices, ticked; stored as a list."""

    def __init__(self, *, numbers: bool = False, **options: Any) -> None:
        self.numbers = numbers
        options.setdefault("required", False)
        options.setdefault("widget", forms.CheckboxSelectMultiple)
        super().__init__(**options)

    def clean(self, value: Any) -> list[Any]:
        chosen: Sequence[str] = super().clean(value)
        return [int(choice) for choice in chosen] if self.numbers else list(chosen)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return sorted(map(str, initial or [])) != sorted(map(str, data or []))
