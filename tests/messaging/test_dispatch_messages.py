"""Sending what is due, against the simulated platform over HTTP."""

from core.phones import normalise_phone
from members.models import Member
from messaging.models import Message, MessageTemplate, OfficialAccount
from messaging.services import dispatch_messages
from tests.conftest import NOW
from tests.messaging.conftest import queue
from zalo_simulator.server import Simulator


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
