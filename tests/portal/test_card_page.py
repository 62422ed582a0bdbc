"""Card: what the till scans."""

import re

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from members.models import Identifier, Member
from portal.pictures import barcode, qr_code
from tests.portal.conftest import SignIn

pytestmark = pytest.mark.django_db


def test_shows_both_codes_and_the_number_in_fours(
    mai: Member, card: str, signed_in: SignIn
) -> None:
    response = signed_in(mai).get("/card/")
    page = response.content.decode()
    drawn = barcode(card)

    assert "1234 5678 9012" in page
    assert qr_code(card).path in page
    assert drawn is not None
    assert drawn.path in page
    assert "no-store" in response["Cache-Control"]


def test_without_a_card_number_the_member_code_is_the_card(
    mai: Member, signed_in: SignIn
) -> None:
    page = signed_in(mai).get("/card/").content.decode()

    assert qr_code("MAI").path in page
    assert '<p class="paper-number">MAI</p>' in page


def test_a_code_that_no_barcode_can_hold_has_a_qr_code_only(
    mai: Member, signed_in: SignIn
) -> None:
    Member.objects.filter(pk=mai.pk).update(code="MÃ-ĐẸP")
    page = signed_in(mai).get("/card/").content.decode()

    assert qr_code("MÃ-ĐẸP").path in page
    assert "paper-barcode" not in page


def test_a_stranger_sees_only_their_own(
    mai: Member, binh: Member, card: str, signed_in: SignIn
) -> None:
    Identifier.objects.create(member=binh, kind="card", value="999988887777")
    page = signed_in(binh).get("/card/").content.decode()

    assert "9999 8888 7777" in page
    assert qr_code(card).path not in page


def test_a_visitor_is_asked_to_sign_in(client: Client) -> None:
    assert client.get("/card/")["Location"] == "/sign-in/?next=%2Fcard%2F"


def test_refuses_other_methods(mai: Member, signed_in: SignIn) -> None:
    assert signed_in(mai).delete("/card/").status_code == 405


def test_takes_four_queries(
    mai: Member,
    card: str,
    signed_in: SignIn,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    client = signed_in(mai)
    with django_assert_num_queries(4):
        client.get("/card/")


def test_a_qr_code_has_clear_space_around_it() -> None:
    picture = qr_code("123456789012")

    # Version 1 has 21 modules, with four of margin on either side.
    assert (picture.width, picture.height) == (29, 29)
    assert picture.path.startswith("M4 4h7v1h-7z")
    assert all(int(x) >= 4 for x in re.findall(r"M(\d+) ", picture.path))


def test_a_barcode_has_clear_space_around_it() -> None:
    picture = barcode("123456789012")

    assert picture is not None
    assert picture.path.startswith("M10 0h2v30h-2z")
    # Start, six pairs of digits, check: eleven modules each; stop: thirteen.
    assert picture.width == 10 + 8 * 11 + 13 + 10
