"""Tidying up pictures: what nothing shows goes after a day, and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.db.models import ProtectedError

from core.models import Picture
from core.pictures import forget_unused_pictures, keep_picture, save_picture
from core.tasks import forget_pictures
from tests.pictures import BLUE, GREEN, RED, jpeg
from tests.shelf.models import Poster

DAY = timedelta(days=1)


@pytest.fixture
def red(db: None, now: datetime) -> Picture:
    return save_picture(content=jpeg(color=RED), at=now)


@pytest.mark.django_db
def test_forgets_what_nothing_shows(red: Picture, now: datetime) -> None:
    shown = save_picture(content=jpeg(color=BLUE), at=now)
    Poster.objects.create(title="a", picture=shown)

    assert forget_unused_pictures(at=now + 2 * DAY) == 1
    assert list(Picture.objects.values_list("pk", flat=True)) == [shown.pk]
    assert forget_unused_pictures(at=now + 2 * DAY) == 0


@pytest.mark.django_db
def test_a_young_one_waits_for_its_form(red: Picture, now: datetime) -> None:
    assert forget_unused_pictures(at=now + DAY) == 0
    assert forget_unused_pictures(at=now + DAY + timedelta(seconds=1)) == 1


@pytest.mark.django_db
def test_the_trail_of_what_was_shown_keeps_none(red: Picture, now: datetime) -> None:
    poster = Poster.objects.create(title="a", picture=red)
    poster.picture = save_picture(content=jpeg(color=GREEN), at=now)
    poster.save(update_fields=["picture"])

    assert forget_unused_pictures(at=now + 2 * DAY) == 1
    assert set(Poster.history.values_list("picture_id", flat=True)) == {
        red.pk,
        poster.picture_id,
    }


@pytest.mark.django_db
def test_what_is_shown_cannot_be_deleted(red: Picture) -> None:
    Poster.objects.create(title="a", picture=red)

    with pytest.raises(ProtectedError):
        red.delete()


@pytest.mark.django_db
def test_runs_every_night(red: Picture) -> None:
    Picture.objects.update(uploaded_at="2020-01-01T00:00Z")
    planned = settings.CELERY_BEAT_SCHEDULE["forget-unused-pictures"]

    forget_pictures()

    assert planned["task"] == forget_pictures.name
    assert not Picture.objects.exists()


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_locked", [True, False], ids=["guarded", "control"])
def test_a_picture_sent_again_while_it_is_tidied_away_stays(
    red: Picture, now: datetime, is_locked: bool
) -> None:
    later = now + 2 * DAY
    red._state.adding, red.uploaded_at = True, later
    started, done = threading.Event(), threading.Event()

    def send_again() -> None:
        with transaction.atomic():
            if is_locked:
                keep_picture(red)
            else:
                assert Picture.objects.filter(pk=red.pk).exists()
            started.set()
            # The tidying up has to wait; without the lock it is done long before.
            done.wait(1)
            Poster.objects.create(title="a", picture_id=red.pk)

    failures = in_thread(send_again)
    started.wait(5)
    forgotten = forget_unused_pictures(at=later)
    done.set()
    errors = failures()

    assert forgotten == (0 if is_locked else 1)
    assert Poster.objects.count() == (1 if is_locked else 0)
    assert [type(error).__name__ for error in errors] == (
        [] if is_locked else ["IntegrityError"]
    )


def in_thread(work: Callable[[], None]) -> Callable[[], list[Exception]]:
    """Start work on a connection of its own; call the answer to wait for its errors."""
    errors: list[Exception] = []

    def run() -> None:
        try:
            work()
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()

    def wait() -> list[Exception]:
        thread.join(10)
        return errors

    return wait
