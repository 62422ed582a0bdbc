"""Holidays, the register, test mode, a test to oneself, and refusing by a link."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from core.models import Holiday
from core.phones import InvalidPhone
from members.models import Consent, Member
from messaging.admin.banner import test_mode_badge as badge
from messaging.errors import InvalidTest
from messaging.links import member_link, opt_out_link, read_link, read_opt_out
from messaging.models import DoNotAdvertise, Message, MessageTemplate, SendingPolicy
from messaging.register import import_numbers
from messaging.services import dispatch_messages, queue_messages
from messaging.testing import send_test
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


def policy(**fields: Any) -> None:
    SendingPolicy.current()
    SendingPolicy.objects.update(**fields)


# --- holidays ---------------------------------------------------------------------------


def test_offers_wait_for_the_first_day_that_is_no_holiday(
    mail: list[Any], mai: Member
) -> None:
    policy(no_offers_on_holidays=True)
    use_channels(email=0)
    give_email(mai)
    for day in (date(2026, 3, 2), date(2026, 3, 3)):
        Holiday.objects.create(day=day, name="Tết")
    queue(letter_template("email"), mai, channel="email")

    dispatch_messages(at=NOW)

    message = Message.objects.get()
    assert (message.state, message.reason) == ("pending", "quiet_hours")
    assert message.due_at == datetime(2026, 3, 4, 1, tzinfo=UTC)
    assert dispatch_messages(at=message.due_at).sent == 1


def test_holidays_are_days_like_others_until_the_brand_says_so(
    mail: list[Any], mai: Member
) -> None:
    use_channels(email=0)
    give_email(mai)
    Holiday.objects.create(day=date(2026, 3, 2), name="Tết")
    queue(letter_template("email"), mai, channel="email")

    assert dispatch_messages(at=NOW).sent == 1


# --- caps over channels -----------------------------------------------------------------


def test_the_cap_counts_every_channel_and_campaign(
    sms: Simulator, mail: list[Any], mai: Member
) -> None:
    use_channels(sms=400, email=0)
    give_email(mai)
    template = letter_template("sms", "email")
    queue(template, mai, channel="sms", source_type="campaign", source_id=1)
    dispatch_messages(at=NOW)
    Message.objects.update(key="first")
    queue(template, mai, channel="email", source_type="other", source_id=2)

    dispatch_messages(at=NOW + timedelta(hours=1))

    last = Message.objects.get(channel="email")
    assert (last.state, last.reason) == ("refused", "fatigue_cap")
    assert mail == []


# --- the register -----------------------------------------------------------------------


def test_the_register_forbids_offers_by_phone_and_leaves_other_ways(
    sms: Simulator, mail: list[Any], mai: Member
) -> None:
    use_channels(sms=400, email=0)
    give_email(mai)
    DoNotAdvertise.objects.create(phone="+84912345678", source="5656", added_at=NOW)
    queue(letter_template("sms", "email"), mai, channel="sms")

    dispatch_messages(at=NOW)
    dispatch_messages(at=NOW)

    rows = list(Message.objects.order_by("pk").values_list("channel", "state", "reason"))
    assert rows == [("sms", "refused", "do_not_advertise"), ("email", "sent", "")]
    assert sms.sent() == []


def test_care_goes_to_a_registered_phone(sms: Simulator, mai: Member) -> None:
    use_channels(sms=400)
    DoNotAdvertise.objects.create(phone="+84912345678", source="5656", added_at=NOW)
    queue(letter_template("sms", purpose="care"), mai, channel="sms")

    assert dispatch_messages(at=NOW).sent == 1


def test_a_list_is_taken_in_once_however_it_is_written() -> None:
    lines = ["SĐT;ngày\n", "0912345678;01/01\n", '"84912345678"\n', "\n", "x,0906000001\n"]

    first = import_numbers(lines=lines, source="5656", at=NOW)
    again = import_numbers(lines=lines, source="5656", at=NOW)

    assert (first.new, first.known, first.unread) == (2, 0, 1)
    assert (again.new, again.known, again.unread) == (0, 2, 1)
    phones = DoNotAdvertise.objects.order_by("phone").values_list("phone", flat=True)
    assert list(phones) == ["+84906000001", "+84912345678"]


# --- test mode --------------------------------------------------------------------------


def test_in_test_mode_only_the_list_gets_messages(sms: Simulator, mai: Member) -> None:
    policy(test_mode=True, test_addresses="0906 000 001\nme@example.com")
    use_channels(sms=400, inbox=0)
    tester = factories.make_member(code="TESTER", phone="0906000001")
    template = letter_template("sms", "inbox")
    queue(template, mai, tester, channel="sms")

    dispatch_messages(at=NOW)
    dispatch_messages(at=NOW)

    rows = dict(Message.objects.values_list("key", "reason"))
    # Refused is final: it does not come by the inbox either.
    assert rows == {"k-MAI": "test_mode", "k-TESTER": ""}
    assert [sent.phone for sent in sms.sent()] == ["84906000001"]


def test_in_test_mode_a_code_to_a_stranger_stays_here(
    zalo: Simulator, account: Any, code: MessageTemplate
) -> None:
    policy(test_mode=True)
    queue_code(code)

    dispatch_messages(at=NOW)

    assert Message.objects.get().reason == "test_mode"
    assert zalo.sent() == []


def queue_code(code: MessageTemplate) -> None:
    queue_messages([plan(code, None, address="+84912345678", context={"otp": "1"})])


@pytest.mark.parametrize(("told", "reason"), [(True, "test_mode"), (False, "")])
def test_the_environment_decides_over_the_console(
    sms: Simulator, mai: Member, settings: Any, told: bool, reason: str
) -> None:
    settings.MESSAGES_TEST_MODE = told
    policy(test_mode=not told)
    use_channels(sms=400)
    queue(letter_template("sms"), mai, channel="sms")

    dispatch_messages(at=NOW)

    assert Message.objects.get().reason == reason
    assert bool(badge(None)) is told  # type: ignore[arg-type]


def test_the_inbox_of_someone_on_the_list_is_open_in_test_mode(
    mai: Member, settings: Any
) -> None:
    settings.MESSAGES_TEST_MODE = True
    settings.MESSAGES_TEST_ADDRESSES = ["0912345678"]
    use_channels(inbox=0)
    other = factories.make_member(code="OTHER", phone="0906000001")
    queue(letter_template("inbox"), mai, other, channel="inbox")

    dispatch_messages(at=NOW)

    assert dict(Message.objects.values_list("key", "reason")) == {
        "k-MAI": "",
        "k-OTHER": "test_mode",
    }


# --- a test to oneself ------------------------------------------------------------------


def test_a_test_shows_a_members_facts_and_counts_nowhere(
    mail: list[Any], mai: Member
) -> None:
    use_channels(email=3)
    night = NOW + timedelta(hours=11)
    template = letter_template("email")

    message = send_test(
        template=template,
        channel="email",
        address="Staff@Example.com",
        member=mai,
        context={"offer": "Thử"},
        by="lan",
        at=night,
    )
    dispatch_messages(at=night)

    (letter,) = mail
    assert letter.to == ["staff@example.com"]
    assert letter.subject == "[QC] Ưu đãi dành cho Nguyễn Thị Mai"
    assert "Thử, 31/12/2026" in letter.body
    message.refresh_from_db()
    assert (message.state, message.member, message.source_type) == ("sent", None, "test")
    # Nothing about the member is kept.
    assert (message.payload, message.context) == ({}, {})


def test_a_test_that_fails_takes_no_other_way(sms: Simulator) -> None:
    use_channels(sms=400, inbox=0)
    sms.faults.add("error", code=-99, channel="sms")
    template = letter_template("sms", "inbox")
    send_test(template=template, channel="sms", address="0912345678", by="lan", at=NOW)

    dispatch_messages(at=NOW)

    assert Message.objects.get().state == "failed"


@pytest.mark.parametrize(
    ("channel", "address", "error"),
    [
        ("email", "nobody", InvalidTest),
        ("sms", "12", InvalidPhone),
        ("zalo_uid", "abc", InvalidTest),
        ("inbox", "x", InvalidTest),
        ("zalo_phone", "0912345678", InvalidTest),
    ],
)
def test_a_test_needs_an_address_of_its_channel(
    settings: Any, channel: str, address: str, error: type[Exception]
) -> None:
    settings.EMAIL_URL = settings.SMS_API_KEY = settings.SMS_BRANDNAME = "x"
    template = letter_template("email", "sms", "zalo_uid", "inbox")

    with pytest.raises(error):
        send_test(template=template, channel=channel, address=address, by="lan", at=NOW)

    assert not Message.objects.exists()


def test_nobody_sends_tests_without_end(settings: Any) -> None:
    settings.EMAIL_URL = "x"
    template = letter_template("email")
    for _ in range(30):
        send_test(template=template, channel="email", address="a@b.vn", by="lan", at=NOW)

    with pytest.raises(InvalidTest, match="many tests"):
        send_test(template=template, channel="email", address="a@b.vn", by="lan", at=NOW)


# --- refusing by a link -----------------------------------------------------------------


@pytest.fixture
def sent_by_sms(mai: Member) -> Message:
    queue(letter_template("sms"), mai, channel="sms")
    return Message.objects.get()


def test_looking_at_the_link_changes_nothing_pressing_the_button_does(
    sent_by_sms: Message, mai: Member
) -> None:
    factories.make_programme()
    # A browser with CSRF checks, and none of our cookies: as a mail provider asks.
    client = Client(enforce_csrf_checks=True)
    path = opt_out_link(sent_by_sms.pk).removeprefix("http://testserver")

    assert client.get(path).status_code == 200
    assert not mai.consents.filter(channel="sms").exists()

    for _ in range(2):
        answer = client.post(path, {"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200
    said = Consent.objects.get(member=mai, channel="sms")
    assert (said.purpose, said.is_given, said.source) == (
        "marketing",
        False,
        "opt_out_link",
    )
    # Other channels stay as they were.
    assert mai.consents.get(channel="").is_given


def test_a_link_of_one_kind_opens_nothing_of_the_other(sent_by_sms: Message) -> None:
    number = sent_by_sms.pk
    refuse = opt_out_link(number).rstrip("/").rsplit("/", 1)[1]
    show = member_link(number).rstrip("/").rsplit("/", 1)[1]

    assert (read_opt_out(refuse), read_link(show)) == (number, number)
    assert read_opt_out(show) is None
    assert read_link(refuse) is None


def test_a_wrong_link_is_not_found(client: Client) -> None:
    factories.make_programme()
    assert client.post("/o/000000000000z/").status_code == 404


def test_a_link_of_a_test_or_a_merged_member_does_no_harm(client: Client) -> None:
    factories.make_programme()
    kept = factories.make_member(code="KEPT")
    gone = factories.make_member(code="GONE", state="merged", merged_into=kept)
    queue(letter_template("sms"), gone, channel="sms")
    path = opt_out_link(Message.objects.get().pk).removeprefix("http://testserver")

    assert client.post(path).status_code == 200
    assert not kept.consents.get(channel="sms").is_given

    Message.objects.update(member=None)
    assert client.post(path).status_code == 200
