"""Vietnamese phone numbers: stored as +84912345678, shown as 0912 345 678."""

import re
from functools import lru_cache
from typing import Any

import phonenumbers
from django.utils.translation import gettext as _

from core.errors import InvalidInput

REGION = "VN"
COUNTRY_CODE = 84
# Mobile numbers since the eleven-digit ones were shortened in 2018.
MOBILE_PREFIXES = frozenset("35789")

_USUAL = re.compile(r"(?:\+84|0)([35789][0-9]{8})").fullmatch
_VIETNAM: Any = phonenumbers.PhoneMetadata.metadata_for_region(REGION)
_MOBILE = re.compile(_VIETNAM.mobile.national_number_pattern).fullmatch


class InvalidPhone(InvalidInput):
    """The text is not a mobile number that can be reached."""

    code = "invalid_phone"


@lru_cache(maxsize=4096)
def normalise_phone(text: str) -> str:
    """Return a mobile number as E.164 (``+84912345678``), or raise InvalidPhone.

    Understands ``0912 345 678``, ``84912345678``, ``+84 912 345 678`` and a nine-digit
    number whose leading zero a spreadsheet has eaten.
    """
    cleaned = text.strip()
    # Lists hold millions of numbers, nearly all written in one of two ways.
    if (usual := _USUAL(cleaned)) and _MOBILE(usual[1]):
        return f"+{COUNTRY_CODE}{usual[1]}"
    digits = "".join(c for c in cleaned if c.isdigit())
    if len(digits) == 9 and digits[0] in MOBILE_PREFIXES and not cleaned.startswith("+"):
        cleaned = f"0{digits}"
    elif len(digits) == 11 and digits.startswith("84") and not cleaned.startswith("+"):
        cleaned = f"+{digits}"
    try:
        number = phonenumbers.parse(cleaned, REGION)
    except phonenumbers.NumberParseException:
        number = None
    if (
        number is None
        or len(cleaned) > 30
        or number.country_code != COUNTRY_CODE
        or not phonenumbers.is_valid_number(number)
        or str(number.national_number)[0] not in MOBILE_PREFIXES
    ):
        raise InvalidPhone(
            _("“%(phone)s” is no Vietnamese mobile number. Write it like 0912 345 678.")
            % {"phone": text[:30]}
        )
    return f"+{COUNTRY_CODE}{number.national_number}"


def display_phone(e164: str) -> str:
    """Show a stored number as people write it: 0912 345 678."""
    if not e164.startswith("+84") or len(e164) != 12:
        return e164
    national = f"0{e164[3:]}"
    return f"{national[:4]} {national[4:7]} {national[7:]}"


def mask_phone(e164: str) -> str:
    """Show only the first two and last three digits: 09•• ••• 678."""
    shown = display_phone(e164)
    if len(shown) != 12:
        return "•••"
    return f"{shown[:2]}•• ••• {shown[-3:]}"
