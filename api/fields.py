"""The fields of request and answer bodies, each refusal one clear sentence."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, TypeVar

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.utils.serializer_helpers import BindingDict

from core.errors import DomainError
from core.phones import normalise_phone

T = TypeVar("T")

COMMON = {
    "required": _("Send this field."),
    "null": _("Send a value, or leave this field out."),
}
# Before this no till kept time; a date like 0001-01-01 is an empty field of the sender.
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


class Text(serializers.CharField):
    default_error_messages = {
        **COMMON,
        "blank": _("This must not be empty."),
        "invalid": _("Send a text."),
        "max_length": _("Write at most {max_length} characters."),
    }


class Flag(serializers.BooleanField):
    default_error_messages = {**COMMON, "invalid": _("Send true or false.")}


class Choice(serializers.ChoiceField):
    default_error_messages = {
        **COMMON,
        "invalid_choice": _("Send one of the listed values."),
    }


class WholeNumber(serializers.IntegerField):
    default_error_messages = {
        **COMMON,
        "invalid": _("Send a whole number."),
        "max_string_length": _("This number is too long."),
        "min_value": _("Send {min_value} or more."),
        "max_value": _("Send at most {max_value}."),
    }


class Amount(serializers.DecimalField):
    """Money or a quantity: exact, as a string or a JSON number."""

    default_error_messages = {
        **COMMON,
        "invalid": _("Send a number, such as 185000 or “12.50”."),
        "max_string_length": _("This number is too long."),
        "min_value": _("Send {min_value} or more."),
        "max_value": _("Send at most {max_value}."),
        "max_digits": _("This number has too many digits."),
        "max_decimal_places": _("Write at most {max_decimal_places} decimals."),
        "max_whole_digits": _("This number is too large."),
    }

    def to_internal_value(self, data: Any) -> Decimal:
        # Python takes true for 1; a till that sends it has mixed up its fields.
        if isinstance(data, bool):
            self.fail("invalid")
        return super().to_internal_value(data)


class Moment(serializers.DateTimeField):
    """An instant: it must carry its zone, and is answered in UTC."""

    default_error_messages = {
        **COMMON,
        "invalid": _("Send a time like 2026-12-31T09:30:00+07:00."),
        "date": _("Send a time like 2026-12-31T09:30:00+07:00."),
        "naive": _("Add the time zone: 2026-12-31T09:30:00+07:00."),
        "overflow": _("This time cannot be; check the year."),
        "too_early": _("This time cannot be; check the year."),
    }

    def __init__(self, **options: Any) -> None:
        super().__init__(default_timezone=UTC, **options)

    def to_internal_value(self, value: Any) -> datetime:
        if not isinstance(value, str):
            self.fail("invalid")
        moment = super().to_internal_value(value)
        if moment < EARLIEST:
            self.fail("too_early")
        return moment

    def enforce_timezone(self, value: datetime) -> datetime:
        if value.tzinfo is None:
            self.fail("naive")
        return super().enforce_timezone(value)


@extend_schema_field({"type": "string", "example": "0912345678"})
class Phone(Text):
    """A Vietnamese mobile number in any usual writing."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=30, **options)

    def to_internal_value(self, data: Any) -> str:
        try:
            return normalise_phone(super().to_internal_value(data))
        except DomainError as error:
            raise serializers.ValidationError(str(error.message)) from error


# No docstring: the published description of every body would begin with it.
class Body(serializers.Serializer[T]):
    # The framework copies all fields, and the regular expressions in them, for every
    # request, so that somebody may change them. Nobody does here: a class makes them once.
    @cached_property
    def fields(self) -> BindingDict:
        kept = type(self).__dict__.get("_kept_fields")
        if kept is None:
            # Two threads may both make them the first time; either will do.
            kept = type(self)._kept_fields = super().fields  # type: ignore[attr-defined]
        return kept


class Strict(Body[Any]):
    """A body or query in which a field that is not listed is refused, not ignored."""

    default_error_messages = {
        **COMMON,
        "invalid": _("Send a JSON object."),
        "unknown": _("There is no field of this name here."),
    }

    def to_internal_value(self, data: Any) -> Any:
        unknown = set(data) - set(self.fields) if hasattr(data, "keys") else set()
        if unknown:
            sentence = str(self.error_messages["unknown"])
            raise serializers.ValidationError(
                {str(name)[:80]: [sentence] for name in sorted(unknown, key=str)[:20]}
            )
        return super().to_internal_value(data)
