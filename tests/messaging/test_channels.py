"""E-mail, SMS and the inbox: what goes out, and what each answer means."""

import smtplib
from datetime import timedelta
from typing import Any

import pytest
from django.core.mail.backends.locmem import EmailBackend

from members.models import Identifier, Member
from messaging.channels.sms_text import num_parts, unaccented
from messaging.inbox import count_unread, inbox_of, open_message
from messaging.models import Message, SendingChannel, SendingPolicy
from messaging.services import dispatch_messages, queue_messages
from tests import factories
from tests.conftest import NOW
from tests.messaging.conftest import (
    give_email,
    letter_template,
    plan,
    queue,
    use_channels,
)
from zalo_simulator.server import Simulator

pytestmark = pytest.mark.django_db(transaction=True)


# --- e-mail -----------------------------------------------------------------------------


def test_mails_text_and_html_with_a_way_to_refuse(mail: list[Any], mai: Member) -> None:
    use_channels(email=3)
    give_email(mai)
    template = letter_template("email")
    queue(template, mai, channel="email")

    result = dispatch_messages(at=NOW)

    (letter,) = mail
    message = Message.objects.get()
    assert dict(result.states) == {"sent": 1}
    assert result.stopped == ""
    assert letter.to == ["mai@example.com"]
    assert letter.subject == "[QC] Ưu đãi dành cho Nguyễn Thị Mai"
    assert "Tặng 100 điểm, 31/12/2026" in letter.body
    assert "http://testserver/m/" in letter.body
    opt_out = message.payload["opt_out"]
    assert letter.extra_headers["List-Unsubscribe"] == f"<{opt_out}>"
    assert letter.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    (html,) = letter.alternatives
    assert opt_out in html[0]
    assert message.cost == 3
    assert message.provider_id.startswith(f"<m{message.pk}.")


def test_care_is_not_marked_as_advertising(mail: list[Any], mai: Member) -> None:
    use_channels(email=0)
    give_email(mai)
    queue(letter_template("email", purpose="care"), mai, channel="email")

    dispatch_messages(at=NOW)

    assert mail[0].subject == "Ưu đãi dành cho Nguyễn Thị Mai"
    assert "List-Unsubscribe" not in mail[0].extra_headers


def test_a_name_is_never_read_as_html_or_as_a_header(mail: list[Any]) -> None:
    use_channels(email=0)
    evil = factories.make_member(name="<b>x</b>\r\nBcc: all@example.com {{ otp }}")
    give_email(evil)
    queue(letter_template("email"), evil, channel="email")

    dispatch_messages(at=NOW)

    (letter,) = mail
    assert letter.recipients() == ["mai@example.com"]
    assert "\n" not in letter.subject
    assert "<b>" not in letter.alternatives[0][0]


@pytest.mark.parametrize(
    ("error", "state", "reason", "still_valid"),
    [
        (smtplib.SMTPRecipientsRefused({"x": (550, b"no")}), "failed", "number_invalid", 0),
        (smtplib.SMTPRecipientsRefused({"x": (552, b"full")}), "failed", "unreachable", 1),
        (smtplib.SMTPRecipientsRefused({"x": (451, b"later")}), "pending", "retry", 1),
        (smtplib.SMTPDataError(554, b"spam"), "failed", "payload_refused", 1),
        (smtplib.SMTPDataError(421, b"slow down"), "pending", "rate_limit", 1),
        (smtplib.SMTPSenderRefused(553, b"no", "us"), "pending", "channel_stopped", 1),
        (smtplib.SMTPServerDisconnected("gone"), "unknown", "outcome_unknown", 1),
        (TimeoutError(), "unknown", "outcome_unknown", 1),
    ],
)
def test_every_end_of_a_letter_is_told_apart(
    mail: list[Any],
    mai: Member,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    state: str,
    reason: str,
    still_valid: int,
) -> None:
    def fail(self: EmailBackend, messages: Any) -> int:
        raise error

    monkeypatch.setattr(EmailBackend, "send_messages", fail)
    use_channels(email=0)
    give_email(mai)
    queue(letter_template("email"), mai, channel="email")

    dispatch_messages(at=NOW)

    message = Message.objects.get()
    assert (message.state, message.reason) == (state, reason)
    assert Identifier.objects.filter(kind="email", is_valid=True).count() == still_valid


