"""Sending: by phone, by hashed phone, by user id, and consultation messages."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from zalo_simulator.errors import PERSON_STATES, Host, Refusal, refuse
from zalo_simulator.faults import Call
from zalo_simulator.http_types import Reply, Request, success
from zalo_simulator.messages import Message, NewMessage
from zalo_simulator.people import Person, normalised_phone
from zalo_simulator.platform import Platform
from zalo_simulator.templates import Template, check_data

TRACKING_ID_LENGTH = 48
CONSULTATION_LENGTH = 2000
CONSULTATION_MILLISECONDS = 7 * 86_400_000

_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass
class Send:
    """One attempt to send, filled in by the checks as they pass."""

    platform: Platform
    request: Request
    channel: str
    body: dict[str, Any] = field(default_factory=dict)
    recipient: str = ""
    person: Person | None = None
    found_template: Template | None = None

    @property
    def host(self) -> Host:
        return "oa" if self.channel in ("uid", "cs") else "business"

    @property
    def template(self) -> Template:
        assert (
            self.found_template is not None
        )  # the template check comes before its readers
        return self.found_template

    @property
    def price(self) -> int:
        if self.body.get("mode") == "development":
            return 0
        return (
            self.template.price_uid if self.channel == "uid" else self.template.price_phone
        )

    @property
    def person_key(self) -> str:
        return self.person.key if self.person else self.recipient

    def refusal(self, name: str) -> Refusal:
        return refuse(name, self.host)


def check_token(send: Send) -> None:
    send.platform.check_call(send.request, send.host)


def check_body(send: Send) -> None:
    if not send.request.body:
        raise send.refusal("body_empty")
    try:
        body = send.request.json
    except ValueError as error:
        raise send.refusal("body_not_json") from error
    if not isinstance(body, dict):
        raise send.refusal("body_not_json")
    send.body = body


def check_template(send: Send) -> None:
    send.found_template = send.platform.templates.get(str(send.body.get("template_id", "")))
    if send.found_template is None:
        raise send.refusal("template_unknown")


def check_template_status(send: Send) -> None:
    if send.template.status == "DISABLE":
        raise send.refusal("template_low_quality")
    if send.template.status != "ENABLE":
        raise send.refusal("template_not_approved")


def check_template_by_uid(send: Send) -> None:
    if send.channel == "uid" and not send.template.is_uid_capable:
        raise send.refusal("template_not_by_uid")


def check_template_data(send: Send) -> None:
    check_data(send.template, send.body.get("template_data"), send.host)


def check_recipient(send: Send) -> None:
    recipient, person = find_recipient(send.platform, send.channel, send.body)
    if not recipient:
        raise send.refusal("recipient_malformed")
    send.recipient, send.person = recipient, person


def check_modes(send: Send) -> None:
    if len(str(send.body.get("tracking_id") or "")) > TRACKING_ID_LENGTH:
        raise send.refusal("parameter_invalid")
    sending_mode = str(send.body.get("sending_mode", "1"))
    if sending_mode not in ("1", "3"):
        raise send.refusal("mode_unknown")
    if sending_mode == "3" and not send.template.is_promotion:
        raise send.refusal("mode_not_for_tag")
    is_test = send.body.get("mode") == "development"
    if is_test and send.recipient not in send.platform.options.admin_phones:
        raise send.refusal("test_only_to_admins")


def check_night(send: Send) -> None:
    if send.platform.options.ignore_night or not send.template.is_promotion:
        return
    if send.platform.clock.is_night():
        raise send.refusal("night")


def check_money(send: Send) -> None:
    balance = send.platform.balance
    if balance is not None and balance < send.price:
        raise send.refusal("no_money")


def check_daily_quota(send: Send) -> None:
    if send.platform.messages.num_today(send.channel) >= send.platform.daily_quota:
        raise send.refusal("daily_quota")


def check_promotion_caps(send: Send) -> None:
    """Refuse a promotion too many for this person, today or this month."""
    options, clock = send.platform.options, send.platform.clock
    if not send.template.is_promotion:
        return
    for cap, since, name in (
        (options.promotions_per_day, clock.start_of_day, "user_day_cap"),
        (options.promotions_per_month, clock.start_of_month, "user_month_cap"),
    ):
        if cap is not None and _num_promotions(send, since()) >= cap:
            raise send.refusal(name)


def check_person(send: Send) -> None:
    if send.person is None:
        return
    code = PERSON_STATES.get(send.person.state, {}).get(send.host)
    if code is not None:
        raise Refusal(code)
    # Whether promotion by user id needs a follower is not documented clearly; we assume so.
    needs_follower = send.channel == "uid" and send.template.is_promotion
    if needs_follower and not send.person.follows:
        raise send.refusal("not_following")


def check_faults(send: Send) -> None:
    call = Call(send.request.path, send.recipient, "uid" if send.host == "oa" else "phone")
    if fault := send.platform.faults.pick(call, errors=True):
        raise Refusal(fault.code, fault.message)


# The platform does not publish its order; this is the one place that assumes it.
TEMPLATE_CHECKS: tuple[Callable[[Send], None], ...] = (
    check_token,
    check_body,
    check_template,
    check_template_status,
    check_template_by_uid,
    check_template_data,
    check_recipient,
    check_modes,
    check_night,
    check_money,
    check_daily_quota,
    check_promotion_caps,
    check_person,
    check_faults,
)


def send_by_phone(platform: Platform, request: Request) -> Reply:
    return _phone_reply(platform, _send_template(Send(platform, request, "phone")))


def send_by_phone_hash(platform: Platform, request: Request) -> Reply:
    return _phone_reply(platform, _send_template(Send(platform, request, "hash")))


def send_by_user_id(platform: Platform, request: Request) -> Reply:
    message = _send_template(Send(platform, request, "uid"))
    remaining = platform.daily_quota - platform.messages.num_today("uid")
    return success(
        {
            "message_id": message.message_id,
            "user_id": message.user_id,
            "sent_time": platform.text(message.accepted_at),
            "quota": {"quota_type": "purchase_quota", "remain": platform.number(remaining)},
        }
    )


def _send_template(send: Send) -> Message:
    for check in TEMPLATE_CHECKS:
        check(send)
    if not send.platform.pay(send.price):
        raise send.refusal("no_money")
    # This channel has no tracking id; an unknown field is taken to be ignored.
    tracking_id = "" if send.channel == "uid" else str(send.body.get("tracking_id") or "")
    return send.platform.accept(
        NewMessage(
            channel=send.channel,
            recipient=send.recipient,
            person_key=send.person_key,
            template_id=send.template.template_id,
            template_data=send.body.get("template_data") or {},
            tracking_id=tracking_id,
            tag=send.template.tag,
            price=send.price,
            reaches_phone=send.person is None or send.person.state != "offline",
            fault=send.request.struck_by,
        )
    )


def _phone_reply(platform: Platform, message: Message) -> Reply:
    remaining = platform.daily_quota - platform.messages.num_today(message.channel)
    return success(
        {
            "msg_id": message.message_id,
            "sent_time": platform.text(message.accepted_at),
            "sending_mode": "1",
            "quota": {
                "dailyQuota": platform.text(platform.daily_quota),
                "remainingQuota": platform.text(remaining),
            },
        }
    )


def send_consultation(platform: Platform, request: Request) -> Reply:
    """Answer a free-form message, allowed for seven days after the person's last act."""
    send = Send(platform, request, "cs")
    for check in (check_token, check_body, check_recipient):
        check(send)
    content = send.body.get("message")
    text = _consultation_text(send, content)
    person = send.person
    now = platform.clock.milliseconds()
    last_act = person.last_interaction_at if person else None
    if last_act is None or now - last_act > CONSULTATION_MILLISECONDS:
        raise send.refusal("no_interaction")
    check_faults(send)
    data = {"text": text}
    message = platform.accept(
        NewMessage(
            "cs",
            send.recipient,
            send.person_key,
            template_data=data,
            fault=request.struck_by,
        )
    )
    return success(
        {
            "message_id": message.message_id,
            "user_id": send.recipient,
            "quota": {
                "quota_type": "reply",
                "remain": platform.text(7),
                "total": platform.text(8),
            },
        }
    )


