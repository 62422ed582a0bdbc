"""Me: what the programme knows, and the switches that are the member's own."""

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from members.models import Consent, Member
from tests.portal.conftest import SignIn

pytestmark = pytest.mark.django_db


def general(member: Member) -> bool:
    return Consent.objects.get(member=member, purpose="marketing", channel="").is_given


def test_shows_who_i_am_with_the_phone_masked(
    mai: Member, card: str, signed_in: SignIn
) -> None:
    response = signed_in(mai).get("/me/")
    page = response.content.decode()

    assert "Nguyễn Thị Mai" in page
    assert "09•• ••• 678" in page
    assert "0912" not in page
    assert "912345678" not in page
    assert "1234 5678 9012" in page
    assert "05/01/2025" in page
    assert "no-store" in response["Cache-Control"]


def test_a_member_without_phone_or_name_is_shown_too(
    mai: Member, signed_in: SignIn
) -> None:
    mai.identifiers.all().delete()
    Member.objects.update(name="")

    assert signed_in(mai).get("/me/").status_code == 200


def test_offers_can_be_stopped_and_allowed_again(mai: Member, signed_in: SignIn) -> None:
    client = signed_in(mai)
    assert 'aria-checked="true"' in client.get("/me/").content.decode()

    assert client.post("/me/consent/", {"marketing": "off"})["Location"] == "/me/"
    assert not general(mai)
    assert 'aria-checked="false"' in client.get("/me/").content.decode()

    client.post("/me/consent/", {"marketing": "on"})
    assert general(mai)


def test_a_no_also_ends_a_yes_for_one_channel(mai: Member, signed_in: SignIn) -> None:
    Consent.objects.create(
        member=mai,
        purpose="marketing",
        channel="zalo_uid",
        is_given=True,
        changed_at=mai.joined_at,
        source="test",
    )
    signed_in(mai).post("/me/consent/", {"marketing": "off"})

    said = Consent.objects.filter(member=mai, purpose="marketing")
    assert sorted(said.values_list("channel", "is_given")) == [
        ("", False),
        ("zalo_uid", False),
    ]


def test_nobody_speaks_for_another(mai: Member, binh: Member, signed_in: SignIn) -> None:
    signed_in(binh).post("/me/consent/", {"marketing": "off", "member_id": str(mai.pk)})

    assert general(mai)
    assert not general(binh)


def test_a_visitor_changes_nothing(mai: Member, client: Client) -> None:
    assert client.get("/me/")["Location"] == "/sign-in/?next=%2Fme%2F"
    # What was sent is not repeated after sign-in, so the way leads home.
    response = client.post("/me/consent/", {"marketing": "off"})

    assert response["Location"] == "/sign-in/?next=%2F"
    assert general(mai)


def test_the_language_is_kept_in_the_browser_and_on_the_member(
    mai: Member, signed_in: SignIn
) -> None:
    client = signed_in(mai)
    response = client.post("/language/", {"language": "en", "next": "/me/"})
    mai.refresh_from_db()

    assert response["Location"] == "/me/"
    assert response.cookies["django_language"].value == "en"
    assert mai.language == "en"
    assert '<html lang="en"' in client.get("/me/").content.decode()


def test_a_visitor_s_language_is_kept_in_the_browser(client: Client) -> None:
    assert '<html lang="en"' in client.get("/").content.decode()
    client.post("/language/", {"language": "vi"})

    assert '<html lang="vi"' in client.get("/").content.decode()


@pytest.mark.parametrize("language", ["", "fr", "<script>", "en\r\nSet-Cookie: a=b"])
def test_an_unknown_language_changes_nothing(
    mai: Member, signed_in: SignIn, language: str
) -> None:
    response = signed_in(mai).post(
        "/language/", {"language": language, "next": "//evil.example"}
    )
    mai.refresh_from_db()

    assert response["Location"] == "/"
    assert "django_language" not in response.cookies
    assert mai.language == "vi"


@pytest.mark.parametrize(
    ("path", "method"), [("/me/", "post"), ("/me/consent/", "get"), ("/language/", "get")]
)
def test_refuses_other_methods(
    mai: Member, signed_in: SignIn, path: str, method: str
) -> None:
    assert getattr(signed_in(mai), method)(path).status_code == 405


def test_runs_nothing_that_a_name_holds(mai: Member, signed_in: SignIn) -> None:
    Member.objects.update(name="<img src=x onerror=alert(1)>")

    assert "<img" not in signed_in(mai).get("/me/").content.decode()


def test_takes_six_queries(
    mai: Member,
    card: str,
    signed_in: SignIn,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    client = signed_in(mai)
    with django_assert_num_queries(6):
        client.get("/me/")
