"""Sending what is due, against the simulated platform over HTTP."""

import logging
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core.http import HttpClient
from core.phones import normalise_phone
from members.models import Consent, Identifier, Member
from messaging import outbox, relay
from messaging.models import Message, MessageTemplate, OfficialAccount
from messaging.services import connect_official_account, dispatch_messages, queue_messages
from messaging.zalo.client import ZaloClient
from tests import factories
from tests.conftest import NOW
from tests.messaging.conftest import plan, queue
from zalo_simulator.server import Simulator

MAI_PHONE = "84912345678"
MAI_UID = "2512523625412515"


@pytest.fixture
def follower(db: None) -> Member:
    """A member who follows the Official Account and has a phone, too."""
    return factories.make_member(
        code="LAN", name="Lê Lan", phone="0905111222", zalo_user_id=MAI_UID, follows_oa=True
    )


def test_sends_by_phone_what_is_due(
    zalo: Simulator, account: OfficialAccount, offer: MessageTemplate, mai: Member
) -> None:
    queue(offer, mai)

    result = dispatch_messages(at=NOW)

    assert dict(result.states) == {"sent": 1}
    assert result.stopped == ""
    message = Message.objects.get()
    (sent,) = zalo.sent()
    assert message.state == "sent"
    assert message.sent_at == NOW
    assert message.attempts == 1
    assert message.lease == ""
    assert message.address == normalise_phone("0912345678")
    assert message.provider_id == sent.message_id
    assert sent.tracking_id == f"m{message.pk}"
    assert sent.template_data == message.payload
    assert message.payload["customer_name"] == "Nguyễn Thị Mai"


def test_sends_by_user_id_to_a_follower(
    zalo: Simulator, account: OfficialAccount, offer: MessageTemplate, follower: Member
) -> None:
    queue(offer, follower, channel="zalo_uid")

    dispatch_messages(at=NOW)

    (sent,) = zalo.sent()
    message = Message.objects.get()
    assert sent.channel == "uid"
    assert sent.user_id == MAI_UID
    assert (message.state, message.provider_id) == ("sent", sent.message_id)


def test_what_is_not_due_stays(
    zalo: Simulator, account: OfficialAccount, offer: MessageTemplate, mai: Member
) -> None:
    queue(offer, mai, due_at=NOW + timedelta(minutes=1))

    assert dispatch_messages(at=NOW).total == 0
    assert Message.objects.get().state == "pending"
    assert zalo.sent() == []


def test_a_second_run_sends_nothing(
    zalo: Simulator, account: OfficialAccount, offer: MessageTemplate, mai: Member
) -> None:
    queue(offer, mai)
    dispatch_messages(at=NOW)

    assert dispatch_messages(at=NOW + timedelta(days=2)).total == 0
    assert len(zalo.sent()) == 1


def test_what_is_too_late_is_never_sent(
    zalo: Simulator, account: OfficialAccount, offer: MessageTemplate, mai: Member
) -> None:
    queue(offer, mai, expires_at=NOW)

    result = dispatch_messages(at=NOW)

    message = Message.objects.get()
    assert (message.state, message.reason) == ("expired", "too_late")
    assert dict(result.reasons) == {"too_late": 1}
    assert zalo.sent() == []


def test_the_limit_leaves_the_rest_for_later(
    zalo: Simulator,
    account: OfficialAccount,
    offer: MessageTemplate,
    mai: Member,
    binh: Member,
) -> None:
    queue(offer, mai, binh)

    assert dispatch_messages(at=NOW, limit=1).total == 1
    assert Message.objects.filter(state="pending").count() == 1


def test_without_an_account_everything_waits(
    transactional_db: None, offer: MessageTemplate, mai: Member
) -> None:
    queue(offer, mai)

    assert dispatch_messages(at=NOW).stopped == "not_connected"
    assert Message.objects.get().state == "pending"


# --- How answers are judged ---------------------------------------------------------------