def test_a_login_that_is_refused_stops_the_channel_until_someone_has_looked(
    mail: list[Any], mai: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: EmailBackend) -> bool:
        raise smtplib.SMTPAuthenticationError(535, b"wrong password")

    monkeypatch.setattr(EmailBackend, "open", refuse)
    use_channels(email=0)
    give_email(mai)
    queue(letter_template("email"), mai, channel="email")

    assert dispatch_messages(at=NOW).stopped == "channel_stopped"

    row = SendingChannel.objects.get(channel="email")
    assert row.stopped_because == "1: our login is refused"
    assert Message.objects.get().attempts == 0
    assert dispatch_messages(at=NOW).stopped == "channel_stopped"

    monkeypatch.undo()
    SendingChannel.objects.update(stopped_because="")
    assert dict(dispatch_messages(at=NOW).states) == {"sent": 1}


def test_a_server_that_is_away_is_asked_again(
    mail: list[Any], mai: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(self: EmailBackend) -> bool:
        raise ConnectionRefusedError

    monkeypatch.setattr(EmailBackend, "open", away)
    use_channels(email=0)
    give_email(mai)
    queue(letter_template("email"), mai, channel="email")

    dispatch_messages(at=NOW)

    message = Message.objects.get()
    assert (message.state, message.reason, message.attempts) == ("pending", "retry", 1)


# --- SMS --------------------------------------------------------------------------------


def test_sends_an_sms_without_accents_and_counts_its_parts(
    sms: Simulator, mai: Member
) -> None:
    use_channels(sms=400)
    template = letter_template("sms", sms_text="Chào <customer_name>, <offer>")
    queue(template, mai, channel="sms")

    dispatch_messages(at=NOW)

    (sent,) = sms.sent()
    message = Message.objects.get()
    assert (sent.channel, sent.phone) == ("sms", "84912345678")
    text = sent.template_data["text"]
    assert text.startswith("[QC] Chao Nguyen Thi Mai, Tang 100 diem Tu choi: http://")
    assert message.state == "sent"
    assert message.provider_id == sent.message_id
    assert message.payload == {"text": text}
    assert message.cost == 400 * num_parts(text)


def test_with_accents_a_part_is_shorter_and_the_message_dearer(
    sms: Simulator, mai: Member
) -> None:
    use_channels(sms=400)
    SendingPolicy.current()
    SendingPolicy.objects.update(sms_is_unicode=True)
    template = letter_template("sms", sms_text="Chào <customer_name>, <news>, <offer>")
    queue(template, mai, channel="sms")

    dispatch_messages(at=NOW)

    assert "Chào Nguyễn Thị Mai" in sms.sent()[0].template_data["text"]
    assert Message.objects.get().cost == 800


@pytest.mark.parametrize(
    ("code", "state", "reason"),
    [
        (-101, "pending", "channel_stopped"),
        (-103, "pending", "channel_stopped"),
        (-160, "pending", "rate_limit"),
        (-146, "failed", "payload_refused"),
        (-201, "failed", "payload_refused"),
        (-99, "failed", "unreachable"),
        (-9999, "failed", "payload_refused"),
    ],
)
def test_every_code_of_the_gateway_is_judged(
    sms: Simulator, mai: Member, code: int, state: str, reason: str
) -> None:
    use_channels(sms=400)
    sms.faults.add("error", code=code, channel="sms")
    queue(letter_template("sms"), mai, channel="sms")

    dispatch_messages(at=NOW)

    message = Message.objects.get()
    assert (message.state, message.reason, message.cost) == (state, reason, 0)


def test_an_answer_that_got_lost_is_not_asked_for_a_second_time(
    sms: Simulator, mai: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_channels(sms=400)
    sms.faults.add("http_500", accept=True, channel="sms")
    queue(letter_template("sms"), mai, channel="sms")

    dispatch_messages(at=NOW)
    dispatch_messages(at=NOW + timedelta(days=1))

    assert Message.objects.get().state == "unknown"
    assert len(sms.sent()) == 1


def test_a_one_time_code_whose_answer_got_lost_is_known_to_the_gateway(
    sms: Simulator,
) -> None:
    use_channels(sms=400)
    sms.faults.add("http_500", accept=True, next=1, channel="sms")
    otp = factories.make_template(
        code="otp", purpose="code", channels=["sms"], sends_by_uid=False,
        zalo_template_id="", body="Ma: <otp>", button_title="", button_parameter="",
        places={"otp": ("{{ otp }}", 10)},
    )  # fmt: skip
    queue_messages(
        [plan(otp, None, channel="sms", address="+84912345678", context={"otp": "1"})]
    )

    dispatch_messages(at=NOW)
    dispatch_messages(at=NOW + timedelta(minutes=1))

    message = Message.objects.get()
    assert (message.state, message.payload, message.context) == ("sent", {}, {})
    assert [one.template_data["text"] for one in sms.sent()] == ["Ma: 1"]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("[" * 80, 1),
        ("[" * 81, 2),
        ("ế" * 70, 1),
        ("ế" * 71, 2),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
    ],
)
def test_counts_the_parts_that_are_billed(text: str, parts: int) -> None:
    assert num_parts(text) == parts


