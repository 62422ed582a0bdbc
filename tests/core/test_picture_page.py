"""Serving pictures: small answers that any cache may keep for ever."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from core.models import Picture
from core.pictures import picture_address, save_picture
from members.models import Member
from tests.pictures import jpeg, seen
from tests.portal.conftest import SignIn, signed_in  # noqa: F401 - a fixture

pytestmark = pytest.mark.django_db


@pytest.fixture
def picture(now: datetime) -> Picture:
    return save_picture(content=jpeg(), at=now)


@pytest.mark.parametrize(
    ("size", "pixels"), [("card", (800, 600)), ("thumbnail", (400, 300))]
)
def test_serves_both_sizes_with_one_query(
    client: Client,
    picture: Picture,
    size: str,
    pixels: tuple[int, int],
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    address = picture_address(picture.pk, size)
    with django_assert_num_queries(1):
        response = client.get(address)

    assert address == f"/pictures/{picture.pk}-{size}.webp"
    assert response.status_code == 200
    assert response["Content-Type"] == "image/webp"
    assert seen(response.content).size == pixels


def test_any_cache_may_keep_it_and_nothing_in_it_runs(
    client: Client, picture: Picture
) -> None:
    response = client.get(picture_address(picture.pk, "card"))

    assert response["Cache-Control"] == "public, max-age=31536000, immutable"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert "Cookie" not in response.get("Vary", "")
    assert not response.cookies


def test_who_has_it_is_told_so_without_a_query(
    client: Client, picture: Picture, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    address = picture_address(picture.pk, "card")
    tag = client.get(address)["ETag"]
    with django_assert_num_queries(0):
        response = client.get(address, headers={"if-none-match": tag})

    assert (response.status_code, response.content) == (304, b"")
    assert "immutable" in response["Cache-Control"]
    other = client.get(address, headers={"if-none-match": '"other"'})
    assert other.status_code == 200
    assert client.get(picture_address(picture.pk, "thumbnail"))["ETag"] != tag


def test_head_tells_the_size_only(client: Client, picture: Picture) -> None:
    response = client.head(picture_address(picture.pk, "card"))

    assert (response.status_code, response.content) == (200, b"")
    assert int(response["Content-Length"]) == len(Picture.objects.get().card)


def test_is_the_same_for_a_member_who_is_signed_in(
    picture: Picture,
    mai: Member,
    signed_in: SignIn,  # noqa: F811
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    client = signed_in(mai)
    with django_assert_num_queries(1):
        response = client.get(picture_address(picture.pk, "card"))

    assert response.status_code == 200
    assert not response.cookies


@pytest.mark.parametrize(
    "address",
    [
        f"/pictures/{'0' * 64}-card.webp",
        f"/pictures/{'0' * 64}-original.webp",
        f"/pictures/{'0' * 63}-card.webp",
        f"/pictures/{'0' * 64}-card.webp/",
        f"/pictures/{'0' * 64}-card.jpg",
        "/pictures/../manage.py",
    ],
)
def test_there_is_nothing_anywhere_else(client: Client, address: str) -> None:
    response = client.get(address)

    assert response.status_code == 404
    assert "immutable" not in response.get("Cache-Control", "")


def test_refuses_other_methods(client: Client, picture: Picture) -> None:
    assert client.post(picture_address(picture.pk, "card")).status_code == 405


def test_pages_may_show_it(client: Client) -> None:
    policy = client.get("/offline/")["Content-Security-Policy"]

    assert "img-src 'self' data:" in policy