def _consultation_text(send: Send, content: Any) -> str:
    if not isinstance(content, dict):
        raise refuse("parameter_invalid", "oa", "message is invalid!")
    if "attachment" in content:
        return str(content.get("text") or "[…]")
    text = content.get("text")
    if not isinstance(text, str) or not text or len(text) > CONSULTATION_LENGTH:
        raise send.refusal("parameter_invalid")
    return text


def find_recipient(
    platform: Platform, channel: str, body: dict[str, Any]
) -> tuple[str, Person | None]:
    """Read the address a channel uses; an empty one is malformed."""
    people = platform.people
    if channel == "phone":
        phone = normalised_phone(str(body.get("phone") or "")) or ""
        return phone, people.by_phone(phone) if phone else None
    if channel == "hash":
        value = str(body.get("hash_phone") or "")
        return (
            (value, people.by_phone_hash(value)) if _HASH.fullmatch(value) else ("", None)
        )
    recipient = body.get("recipient") if channel == "cs" else body
    user_id = recipient.get("user_id") if isinstance(recipient, dict) else ""
    if not isinstance(user_id, str) or not user_id.isdigit() or len(user_id) > 20:
        return "", None
    return user_id, people.by_user_id(user_id)


def _num_promotions(send: Send, since: int) -> int:
    return send.platform.messages.num_promotions_to(send.person_key, since)
