"""A picture in a form of the console: shown, sent, replaced, removed, refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, models
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from core import picture_fields
from core.models import Picture
from core.picture_fields import PictureField, PictureKey, picture_preview
from core.pictures import prepare_picture, save_picture
from tests.pictures import BLUE, RED, jpeg
from tests.shelf.models import Poster

pytestmark = pytest.mark.django_db
ADD = "/admin/shelf/poster/add/"


def upload(content: bytes | None = None, name: str = "tote bag.jpg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, jpeg() if content is None else content)


def page_of(poster: Poster) -> str:
    return f"/admin/shelf/poster/{poster.pk}/change/"


@pytest.fixture
def poster(now: datetime) -> Poster:
    picture = save_picture(content=jpeg(color=BLUE), at=now)
    return Poster.objects.create(title="a", picture=picture)


# --- The console's form -----------------------------------------------------------------


def test_a_picture_is_saved_with_its_row(console: Client) -> None:
    response = console.post(ADD, {"title": "a", "picture": upload()})

    assert response.status_code == 302
    poster = Poster.objects.get()
    assert poster.picture_id == Picture.objects.get().pk
    assert Poster.history.get().picture_id == poster.picture_id


def test_the_page_shows_it_and_takes_files(console: Client, poster: Poster) -> None:
    page = console.get(page_of(poster)).content.decode()

    assert 'enctype="multipart/form-data"' in page
    assert f'src="/pictures/{poster.picture_id}-thumbnail.webp"' in page
    assert 'accept="image/jpeg,image/png,image/webp"' in page
    assert "Remove the picture" in page
    assert "js/admin/picture.js" in page
    # Nobody chooses among all the pictures there are.
    assert "<select" not in page.partition("data-picture")[2].partition("</div>")[0]


def test_an_empty_form_shows_no_picture(console: Client) -> None:
    page = console.get(ADD).content.decode()

    assert "No picture yet" in page
    assert "Remove the picture" not in page


def test_nothing_sent_changes_nothing(console: Client, poster: Poster) -> None:
    before = poster.picture_id
    response = console.post(page_of(poster), {"title": "b"})

    poster.refresh_from_db()
    assert response.status_code == 302
    assert (poster.title, poster.picture_id) == ("b", before)
    assert Picture.objects.count() == 1


def test_another_takes_its_place(console: Client, poster: Poster) -> None:
    before = poster.picture_id
    console.post(page_of(poster), {"title": "a", "picture": upload(jpeg(color=RED))})

    poster.refresh_from_db()
    assert poster.picture_id not in (None, before)
    assert Picture.objects.count() == 2


def test_it_is_removed_on_request(console: Client, poster: Poster) -> None:
    console.post(page_of(poster), {"title": "a", "picture-clear": "on"})

    poster.refresh_from_db()
    assert poster.picture_id is None


def test_a_file_and_the_box_together_are_a_question(
    console: Client, poster: Poster
) -> None:
    before = poster.picture_id
    sent = {"title": "a", "picture-clear": "on", "picture": upload()}
    response = console.post(page_of(poster), sent)

    poster.refresh_from_db()
    assert response.status_code == 200
    assert poster.picture_id == before


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "This is no JPEG, PNG or WebP picture."),
        (b"<svg/>", "This is no JPEG, PNG or WebP picture."),
        (jpeg((200, 150)), "The picture has only 200 × 150 pixels."),
        (jpeg()[:-2000], "The file is damaged or incomplete."),
    ],
)
def test_a_refusal_is_said_at_the_field_and_nothing_changes(
    console: Client, poster: Poster, content: bytes, sentence: str
) -> None:
    before = poster.picture_id
    response = console.post(page_of(poster), {"title": "b", "picture": upload(content)})

    poster.refresh_from_db()
    assert response.status_code == 200
    errors = response.context["adminform"].form.errors
    assert errors["picture"][0].startswith(sentence)
    assert sentence in response.content.decode()
    assert (poster.title, poster.picture_id) == ("a", before)
    assert Picture.objects.count() == 1


def test_a_form_that_is_refused_elsewhere_leaves_no_picture_and_says_so(
    console: Client, poster: Poster
) -> None:
    sent = {"title": "x" * 99, "picture": upload(jpeg(color=RED))}
    page = console.post(page_of(poster), sent).content.decode()

    assert Picture.objects.count() == 1
    assert "Please choose the file once more." in page
    assert f'src="/pictures/{poster.picture_id}-thumbnail.webp"' in page


def test_the_list_shows_it(console: Client, poster: Poster) -> None:
    page = console.get("/admin/shelf/poster/").content.decode()

    assert f'src="/pictures/{poster.picture_id}-thumbnail.webp"' in page
    assert "<img" not in picture_preview(None)


def test_the_list_reads_no_pictures(
    console: Client, poster: Poster, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(1):
        assert [str(p.picture_id) for p in Poster.objects.all()] == [poster.picture_id]


@pytest.fixture
def made_while_open(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bool]]:
    """Note for each picture that is made whether a transaction was open."""
    noted: list[bool] = []

    def prepare(**options: Any) -> Picture:
        noted.append(connection.in_atomic_block)
        return prepare_picture(**options)

    monkeypatch.setattr(picture_fields, "prepare_picture", prepare)
    return noted


@pytest.mark.django_db(transaction=True)
def test_no_picture_is_worked_on_while_a_transaction_is_open(
    console: Client, made_while_open: list[bool]
) -> None:
    console.post(ADD, {"title": "a", "picture": upload()})
    console.post(ADD, {"title": "b", "picture": upload(b"nothing")})

    assert Poster.objects.count() == 1
    assert made_while_open == [False, False]


def test_nothing_is_made_for_who_may_not_save(
    helper: User, helper_console: Client, made_while_open: list[bool]
) -> None:
    response = helper_console.post(ADD, {"title": "a", "picture": upload()})

    assert response.status_code == 403
    assert made_while_open == []
    assert not Picture.objects.exists()


def test_a_request_larger_than_any_page_takes_is_refused_unread(console: Client) -> None:
    response = console.post(ADD, {"title": "a", "picture": upload(bytes(21 * 1024**2))})

    assert response.status_code == 400
    assert not Poster.objects.exists()


# --- The field alone --------------------------------------------------------------------


def test_asks_no_database(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    field = PictureField(required=False)
    with django_assert_num_queries(0):
        new = field.clean(upload(), "5" * 64)
        kept = field.clean(None, "5" * 64)
        removed = field.clean(False, "5" * 64)
        never = field.clean(None, None)

    assert isinstance(new, Picture)
    assert (kept, removed, never) == ("5" * 64, None, None)


def test_a_column_may_require_one() -> None:
    column = PictureKey(verbose_name="a", blank=False, help_text="square")
    column.set_attributes_from_name("picture")

    field = column.formfield()
    assert (field.required, field.label, field.help_text) == (True, "A", "square")
    # What a migration writes down makes the same column again.
    _name, path, args, kwargs = column.deconstruct()
    assert path == "core.picture_fields.PictureKey"
    assert PictureKey(*args, **kwargs).remote_field.on_delete is models.PROTECT


def test_a_prepared_picture_is_saved_with_its_row_in_code_too(now: datetime) -> None:
    Poster.objects.create(title="a", picture=prepare_picture(content=jpeg(), at=now))

    assert Poster.objects.get().picture == Picture.objects.get()
