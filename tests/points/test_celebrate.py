"""Joining, birthdays and anniversaries: given by the programme day, once each."""

from datetime import UTC, date, datetime, timedelta

import pytest

from core.clock import local_midday
from members.models import Member
from points.models import Transfer
from points.queries import balances
from points.services import celebrate
from tests.factories import make_earn_rule, make_member, make_wallet
from tests.points.helpers import assert_proved


def gift(trigger: str) -> None:
    make_earn_rule(
        wallet=make_wallet(), trigger=trigger, method="fixed", points=50, name="Quà"
    )


@pytest.mark.parametrize(
    ("born", "day"),
    [
        (date(1990, 3, 2), date(2026, 3, 2)),
        (date(2000, 2, 29), date(2027, 2, 28)),
        (date(2000, 2, 29), date(2028, 2, 29)),
    ],
)
def test_a_birthday_is_given_once_a_year(db: None, born: date, day: date) -> None:
    gift("birthday")
    member = make_member(birth_date=born)

    assert celebrate(at=local_midday(day - timedelta(days=1))).points == 0
    assert celebrate(at=local_midday(day)).points == 50
    # Again the same day, the next night, and for a week nothing more.
    for later in range(8):
        assert celebrate(at=local_midday(day + timedelta(days=later))).points == 0
    assert balances([member.pk]) == {member.pk: 50}
    assert_proved()


def test_a_night_that_never_ran_is_caught_up(db: None) -> None:
    gift("birthday")
    make_member(birth_date=date(1990, 12, 30))

    given = celebrate(at=local_midday(date(2027, 1, 4)))

    assert (given.members, given.points) == (1, 50)
    assert ":2026:" in Transfer.objects.get().key
    assert celebrate(at=local_midday(date(2027, 1, 20))).points == 0


def test_who_was_born_this_year_has_no_birthday_yet(db: None) -> None:
    gift("birthday")
    make_member(birth_date=date(2026, 3, 2))

    assert celebrate(at=local_midday(date(2026, 3, 2))).points == 0


def test_each_year_of_membership(db: None) -> None:
    gift("anniversary")
    # Already the third of March in Ho Chi Minh City.
    member = make_member(joined_at=datetime(2024, 3, 2, 18, 0, tzinfo=UTC))

    assert celebrate(at=local_midday(date(2026, 3, 2))).points == 0
    assert celebrate(at=local_midday(date(2026, 3, 3))).points == 50
    assert celebrate(at=local_midday(date(2027, 3, 3))).points == 50
    assert balances([member.pk]) == {member.pk: 100}


def test_joining(db: None, now: datetime) -> None:
    gift("sign_up")
    new = make_member(joined_at=now - timedelta(hours=3))
    old = make_member(joined_at=now - timedelta(days=30))

    assert celebrate(at=now).points == 50
    assert celebrate(at=now).points == 0

    assert balances([new.pk, old.pk]) == {new.pk: 50, old.pk: 0}


def test_blocked_members_are_given_nothing(mai: Member, now: datetime) -> None:
    gift("sign_up")
    Member.objects.update(state=Member.State.BLOCKED, joined_at=now)

    assert celebrate(at=now).points == 0
