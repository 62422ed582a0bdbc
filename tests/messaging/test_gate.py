"""The gate at the moment of sending: who, when, how often, and why not."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from members.models import Consent, Identifier, Member
from messaging import cascade, fields, gate
from messaging.models import Message, MessageTemplate, SendingPolicy
from messaging.outbox import lease_due
from messaging.services import queue_messages
from tests import factories
from tests.conftest import NOW
from tests.messaging.conftest import plan


def ask(at: datetime = NOW, **options: Any) -> dict[str, gate.Verdict]:
    messages = lease_due(at=at, limit=100, lease="mine")
    verdicts = gate.ask(messages, at, "mine", **options)
    return {message.key: verdicts[message.pk] for message in messages}


def ask_one(template: MessageTemplate, member: Member, **fields: Any) -> gate.Verdict:
    queue_messages([plan(template, member, **fields)])
    return ask(max(NOW, fields.get("due_at", NOW)))["k1"]


def allow(member: Member, channel: str, is_given: bool, purpose: str = "marketing") -> None:
    Consent.objects.create(
        member=member,
        purpose=purpose,
        channel=channel,
        is_given=is_given,
        changed_at=NOW,
        source="test",
    )


def sent(template: MessageTemplate, member: Member, at: datetime, key: str) -> None:
    queue_messages([plan(template, member, key=key)])
    Message.objects.filter(key=key).update(state="sent", sent_at=at)


def test_lets_an_offer_through(mai: Member, offer: MessageTemplate) -> None:
    assert ask_one(offer, mai) == gate.Verdict(address="+84912345678")


@pytest.mark.parametrize("state", ["blocked", "left"])
def test_refuses_a_member_who_is_not_active(
    mai: Member, offer: MessageTemplate, state: str
) -> None:
    Member.objects.update(state=state)

    assert ask_one(offer, mai).reason == "member_not_active"


def test_refuses_an_offer_without_consent(offer: MessageTemplate) -> None:
    member = factories.make_member(phone="0905111222", consent=False)

    assert ask_one(offer, member).reason == "no_consent"


def test_a_word_about_one_channel_counts_before_a_word_about_all(
    mai: Member, offer: MessageTemplate
) -> None:
    allow(mai, "zalo_phone", is_given=False)

    assert ask_one(offer, mai).reason == "no_consent"


def test_a_word_about_another_channel_counts_nothing(
    mai: Member, offer: MessageTemplate
) -> None:
    allow(mai, "zalo_uid", is_given=False)

    assert ask_one(offer, mai).reason == ""


def test_consent_for_one_channel_is_enough(offer: MessageTemplate) -> None:
    member = factories.make_member(phone="0905111222", consent=False)
    allow(member, "zalo_phone", is_given=True)

    assert ask_one(offer, member).reason == ""


def test_care_needs_no_consent_but_hears_a_no(mai: Member) -> None:
    care = factories.make_template(code="care", purpose="care")
    Consent.objects.all().delete()
    assert ask_one(care, mai).reason == ""
    Message.objects.all().delete()
    allow(mai, "", is_given=False, purpose="care")
    assert ask_one(care, mai).reason == "no_consent"


@pytest.mark.parametrize(
    ("local", "opening"),
    [
        ("2026-03-02T07:59", "2026-03-02T08:00"),
        ("2026-03-02T08:00", None),
        ("2026-03-02T20:59", None),
        ("2026-03-02T21:00", "2026-03-03T08:00"),
        ("2026-03-02T23:30", "2026-03-03T08:00"),
        ("2026-02-28T22:00", "2026-03-01T08:00"),
    ],
)
def test_offers_wait_for_the_next_opening_by_the_programmes_clock(
    db: None, local: str, opening: str | None
) -> None:
    policy = SendingPolicy.current()
    zone = factories.make_programme().zone
    at = datetime.fromisoformat(local).replace(tzinfo=zone)

    found = gate.next_opening(at, policy, zone)

    wanted = opening and datetime.fromisoformat(opening).replace(tzinfo=zone)
    assert found == wanted


def test_at_night_an_offer_waits_and_a_code_goes(
    mai: Member, offer: MessageTemplate, code: MessageTemplate
) -> None:
    night = NOW + timedelta(hours=10)
    queue_messages(
        [
            plan(offer, mai, key="offer"),
            plan(code, None, key="code", address="+84900000001"),
        ]
    )

    verdicts = ask(night)

    assert verdicts["offer"].reason == "quiet_hours"
    assert verdicts["offer"].due_at == NOW.replace(hour=1) + timedelta(days=1)
    assert verdicts["code"] == gate.Verdict(address="+84900000001")


def test_who_cannot_wait_until_the_opening_is_too_late(
    mai: Member, offer: MessageTemplate
) -> None:
    night = NOW + timedelta(hours=10)
    queue_messages([plan(offer, mai, expires_at=night + timedelta(hours=2))])

    assert ask(night)["k1"] == gate.Verdict(reason="too_late")


def test_a_second_offer_within_24_hours_is_refused(
    mai: Member, offer: MessageTemplate
) -> None:
    sent(offer, mai, NOW - timedelta(hours=23), "earlier")

    assert ask_one(offer, mai) == gate.Verdict(reason="fatigue_cap")


def test_the_cap_counts_every_channel_and_what_is_unknown(
    mai: Member, offer: MessageTemplate
) -> None:
    sent(offer, mai, NOW - timedelta(hours=1), "earlier")
    Message.objects.update(channel="zalo_uid", state="unknown")

    assert ask_one(offer, mai).reason == "fatigue_cap"


def test_after_24_hours_the_next_offer_goes(mai: Member, offer: MessageTemplate) -> None:
    sent(offer, mai, NOW - timedelta(hours=24), "earlier")

    assert ask_one(offer, mai).reason == ""


def test_the_weeks_cap(mai: Member, offer: MessageTemplate) -> None:
    for day in (2, 4, 6):
        sent(offer, mai, NOW - timedelta(days=day), f"day{day}")

    assert ask_one(offer, mai).reason == "fatigue_cap"


def test_care_is_not_counted(mai: Member, offer: MessageTemplate) -> None:
    care = factories.make_template(code="care", purpose="care")
    sent(care, mai, NOW - timedelta(hours=1), "care")

    assert ask_one(offer, mai).reason == ""


def test_two_offers_of_one_batch_count_each_other(
    mai: Member, offer: MessageTemplate
) -> None:
    queue_messages([plan(offer, mai, key="a"), plan(offer, mai, key="b")])

    verdicts = ask()

    assert [verdicts[key].reason for key in "ab"] == ["", "fatigue_cap"]


def test_an_offer_waits_while_another_relay_sends_one_to_the_same_member(
    mai: Member, offer: MessageTemplate
) -> None:
    queue_messages([plan(offer, mai, key="other")])
    lease_due(at=NOW, limit=1, lease="other")

    verdict = ask_one(offer, mai)

    assert verdict.reason == "another_under_way"
    assert verdict.due_at is not None
    assert timedelta(seconds=60) <= verdict.due_at - NOW <= timedelta(seconds=180)


def test_an_invalid_number_is_no_address(mai: Member, offer: MessageTemplate) -> None:
    Identifier.objects.update(is_valid=False)

    assert ask_one(offer, mai).reason == "no_address"


def test_who_unfollowed_since_is_tried_by_phone(offer: MessageTemplate) -> None:
    member = factories.make_member(phone="0905111222", zalo_user_id="700", follows_oa=False)

    verdict = ask_one(offer, member, channel="zalo_uid")

    assert verdict == gate.Verdict(reason="not_following", tries_next=True)


def test_the_cause_may_say_no(
    mai: Member, offer: MessageTemplate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fields, "_checks", {})

    def came_back(messages: Sequence[Message], at: datetime) -> Mapping[int, str]:
        return {message.pk: "returned" for message in messages}

    fields._checks["campaign"] = [came_back]

    assert ask_one(offer, mai, source_type="campaign").reason == "returned"


def test_the_number_of_queries_does_not_depend_on_the_batch(
    offer: MessageTemplate, django_assert_num_queries: Any
) -> None:
    members = [factories.make_member(phone=f"09{12000000 + n}") for n in range(30)]
    SendingPolicy.current()
    ways = cascade.current_ways()
    queue_messages([plan(offer, member, key=f"k{member.pk}") for member in members])
    messages = lease_due(at=NOW, limit=100, lease="mine")

    with django_assert_num_queries(8):
        gate.ask(messages, NOW, "mine", ways=ways)