def test_takes_accents_off_and_leaves_out_what_no_phone_shows() -> None:
    text = "Đặng Thị Ngọc — “ưu đãi” 50.000₫ 😀…"
    assert unaccented(text) == 'Dang Thi Ngoc - "uu dai" 50.000d ...'


# --- the inbox --------------------------------------------------------------------------


def test_the_inbox_takes_a_message_at_night_and_counts_in_no_limit(mai: Member) -> None:
    use_channels(inbox=0)
    template = letter_template("inbox")
    night = NOW + timedelta(hours=11)
    queue(template, mai, channel="inbox", due_at=night)

    dispatch_messages(at=night)

    (message,) = inbox_of(mai.pk, at=night)
    assert message.payload["title"] == "Ưu đãi dành cho Nguyễn Thị Mai"
    assert count_unread(mai.pk, at=night) == 1
    assert open_message(message, at=night)
    assert not open_message(message, at=night)
    assert count_unread(mai.pk, at=night) == 0
    message.refresh_from_db()
    assert (message.state, message.seen_at) == ("seen", night)


def test_the_inbox_is_closed_to_offers_by_a_plain_no_only(db: None) -> None:
    use_channels(inbox=0)
    silent = factories.make_member(code="S", consent=False)
    refuses = factories.make_member(code="R", consent=False)
    refuses.consents.create(
        purpose="marketing", channel="", is_given=False, changed_at=NOW, source="test"
    )
    queue(letter_template("inbox"), silent, refuses, channel="inbox")

    dispatch_messages(at=NOW)

    states = dict(Message.objects.values_list("member__code", "reason"))
    assert states == {"S": "", "R": "no_consent"}


# --- languages --------------------------------------------------------------------------


def test_writes_english_to_those_who_chose_it(mail: list[Any], mai: Member) -> None:
    use_channels(email=0)
    john = factories.make_member(code="JOHN", name="John", language="en")
    give_email(mai)
    give_email(john, "john@example.com")
    template = letter_template(
        "email", body_en="An offer for <customer_name>\n<offer>", button_title_en="Look"
    )
    template.parameters.filter(name="offer").update(value_en="100 points")
    queue(template, mai, john, channel="email")

    dispatch_messages(at=NOW)

    by_address = {letter.to[0]: letter for letter in mail}
    english = by_address["john@example.com"]
    assert english.subject == "[QC] An offer for John"
    assert "100 points" in english.body
    assert "Look" in english.body
    assert by_address["mai@example.com"].subject == "[QC] Ưu đãi dành cho Nguyễn Thị Mai"
    assert "Tặng 100 điểm" in by_address["mai@example.com"].body


# --- how fast it may go -----------------------------------------------------------------


def test_no_more_go_out_in_a_minute_than_the_channel_allows(db: None) -> None:
    use_channels(inbox=0)
    SendingChannel.objects.update(per_minute=3)
    members = [factories.make_member() for _ in range(7)]
    queue(letter_template("inbox"), *members, channel="inbox")

    sent = [
        dispatch_messages(at=NOW + timedelta(seconds=seconds)).sent
        for seconds in (0, 30, 60, 61, 120)
    ]

    assert sent == [3, 0, 3, 0, 1]
