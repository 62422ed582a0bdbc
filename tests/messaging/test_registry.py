"""The templates as Zalo keeps them, and what people rate."""

from datetime import timedelta
from typing import Any

import pytest

from messaging.errors import PlatformUnavailable
from messaging.models import (
    Feedback,
    Message,
    MessageTemplate,
    OfficialAccount,
    ZaloTemplate,
)
from messaging.registry import differences, sync_templates
from messaging.services import dispatch_messages
from messaging.tasks import sync_zalo_templates
from messaging.webhooks import process_events
from tests import factories
from tests.conftest import NOW
from tests.messaging.conftest import queue
from tests.messaging.test_webhooks import tell
from zalo_simulator.server import Simulator

pytestmark = pytest.mark.django_db(transaction=True)
LATER = NOW + timedelta(hours=1)


def test_brings_every_template_with_price_and_state(
    zalo: Simulator, account: OfficialAccount, offer: MessageTemplate
) -> None:
    number = len(zalo.platform.templates)

    first = sync_templates(at=NOW)
    again = sync_templates(at=LATER)

    assert (first.templates, first.changed, first.gone) == (number, 0, 0)
    assert first.drafts == number - 1
    assert (again.templates, again.changed, again.drafts) == (number, 0, 0)
    ours = zalo.platform.templates["400005"]
    known = ZaloTemplate.objects.get(template_id="400005")
    assert (known.state, known.tag) == ("ENABLE", "PROMOTION")
    assert (known.price_phone, known.price_uid) == (ours.price_phone, ours.price_uid)
    assert known.parameters[0]["name"] == "customer_name"
    assert known.parameters[0]["maxLength"] == 30
    account.refresh_from_db()
    assert (account.daily_quota, account.quality) == (500_000, "HIGH")
    assert account.synced_at == LATER


def test_new_templates_are_drafts_that_send_nothing(
    zalo: Simulator, account: OfficialAccount
) -> None:
    sync_templates(at=NOW)

    draft = MessageTemplate.objects.get(zalo_template_id="400002")
    assert (draft.code, draft.is_active, draft.purpose) == ("zalo-400002", False, "code")
    assert not draft.sends_by_uid
    assert list(draft.parameters.values_list("name", "value", "max_length")) == [
        ("otp", "{{ otp }}", 10)
    ]


def test_what_zalo_disables_is_not_sent_any_more(
    zalo: Simulator, account: OfficialAccount, offer: MessageTemplate, mai: Any
) -> None:
    sync_templates(at=NOW)
    zalo.platform.change_template_status("400005", "DISABLE")

    assert sync_templates(at=LATER).changed == 1
    queue(offer, mai)
    dispatch_messages(at=LATER)

    message = Message.objects.get()
    assert (message.state, message.reason) == ("refused", "template_barred")
    assert zalo.sent() == []


def test_a_template_that_zalo_no_longer_lists_is_deleted(
    zalo: Simulator, account: OfficialAccount
) -> None:
    sync_templates(at=NOW)
    del zalo.platform.templates["400003"]

    assert sync_templates(at=LATER).gone == 1
    assert ZaloTemplate.objects.get(template_id="400003").state == "DELETE"


def test_zalo_away_changes_nothing(zalo: Simulator, account: OfficialAccount) -> None:
    sync_templates(at=NOW)
    before = list(ZaloTemplate.objects.values())
    zalo.faults.add("http_500", calls="/template/info/v2")

    with pytest.raises(PlatformUnavailable):
        sync_templates(at=LATER)

    assert list(ZaloTemplate.objects.values()) == before
    assert sync_zalo_templates() == 0


def test_differences_are_said_in_sentences(db: None) -> None:
    template = factories.make_template(purpose="care", sends_by_uid=True)
    template.parameters.filter(name="news").delete()
    template.parameters.create(name="extra", value="x")
    known = ZaloTemplate(
        template_id="400005",
        state="REJECT",
        tag="PROMOTION",
        parameters=[
            {"name": name, "maxLength": longest}
            for name, longest in (("customer_name", 20), ("news", 200), ("link", 200))
        ],
    )
    parameters = list(template.parameters.all())

    assert differences(template, parameters, known) == [
        "Zalo does not send it: rejected.",
        "Zalo asks for the place “news”.",
        "Zalo knows no place “extra”.",
        "Zalo knows no place “offer”.",
        "Zalo knows no place “valid_until”.",
        "“customer_name” may have 20 letters at Zalo.",
        "Zalo names no price by user id: it may go by phone only.",
        "Zalo calls it a promotion; here it is none.",
    ]
    assert differences(template, parameters, None) == []


# --- events -----------------------------------------------------------------------------


@pytest.fixture
def _secrets(settings: Any) -> None:
    settings.ZALO_APP_ID = "360846524940903967"
    settings.ZALO_OA_SECRET = "oa-secret"


def status_event(state: str, at: Any) -> dict[str, Any]:
    return {
        "event_name": "change_template_status",
        "oa_id": "1",
        "template_id": "31239",
        "status": {"prev_status": "PENDING_REVIEW", "new_status": state},
        "reason": "checked",
        "timestamp": str(int(at.timestamp() * 1000)),
    }


@pytest.mark.usefixtures("_secrets")
def test_the_last_word_about_a_template_counts_in_whatever_order_it_comes() -> None:
    ZaloTemplate.objects.create(template_id="31239", state="PENDING_REVIEW", synced_at=NOW)
    tell(status_event("DISABLE", NOW + timedelta(minutes=2)), at=LATER)
    tell(status_event("ENABLE", NOW + timedelta(minutes=1)), at=LATER)

    process_events(at=LATER)

    known = ZaloTemplate.objects.get()
    assert (known.state, known.reason) == ("DISABLE", "checked")


@pytest.mark.usefixtures("_secrets")
def test_a_rating_is_kept_once_with_its_message(offer: MessageTemplate, mai: Any) -> None:
    queue(offer, mai)
    message = Message.objects.get()
    event = {
        "event_name": "user_feedback",
        "oa_id": "1",
        "message": {
            "msg_id": "f00",
            "rate": "4",
            "note": "Tôi rất hài lòng.",
            "submit_time": str(int(NOW.timestamp() * 1000)),
            "feedbacks": ["Nhân viên vui vẻ"],
            "tracking_id": f"m{message.pk}",
        },
    }
    assert tell(event)
    assert not tell(event)
    # Told anew with another time: another event, and still the same rating.
    tell({**event, "message": {**event["message"], "msg_id": "f00", "note": "x"}})  # type: ignore[dict-item]
    process_events(at=NOW)

    rating = Feedback.objects.get()
    assert (rating.message, rating.rating, rating.note) == (
        message,
        4,
        "Tôi rất hài lòng.",
    )
    assert rating.choices == ["Nhân viên vui vẻ"]
    assert rating.given_at == NOW


@pytest.mark.usefixtures("_secrets")
@pytest.mark.parametrize("rate", [None, "x", 9, -1])
def test_a_rating_that_is_none_is_left_out(rate: Any) -> None:
    tell({"event_name": "user_feedback", "message": {"msg_id": "f", "rate": rate}})
    assert process_events(at=NOW).failed == 0
    assert not Feedback.objects.exists()
