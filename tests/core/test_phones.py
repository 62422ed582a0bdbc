"""Phones: many ways to write one, one way to store it."""

import re

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.phones import InvalidPhone, display_phone, mask_phone, normalise_phone

STORED = "+84912345678"


@pytest.mark.parametrize(
    "text",
    [
        "0912345678",
        "0912 345 678",
        "0912.345.678",
        "(0912) 345-678",
        "  0912345678\n",
        "84912345678",
        "+84912345678",
        "+84 912 345 678",
        "0084912345678",
        "912345678",
    ],
)
def test_understands_the_ways_people_write(text: str) -> None:
    assert normalise_phone(text) == STORED


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "abc",
        "091234567",
        "09123456789",
        "0212345678",
        "02838220000",
        "+1 202 555 0143",
        "+49 30 123456",
        "1900 1234",
        "00000000000",
        "\0",
        "²²²²²²²²²",
        "9" * 300,
    ],
)
def test_refuses_what_no_message_reaches(text: str) -> None:
    with pytest.raises(InvalidPhone, match="Write it like 0912 345 678") as refusal:
        normalise_phone(text)

    assert len(str(refusal.value)) < 120


@given(st.text(max_size=40) | st.text("+0123456789 -.()x;ext=²٣", max_size=24))
def test_any_text_is_a_mobile_number_or_refused(text: str) -> None:
    try:
        phone = normalise_phone(text)
    except InvalidPhone:
        return
    assert re.fullmatch(r"\+84[35789][0-9]{8}", phone)
    assert normalise_phone(phone) == phone
    assert normalise_phone(display_phone(phone)) == phone


def test_shows_what_people_write() -> None:
    assert display_phone(STORED) == "0912 345 678"
    assert display_phone("someone@example.com") == "someone@example.com"


def test_hides_what_nobody_needs_to_see() -> None:
    assert mask_phone(STORED) == "09•• ••• 678"
    assert mask_phone("") == "•••"
    assert mask_phone("+4930123456") == "•••"


@pytest.mark.parametrize("prefix", range(30, 100))
def test_the_usual_form_is_judged_as_the_library_judges_it(prefix):
    for number in range(0, 1000, 40):
        text = f"0{prefix}{number:03}1234"
        is_mobile = text[1] in "35789" and phonenumbers.is_valid_number(
            phonenumbers.parse(text, "VN")
        )
        try:
            assert normalise_phone(text) == f"+84{text[1:]}"
        except InvalidPhone:
            assert not is_mobile
        else:
            assert is_mobile
