"""Limits: counted and refused by one statement."""

from datetime import datetime, timedelta

import pytest
from django.db import transaction

from core.limits import Limit, forget_ended, give_back, look, take, take_all
from core.models import RateLimit

pytestmark = pytest.mark.django_db
THREE = Limit("three", most=3, span=timedelta(hours=1))
ONE = Limit("one", most=1, span=timedelta(minutes=1))


def test_lets_through_up_to_the_limit_and_says_when_to_come_back(now: datetime) -> None:
    allowed = [take(THREE, "mai", at=now).is_allowed for _ in range(3)]
    refused = take(THREE, "mai", at=now + timedelta(minutes=20))

    assert allowed == [True, True, True]
    assert not refused.is_allowed
    assert refused.retry_after == 40 * 60
    assert RateLimit.objects.get().count == 3


def test_begins_anew_when_the_span_is_over(now: datetime) -> None:
    assert take(ONE, "mai", at=now).is_allowed
    assert not take(ONE, "mai", at=now + timedelta(seconds=59)).is_allowed
    assert take(ONE, "mai", at=now + timedelta(seconds=60)).is_allowed
    assert not take(ONE, "mai", at=now + timedelta(seconds=119)).is_allowed


def test_counts_each_subject_and_each_limit_by_itself(now: datetime) -> None:
    assert take(ONE, "mai", at=now).is_allowed
    assert take(ONE, "binh", at=now).is_allowed
    assert take(THREE, "mai", at=now).is_allowed
    assert not take(ONE, "mai", at=now).is_allowed


def test_keeps_no_personal_data(now: datetime) -> None:
    take(ONE, "+84912345678", at=now)

    assert "912345678" not in RateLimit.objects.get().key


def test_a_refusal_that_rolls_back_counts_nothing(now: datetime) -> None:
    take(ONE, "everybody", at=now)
    with transaction.atomic():
        taken = take_all([(THREE, "mai"), (ONE, "everybody")], at=now)
        transaction.set_rollback(True)

    assert not taken.is_allowed
    assert RateLimit.objects.filter(key=THREE.key("mai")).count() == 0


def test_gives_back_a_use_that_did_not_count(now: datetime) -> None:
    take(ONE, "mai", at=now)
    give_back(ONE, "mai")
    give_back(ONE, "mai")

    assert RateLimit.objects.get().count == 0
    assert take(ONE, "mai", at=now).is_allowed
    assert not take(ONE, "mai", at=now).is_allowed


def test_forgets_only_what_is_over(now: datetime) -> None:
    take(ONE, "mai", at=now)
    take(THREE, "mai", at=now)

    assert forget_ended(at=now + timedelta(minutes=2)) == 1
    assert RateLimit.objects.get().key == THREE.key("mai")


def test_looking_counts_nothing_and_says_when_all_have_room(now: datetime) -> None:
    uses = [(THREE, "mai"), (ONE, "everybody")]
    assert look(uses, at=now).is_allowed
    assert not RateLimit.objects.exists()

    take(ONE, "everybody", at=now)
    take(THREE, "mai", at=now)

    assert look([(THREE, "mai")], at=now).is_allowed
    refused = look(uses, at=now + timedelta(seconds=20))
    assert (refused.is_allowed, refused.retry_after) == (False, 40)
    assert look(uses, at=now + timedelta(seconds=60)).is_allowed