@pytest.mark.parametrize("kind", ["timeout", "http_500", "html", "reset"])
def test_an_offer_in_doubt_is_unknown_and_never_repeated(
    zalo: Simulator,
    account: OfficialAccount,
    offer: MessageTemplate,
    mai: Member,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    monkeypatch.setattr("core.http.ANSWER_SECONDS", 0.3)
    zalo.faults.add(kind, next=1, seconds=1, accept=True)
    queue(offer, mai)

    dispatch_messages(at=NOW)
    dispatch_messages(at=NOW + timedelta(days=1))

    message = Message.objects.get()
    assert (message.state, message.reason) == ("unknown", "outcome_unknown")
    assert message.sent_at == NOW
    assert len(zalo.sent()) == 1


def test_a_one_time_code_in_doubt_is_sent_again(
    zalo: Simulator, account: OfficialAccount, code: MessageTemplate
) -> None:
    zalo.faults.add("http_500", next=1)
    queue_messages([code_plan(code)])

    dispatch_messages(at=NOW)
    waiting = Message.objects.get()
    assert (waiting.state, waiting.reason) == ("pending", "retry")
    assert NOW < waiting.due_at <= NOW + timedelta(seconds=3)
    dispatch_messages(at=NOW + timedelta(seconds=5))

    message = Message.objects.get()
    assert (message.state, message.attempts) == ("sent", 2)
    # Nobody can read the code afterwards.
    assert (message.payload, message.context) == ({}, {})
    assert zalo.sent()[0].template_data == {"otp": "482913"}


def code_plan(code: MessageTemplate, **fields: Any) -> Any:
    values = {"address": "+84912345678", "context": {"otp": "482913"}}
    return plan(code, None, **values | fields)


def test_what_never_left_is_tried_five_times_with_growing_pauses(
    zalo: Simulator, account: OfficialAccount, offer: MessageTemplate, mai: Member
) -> None:
    zalo.faults.add("error", code=-100)
    queue(offer, mai)
    at, pauses = NOW, []

    for _attempt in range(5):
        dispatch_messages(at=at)
        message = Message.objects.get()
        pauses.append((message.due_at - at).total_seconds() / 60)
        at = max(message.due_at, at)

    assert (message.state, message.reason) == ("failed", "too_many_attempts")
    assert (message.attempts, message.error_code) == (5, -100)
    for pause, minutes in zip(pauses, (1, 5, 30, 120), strict=False):
        assert 0.8 * minutes <= pause <= 1.2 * minutes


def test_a_closed_door_is_tried_again(
    settings: Any,
    zalo: Simulator,
    account: OfficialAccount,
    offer: MessageTemplate,
    mai: Member,
) -> None:
    settings.ZALO_BUSINESS_URL = "http://127.0.0.1:1"
    queue(offer, mai)

    dispatch_messages(at=NOW)

    message = Message.objects.get()
    assert (message.state, message.reason, message.attempts) == ("pending", "retry", 1)


def test_a_rejected_token_is_renewed_once_and_the_message_sent(
    zalo: Simulator, account: OfficialAccount, offer: MessageTemplate, mai: Member
) -> None:
    OfficialAccount.objects.update(
        access_token="revoked",
        refreshed_at=timezone.now(),
        access_token_expires_at=timezone.now() + timedelta(hours=25),
    )
    queue(offer, mai)

    result = dispatch_messages(at=NOW)

    assert dict(result.states) == {"sent": 1}
    assert Message.objects.get().attempts == 1
    assert OfficialAccount.objects.get().access_token != "revoked"


def test_a_person_who_must_act_stops_the_account_and_messages_wait(
    zalo: Simulator,
    account: OfficialAccount,
    offer: MessageTemplate,
    mai: Member,
    binh: Member,
) -> None:
    number = zalo.faults.add("error", code=-115)
    queue(offer, mai, binh)

    result = dispatch_messages(at=NOW)

    account.refresh_from_db()
    assert (account.state, account.last_error) == (
        "stopped",
        "-115: ZBS account out of money",
    )
    assert result.stopped == "account_stopped"
    assert set(Message.objects.values_list("state", "attempts")) == {("pending", 0)}
    assert dispatch_messages(at=NOW).stopped == "account_stopped"

    zalo.faults.remove(number)
    connect_official_account()
    assert dict(dispatch_messages(at=NOW).states) == {"sent": 2}


def test_a_template_at_fault_stops_and_its_messages_wait(
    zalo: Simulator, account: OfficialAccount, offer: MessageTemplate, mai: Member
) -> None:
    number = zalo.faults.add("error", code=-131)
    queue(offer, mai)

    dispatch_messages(at=NOW)

    offer.refresh_from_db()
    assert (offer.is_active, offer.last_error) == (False, "-131: template not approved")
    message = Message.objects.get()
    assert (message.state, message.reason) == ("pending", "template_stopped")
    zalo.faults.remove(number)
    assert dispatch_messages(at=NOW).total == 0
    MessageTemplate.objects.update(is_active=True)
    assert dict(dispatch_messages(at=NOW).states) == {"sent": 1}


def test_a_used_up_quota_rests_the_channel_until_the_next_opening(
    zalo: Simulator,
    account: OfficialAccount,
    offer: MessageTemplate,
    code: MessageTemplate,
    mai: Member,
) -> None:
    zalo.faults.add("error", code=-144, next=1)
    queue(offer, mai)

    dispatch_messages(at=NOW)

    message = Message.objects.get()
    # 08:00 of the next day in Ho Chi Minh City.
    tomorrow = NOW.replace(hour=1) + timedelta(days=1)
    account.refresh_from_db()
    assert account.phone_held_until == tomorrow
    assert (message.state, message.reason, message.due_at) == ("pending", "quota", tomorrow)
    Message.objects.update(due_at=NOW)
    assert dispatch_messages(at=NOW).total == 0
    # Signing in goes on.
    queue_messages([code_plan(code, key="code")])
    assert dict(dispatch_messages(at=NOW).states) == {"sent": 1}


def test_a_members_own_quota_makes_only_that_message_wait(
    zalo: Simulator,
    account: OfficialAccount,
    offer: MessageTemplate,
    mai: Member,
    binh: Member,
) -> None:
    zalo.faults.add("error", code=-1472, to=MAI_PHONE)
    queue(offer, mai, binh)

    result = dispatch_messages(at=NOW)

    assert dict(result.states) == {"sent": 1, "pending": 1}
    waiting = Message.objects.get(member=mai)
    assert waiting.due_at == NOW.replace(hour=1) + timedelta(days=1)


def test_zalos_night_makes_a_message_wait(
    zalo: Simulator, account: OfficialAccount, offer: MessageTemplate, mai: Member
) -> None:
    zalo.faults.add("error", code=-133, next=1)
    queue(offer, mai)

    dispatch_messages(at=NOW)

    message = Message.objects.get()
    assert (message.state, message.reason) == ("pending", "quiet_hours")
    assert (message.due_at, message.attempts) == (NOW + timedelta(hours=1), 0)


def test_a_content_that_zalo_refuses_is_not_repeated(
    zalo: Simulator, account: OfficialAccount, offer: MessageTemplate, mai: Member
) -> None:
    zalo.faults.add("error", code=-1124, next=1)
    queue(offer, mai)

    dispatch_messages(at=NOW)

    message = Message.objects.get()
    assert (message.state, message.reason, message.error_code) == (
        "failed",
        "payload_refused",
        -1124,
    )


# --- What an answer says about the person -------------------------------------------------


@pytest.mark.parametrize("number", [-213, -227, -232, -201])
def test_who_is_not_reached_by_user_id_is_tried_by_phone(
    zalo: Simulator,
    account: OfficialAccount,
    offer: MessageTemplate,
    follower: Member,
    number: int,
) -> None:
    zalo.faults.add("error", code=number, channel="uid")
    queue(offer, follower, channel="zalo_uid")

    dispatch_messages(at=NOW)
    dispatch_messages(at=NOW)

    first, second = Message.objects.order_by("pk")
    assert (first.state, first.reason, first.error_code) == (
        "failed",
        "unreachable",
        number,
    )
    assert (second.key, second.channel) == ("k-LAN:phone", "zalo_phone")
    assert (second.state, second.fallback_of_id) == ("sent", first.pk)
    follower.refresh_from_db()
    assert follower.follows_oa is (number != -213)


def test_a_template_that_cannot_go_by_user_id_goes_by_phone_from_then_on(
    zalo: Simulator, account: OfficialAccount, offer: MessageTemplate, follower: Member
) -> None:
    zalo.faults.add("error", code=-249, channel="uid")
    queue(offer, follower, channel="zalo_uid")

    dispatch_messages(at=NOW)
    dispatch_messages(at=NOW)

    offer.refresh_from_db()
    assert (offer.is_active, offer.sends_by_uid) == (True, False)
    assert [message.channel for message in zalo.sent()] == ["phone"]


@pytest.mark.parametrize(
    ("number", "channel", "purposes"),
    [
        (-139, "zalo_phone", {"marketing"}),
        (-141, "zalo_phone", {"marketing", "care"}),
        (-244, "zalo_uid", {"marketing"}),
    ],
)
def test_a_refusal_told_to_zalo_withdraws_consent_for_that_channel(
    zalo: Simulator,
    account: OfficialAccount,
    offer: MessageTemplate,
    follower: Member,
    number: int,
    channel: str,
    purposes: set[str],
) -> None:
    zalo.faults.add("error", code=number)
    queue(offer, follower, channel=channel)

    dispatch_messages(at=NOW)

    message = Message.objects.get()
    assert (message.state, message.reason) == ("failed", "opted_out")
    told = Consent.objects.filter(member=follower, channel=channel, is_given=False)
    assert set(told.values_list("purpose", flat=True)) == purposes
    assert Consent.objects.get(member=follower, channel="").is_given


def test_a_wrong_number_is_not_used_again(
    zalo: Simulator, account: OfficialAccount, offer: MessageTemplate, mai: Member
) -> None:
    zalo.faults.add("error", code=-108)
    queue(offer, mai)

    dispatch_messages(at=NOW)

    message = Message.objects.get()
    assert (message.state, message.reason) == ("failed", "number_invalid")
    assert not Identifier.objects.get(member=mai, kind="phone").is_valid


def test_who_has_no_zalo_keeps_a_working_number(
    zalo: Simulator, account: OfficialAccount, offer: MessageTemplate, mai: Member
) -> None:
    zalo.faults.add("error", code=-118)
    queue(offer, mai)

    dispatch_messages(at=NOW)

    assert Message.objects.get().reason == "unreachable"
    assert Identifier.objects.get(member=mai, kind="phone").is_valid


# --- Relays that die ----------------------------------------------------------------------


def dead(message_id: int, **fields: Any) -> None:
    """Leave a row as a relay leaves it that was killed a while ago."""
    Message.objects.filter(pk=message_id).update(
        state="sending",
        lease="dead",
        leased_until=timezone.now() - timedelta(seconds=1),
        **fields,
    )


def test_leased_but_not_requested_goes_out_after_all(
    zalo: Simulator, account: OfficialAccount, offer: MessageTemplate, mai: Member
) -> None:
    queue(offer, mai)
    dead(Message.objects.get().pk)

    assert dict(dispatch_messages(at=NOW).states) == {"sent": 1}


def test_an_offer_whose_request_had_begun_is_unknown(
    zalo: Simulator, account: OfficialAccount, offer: MessageTemplate, mai: Member
) -> None:
    queue(offer, mai)
    dead(Message.objects.get().pk, requested_at=timezone.now(), attempts=1)

    dispatch_messages(at=NOW)

    message = Message.objects.get()
    assert (message.state, message.reason) == ("unknown", "relay_died")
    assert message.sent_at == NOW
    assert zalo.sent() == []


def test_a_code_whose_request_had_begun_is_sent_again(
    zalo: Simulator, account: OfficialAccount, code: MessageTemplate
) -> None:
    queue_messages([code_plan(code)])
    dead(Message.objects.get().pk, requested_at=timezone.now(), attempts=1)

    dispatch_messages(at=NOW)

    assert Message.objects.get().state == "sent"


def test_a_live_lease_is_left_alone(
    zalo: Simulator, account: OfficialAccount, offer: MessageTemplate, mai: Member
) -> None:
    queue(offer, mai)
    Message.objects.update(
        state="sending", lease="other", leased_until=timezone.now() + timedelta(minutes=1)
    )

    assert dispatch_messages(at=NOW).total == 0
    assert Message.objects.get().lease == "other"


def test_who_lost_the_lease_settles_nothing(
    transactional_db: None, offer: MessageTemplate, mai: Member
) -> None:
    queue(offer, mai)
    (message,) = outbox.lease_due(at=NOW, limit=10, lease="mine")
    Message.objects.update(lease="other")

    assert outbox.mark_requested(ids=[message.pk], lease="mine") == set()
    settlement = outbox.Settlement(message, "sent", sent_at=NOW)
    assert outbox.settle([settlement], lease="mine") == set()
    assert Message.objects.get().state == "sending"


def test_what_outlives_its_lease_in_our_own_hands_is_sent_once(
    zalo: Simulator,
    account: OfficialAccount,
    offer: MessageTemplate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A slow platform: what waits for it is freed, and leased by the same relay again."""
    monkeypatch.setattr(relay, "BATCH", 6)
    monkeypatch.setattr(relay, "UNDER_WAY", 4)
    members = [
        factories.make_member(code=f"Q{n}", name=f"Q {n}", phone=f"09{12000000 + n}")
        for n in range(12)
    ]
    queue(offer, *members)
    take_back = outbox.take_back_from_the_dead
    freed: list[int] = []

    def after_two_minutes(at: Any) -> int:
        waiting = Message.objects.filter(state="sending", requested_at=None)
        waiting.update(leased_until=timezone.now() - timedelta(seconds=1))
        freed.append(take_back(at))
        return freed[-1]

    monkeypatch.setattr(outbox, "take_back_from_the_dead", after_two_minutes)

    dispatch_messages(at=NOW)

    assert max(freed) > 0
    assert len(zalo.sent()) == 12
    assert set(Message.objects.values_list("state", "attempts")) == {("sent", 1)}


# --- How it works -------------------------------------------------------------------------


def test_no_request_is_made_while_a_transaction_is_open(
    zalo: Simulator,
    account: OfficialAccount,
    offer: MessageTemplate,
    mai: Member,
    binh: Member,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    was_open: list[bool] = []
    main = connection
    ask = HttpClient.ask

    def watched(self: HttpClient, *args: Any, **kwargs: Any) -> Any:
        was_open.append(main.in_atomic_block)
        return ask(self, *args, **kwargs)

    monkeypatch.setattr(HttpClient, "ask", watched)
    queue(offer, mai, binh)

    dispatch_messages(at=NOW)

    assert was_open == [False] * 3


def test_the_business_clock_goes_on_with_a_run(
    zalo: Simulator,
    account: OfficialAccount,
    offer: MessageTemplate,
    mai: Member,
    stopwatch: SimpleNamespace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    send = ZaloClient.send_by_phone

    def slowly(self: ZaloClient, **values: Any) -> Any:
        stopwatch.seconds += 7.9
        return send(self, **values)

    monkeypatch.setattr(ZaloClient, "send_by_phone", slowly)
    queue(offer, mai)

    dispatch_messages(at=NOW)

    assert Message.objects.get().sent_at == NOW + timedelta(seconds=7)


def test_more_messages_need_no_more_queries_for_each(
    zalo: Simulator,
    account: OfficialAccount,
    offer: MessageTemplate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relay, "GATHERING_SECONDS", 5.0)

    def num_queries(num: int, start: int) -> int:
        members = [
            factories.make_member(code=f"Q{n}", name=f"Q {n}", phone=f"09{12000000 + n}")
            for n in range(start, start + num)
        ]
        queue(offer, *members)
        with CaptureQueriesContext(connection) as queries:
            assert dispatch_messages(at=NOW).sent == num
        return len(queries)

    num_queries(1, 0)  # fetches the token
    assert num_queries(2, 50) == num_queries(relay.GATHERED, 100)


def test_logs_name_nobody(
    zalo: Simulator,
    account: OfficialAccount,
    offer: MessageTemplate,
    mai: Member,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    zalo.faults.add("error", code=-108)
    queue(offer, mai)
    dispatch_messages(at=NOW)

    account.refresh_from_db()
    own = [r for r in caplog.records if not r.name.startswith(("django.db", "zalo_sim"))]
    text = "\n".join(record.getMessage() for record in own)
    secrets = ("912345678", "Mai", account.access_token, account.refresh_token)
    assert [secret for secret in secrets if secret in text] == []
