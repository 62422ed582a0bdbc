"""Guessing at codes: misses are counted, and then nothing is looked at for a while."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from core.models import RateLimit
from rewards.errors import TooManyMisses
from rewards.guessing import Guesser, count_misses, refuse_if_too_many

pytestmark = pytest.mark.django_db

MAI = Guesser(member_id=1, address="203.0.113.9", till="k1")


def misses(guesser: Guesser, number: int, at: datetime) -> int:
    """Miss so often; return how many were answered before it was too often."""
    for answered in range(number):
        try:
            count_misses(guesser, 1, at=at)
        except TooManyMisses:
            return answered
    return number


@pytest.mark.parametrize(
    ("guesser", "most"),
    [
        (Guesser(member_id=1), 10),
        (Guesser(address="203.0.113.9"), 30),
        (Guesser(till="k1"), 300),
        (MAI, 10),
        (Guesser(address="203.0.113.9", till="k1"), 30),
    ],
)
def test_so_many_misses_an_hour_are_answered(
    guesser: Guesser, most: int, now: datetime
) -> None:
    refuse_if_too_many(guesser, at=now)

    assert misses(guesser, most + 5, now) == most

    with pytest.raises(TooManyMisses) as refusal:
        refuse_if_too_many(guesser, at=now + timedelta(minutes=20))
    assert (refusal.value.status, refusal.value.retry_after) == (429, 2400)
    refuse_if_too_many(guesser, at=now + timedelta(hours=1))


def test_others_are_not_slowed(now: datetime) -> None:
    misses(MAI, 10, now)
    refuse_if_too_many(Guesser(member_id=2, address=MAI.address, till="k1"), at=now)


def test_many_members_at_one_address_are_slowed_together(now: datetime) -> None:
    for member_id in range(3):
        misses(Guesser(member_id=member_id, address="203.0.113.9"), 10, now)
    with pytest.raises(TooManyMisses):
        refuse_if_too_many(Guesser(member_id=9, address="203.0.113.9"), at=now)


def test_one_ipv6_customer_has_a_whole_network(now: datetime) -> None:
    misses(Guesser(address="2001:db8:0:1::1"), 30, now)
    with pytest.raises(TooManyMisses):
        refuse_if_too_many(Guesser(address="2001:db8:0:1:ffff::2"), at=now)
    refuse_if_too_many(Guesser(address="2001:db8:0:2::1"), at=now)


def test_of_several_misses_at_once_as_many_are_answered(now: datetime) -> None:
    misses(MAI, 8, now)
    with pytest.raises(TooManyMisses):
        count_misses(MAI, 3, at=now)


def test_no_miss_counts_nothing(now: datetime) -> None:
    count_misses(MAI, 0, at=now)
    refuse_if_too_many(MAI, at=now)
    assert not RateLimit.objects.exists()
