"""Which channel reaches whom, in one query."""

from typing import Any

import pytest

from members.models import Consent, Identifier, Member
from messaging.reach import with_channel
from tests import factories
from tests.conftest import NOW


def channels(purpose: str = "marketing", **options: Any) -> dict[str, str | None]:
    members = with_channel(Member.objects.all(), purpose=purpose, **options)
    return {member.code: member.channel for member in members}


def say(member: Member, channel: str, is_given: bool) -> None:
    Consent.objects.create(
        member=member,
        purpose="marketing",
        channel=channel,
        is_given=is_given,
        changed_at=NOW,
        source="test",
    )


@pytest.fixture
def lan(db: None) -> Member:
    return factories.make_member(
        code="LAN", phone="0905111222", zalo_user_id="700", follows_oa=True
    )


def test_followers_by_user_id_and_others_by_phone(lan: Member, mai: Member) -> None:
    factories.make_member(code="NONE")

    assert channels() == {"LAN": "zalo_uid", "MAI": "zalo_phone", "NONE": None}


def test_a_zalo_id_without_following_is_not_enough(lan: Member) -> None:
    Member.objects.update(follows_oa=False)

    assert channels() == {"LAN": "zalo_phone"}


def test_a_template_that_cannot_go_by_user_id_goes_by_phone(lan: Member) -> None:
    assert channels(by_uid=False) == {"LAN": "zalo_phone"}


def test_without_consent_nobody_is_reached_with_offers(lan: Member) -> None:
    Consent.objects.all().delete()

    assert channels() == {"LAN": None}
    assert channels("care") == {"LAN": "zalo_uid"}


def test_a_word_about_one_channel_overrides(lan: Member) -> None:
    say(lan, "zalo_uid", is_given=False)
    assert channels() == {"LAN": "zalo_phone"}
    say(lan, "zalo_phone", is_given=False)
    assert channels() == {"LAN": None}


def test_consent_for_one_channel_alone(lan: Member) -> None:
    Consent.objects.update(is_given=False)
    say(lan, "zalo_phone", is_given=True)

    assert channels() == {"LAN": "zalo_phone"}


def test_a_number_that_does_not_work_reaches_nobody(mai: Member) -> None:
    Identifier.objects.filter(kind="phone").update(is_valid=False)

    assert channels() == {"MAI": None}


def test_it_can_be_filtered_and_counted(
    lan: Member, mai: Member, django_assert_num_queries: Any
) -> None:
    reached = with_channel(Member.objects.all(), purpose="marketing")

    with django_assert_num_queries(1):
        assert reached.filter(channel="zalo_uid").count() == 1
