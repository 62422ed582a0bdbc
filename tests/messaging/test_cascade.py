"""Which way a message takes, what comes next, and what that costs."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from members.models import Identifier, Member
from messaging.cascade import current_ways, way_of_code
from messaging.models import (
    DoNotAdvertise,
    Message,
    MessageTemplate,
    OfficialAccount,
    SendingChannel,
    ZaloTemplate,
)
from messaging.reach import reach_and_cost, with_channel
from messaging.services import dispatch_messages, queue_messages
from messaging.webhooks import accept_sms_report, process_events
from tests import factories
from tests.conftest import NOW
from tests.messaging.conftest import give_email, letter_template, plan, queue, use_channels
from tests.messaging.event_door import EventDoor
from zalo_simulator.server import Simulator

pytestmark = pytest.mark.django_db(transaction=True)
ALL = ("zalo_uid", "zalo_phone", "sms", "email", "inbox")


@pytest.fixture
def follower(db: None) -> Member:
    member = factories.make_member(
        code="LAN", name="Lan", phone="0905111222", zalo_user_id="70001", follows_oa=True
    )
    give_email(member, "lan@example.com")
    return member


def in_turn() -> list[tuple[str, str, str]]:
    rows = Message.objects.order_by("pk")
    return list(rows.values_list("channel", "state", "reason"))


def run_all(hours: int = 0) -> None:
    """Dispatch until nothing is due; each fallback is due at once."""
    while dispatch_messages(at=NOW + timedelta(hours=hours)).total:
        pass


def test_whoever_is_reached_nowhere_falls_through_every_step(
    sms: Simulator, mail: list[Any], account: OfficialAccount, follower: Member
) -> None:
    use_channels(zalo_uid=60, zalo_phone=220, sms=400, email=3, inbox=0)
    sms.faults.add("error", code=-217, channel="uid")
    sms.faults.add("error", code=-118, channel="phone")
    sms.faults.add("error", code=-177, channel="sms")
    queue(letter_template(*ALL), follower, channel="zalo_uid")

    run_all()

    assert in_turn() == [
        ("zalo_uid", "failed", "unreachable"),
        ("zalo_phone", "failed", "unreachable"),
        ("sms", "failed", "unreachable"),
        ("email", "sent", ""),
    ]
    keys = list(Message.objects.order_by("pk").values_list("key", flat=True))
    assert keys == ["k-LAN", "k-LAN:phone", "k-LAN:phone:sms", "k-LAN:phone:sms:email"]
    costs = list(Message.objects.order_by("pk").values_list("cost", flat=True))
    assert costs == [0, 0, 0, 3]
    assert [m.fallback_of_id for m in Message.objects.order_by("pk")][1:] == list(
        Message.objects.order_by("pk").values_list("pk", flat=True)[:3]
    )


def test_the_order_of_the_steps_is_data(
    sms: Simulator, mail: list[Any], account: OfficialAccount, follower: Member
) -> None:
    use_channels(zalo_uid=60, sms=400, email=3)
    SendingChannel.objects.filter(channel="email").update(position=2)
    SendingChannel.objects.filter(channel="sms").update(position=9)
    sms.faults.add("error", code=-217, channel="uid")
    queue(letter_template(*ALL), follower, channel="zalo_uid")

    run_all()

    assert [row[0] for row in in_turn()] == ["zalo_uid", "email"]


@pytest.mark.parametrize(
    ("code", "reason"), [(-139, "opted_out"), (-1124, "payload_refused")]
)
def test_a_no_and_a_bad_text_end_the_cascade(
    sms: Simulator, account: OfficialAccount, follower: Member, code: int, reason: str
) -> None:
    use_channels(zalo_phone=220, sms=400, inbox=0)
    sms.faults.add("error", code=code, channel="phone")
    queue(letter_template(*ALL), follower, channel="zalo_phone")

    run_all()

    assert in_turn() == [("zalo_phone", "failed", reason)]


def test_an_unknown_outcome_never_falls_back(
    sms: Simulator, account: OfficialAccount, follower: Member
) -> None:
    use_channels(zalo_phone=220, sms=400, inbox=0)
    sms.faults.add("http_500", accept=True, channel="phone")
    queue(letter_template(*ALL), follower, channel="zalo_phone")

    run_all()

    assert in_turn() == [("zalo_phone", "unknown", "outcome_unknown")]


def test_a_wrong_number_is_wrong_for_sms_as_well(
    sms: Simulator, account: OfficialAccount, follower: Member
) -> None:
    use_channels(zalo_phone=220, sms=400, inbox=0)
    sms.faults.add("error", code=-108, channel="phone")
    queue(letter_template(*ALL), follower, channel="zalo_phone")

    run_all()

    assert [row[0] for row in in_turn()] == ["zalo_phone", "inbox"]


def test_five_failures_lead_to_the_next_step(
    sms: Simulator, account: OfficialAccount, follower: Member
) -> None:
    use_channels(zalo_phone=220, inbox=0)
    sms.faults.add("error", code=-100, channel="phone")
    queue(letter_template(*ALL), follower, channel="zalo_phone")

    for hours in (0, 1, 2, 3, 6, 6):
        dispatch_messages(at=NOW + timedelta(hours=hours))

    assert in_turn() == [
        ("zalo_phone", "failed", "too_many_attempts"),
        ("inbox", "sent", ""),
    ]


def test_a_code_that_zalo_cannot_bring_comes_by_sms(
    sms: Simulator, account: OfficialAccount, code: MessageTemplate
) -> None:
    use_channels(zalo_phone=220, sms=400)
    MessageTemplate.objects.filter(pk=code.pk).update(channels=["zalo_phone", "sms"])
    sms.faults.add("error", code=-118, channel="phone")
    message = plan(
        code, None, channel="zalo_phone", address="+84912345678", context={"otp": "482913"}
    )
    queue_messages([message])

    run_all()

    (sent,) = sms.sent()
    assert sent.template_data == {"text": "Ma xac thuc 482913"}
    assert [row[:2] for row in in_turn()] == [("zalo_phone", "failed"), ("sms", "sent")]
    assert all(not m.payload and not m.context for m in Message.objects.all())


def test_a_brand_without_zalo_sends_its_codes_by_sms(sms: Simulator, db: None) -> None:
    use_channels(zalo_phone=220, sms=400)
    template = factories.make_template(
        purpose="code", channels=["zalo_phone", "sms"], sends_by_uid=False
    )

    assert way_of_code(template) == "sms"


def test_what_was_planned_for_a_channel_out_of_use_goes_the_next_way(
    sms: Simulator, account: OfficialAccount, follower: Member
) -> None:
    use_channels(sms=400)
    queue(letter_template(*ALL), follower, channel="zalo_uid")

    run_all()

    assert in_turn() == [("zalo_uid", "refused", "channel_off"), ("sms", "sent", "")]


def test_a_template_that_zalo_disabled_goes_the_next_way(
    sms: Simulator, account: OfficialAccount, follower: Member
) -> None:
    use_channels(zalo_uid=60, zalo_phone=220, inbox=0)
    ZaloTemplate.objects.create(template_id="400005", state="DISABLE", synced_at=NOW)
    queue(letter_template(*ALL), follower, channel="zalo_uid")

    run_all()

    assert in_turn() == [
        ("zalo_uid", "refused", "template_barred"),
        ("inbox", "sent", ""),
    ]
    assert sms.sent() == []


def test_without_an_account_other_channels_send(mail: list[Any], follower: Member) -> None:
    use_channels(zalo_uid=60, email=3)
    template = letter_template(*ALL)
    queue(template, follower, channel="email")
    queue_messages([plan(template, follower, key="z", channel="zalo_uid")])

    result = dispatch_messages(at=NOW)

    assert len(mail) == 1
    assert result.stopped == "not_connected"
    assert Message.objects.get(key="z").state == "pending"


# --- reports of the gateway -------------------------------------------------------------


def report(message: Message, at: Any = NOW, **facts: str) -> bool:
    told = {"SMSID": message.provider_id, "RequestId": f"m{message.pk}", **facts}
    return accept_sms_report(told=told, secret="word", at=at)


def test_a_report_of_delivery_is_a_receipt_however_often_it_comes(
    sms: Simulator, mai: Member, settings: Any
) -> None:
    settings.SMS_REPORT_SECRET = "word"
    use_channels(sms=400)
    queue(letter_template("sms"), mai, channel="sms")
    dispatch_messages(at=NOW)
    message = Message.objects.get()
    done = {"SendStatus": "5", "SendSuccess": "1", "SendFailed": "0"}

    assert report(message, **done)
    assert not report(message, **done)
    assert process_events(at=NOW).done == 1
    assert process_events(at=NOW).done == 0

    message.refresh_from_db()
    assert (message.state, message.delivered_at) == ("delivered", NOW)


def test_a_report_of_failure_leads_to_the_next_step_once(
    sms: Simulator, mai: Member, settings: Any
) -> None:
    settings.SMS_REPORT_SECRET = "word"
    use_channels(sms=400, inbox=0)
    queue(letter_template("sms", "inbox"), mai, channel="sms")
    dispatch_messages(at=NOW)
    message = Message.objects.get()

    assert report(message, SendStatus="5", SendSuccess="0", SendFailed="1")
    assert report(message, SendStatus="4", SendSuccess="0", SendFailed="1")
    process_events(at=NOW)
    run_all()

    assert in_turn() == [("sms", "failed", "undelivered"), ("inbox", "sent", "")]


def test_a_report_needs_the_secret(settings: Any, client: Any, db: None) -> None:
    settings.SMS_REPORT_SECRET = ""
    assert client.get("/api/v1/webhooks/sms/x/?SMSID=1").status_code == 401
    settings.SMS_REPORT_SECRET = "word"
    assert client.get("/api/v1/webhooks/sms/x/?SMSID=1").status_code == 401
    assert client.get("/api/v1/webhooks/sms/word/?SMSID=1").status_code == 200


def test_the_gateway_of_the_simulator_reports_to_us(
    sms: Simulator, mai: Member, settings: Any, client: Client
) -> None:
    settings.SMS_REPORT_SECRET = "word"
    use_channels(sms=400)
    queue(letter_template("sms"), mai, channel="sms")
    with EventDoor() as door:
        settings.PUBLIC_URL = door.url
        dispatch_messages(at=NOW)
        path = door.first_path()

    assert client.get(path).status_code == 200
    process_events(at=NOW)
    assert Message.objects.get().state == "delivered"


# --- reach and cost ---------------------------------------------------------------------


def test_counts_reach_and_cost_by_step_with_one_query(
    settings: Any, account_row: OfficialAccount, follower: Member, mai: Member,
    django_assert_num_queries: Any,
) -> None:  # fmt: skip
    settings.EMAIL_URL = "smtp://mail.test"
    settings.SMS_API_KEY = settings.SMS_BRANDNAME = "x"
    use_channels(zalo_uid=60, zalo_phone=220, sms=400, email=3)
    template = letter_template(*ALL)
    registered = factories.make_member(phone="0906000001")
    DoNotAdvertise.objects.create(phone="+84906000001", source="5656", added_at=NOW)
    give_email(registered, "r@example.com")
    factories.make_member(code="NOBODY")
    ZaloTemplate.objects.create(
        template_id="400005", state="ENABLE", price_uid=55, synced_at=NOW
    )

    # The channels, the account, barred templates, Zalo's price; the members are one.
    with django_assert_num_queries(5):
        reach = reach_and_cost(Member.objects.all(), template, sms_parts=2)

    steps = {s.channel: (s.could, s.takes, s.price, s.cost) for s in reach.steps}
    assert steps == {
        "zalo_uid": (1, 1, 55, 55),
        "zalo_phone": (2, 1, 220, 220),
        "sms": (2, 0, 800, 0),
        "email": (2, 1, 3, 3),
    }
    assert (reach.members, reach.reached, reach.unreached, reach.cost) == (4, 3, 1, 278)


@pytest.fixture
def account_row(db: None) -> OfficialAccount:
    return OfficialAccount.objects.create(oa_id="1", name="Cà phê Mộc")


def test_the_plan_takes_the_ways_of_the_template(
    account_row: OfficialAccount, follower: Member, mai: Member
) -> None:
    use_channels(zalo_phone=220, inbox=0)
    Identifier.objects.filter(member=mai).delete()

    found = with_channel(
        Member.objects.all(), purpose="marketing", template=letter_template(*ALL)
    )

    assert dict(found.values_list("code", "channel")) == {
        "LAN": "zalo_phone",
        "MAI": "inbox",
    }


def test_no_way_at_all_reaches_nobody(follower: Member) -> None:
    use_channels()
    found = with_channel(
        Member.objects.all(), purpose="marketing", template=letter_template(*ALL)
    )

    assert found.get().channel is None  # type: ignore[attr-defined]
    assert current_ways().of(letter_template("sms", code="other")) == []
