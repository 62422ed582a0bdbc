"""SMS through a brand-name gateway, in the JSON that eSMS (ViHAT) documents.

``POST {SMS_URL}/MainService.svc/json/SendMultipleMessage_V4_post_json/`` with ApiKey,
SecretKey, Brandname, SmsType, Phone, Content, IsUnicode and RequestId answers
``{"CodeResult": "100", "SMSID": "…"}``; 100 means accepted, and a delivery report follows
by GET to CallbackUrl. Source: github.com/devesms/gitbook_esms_for_develop_v2_en,
esms-api/send-sms-api/send-otp-customer-care-message.md, and the error list beside it.
Gateways that resell this shape differ in their address only.

The gateway refuses a RequestId it has seen within a day, so a request that is repeated
after a lost answer is not sent twice: code 124 is as good as accepted.
"""

from __future__ import annotations

import json
from concurrent.futures import Future

from django.conf import settings

from core.http import HttpClient, Request
from messaging.channels import http
from messaging.channels.answers import (
    Answer,
    D,
    Fault,
    H,
    Kind,
    Note,
    Outcome,
    P,
    R,
    X,
    fault_table,
)
from messaging.channels.base import Parcel, Sender, tracking_id
from messaging.channels.sms_text import is_gsm
from messaging.models import Channel, MessageTemplate

PATH = "/MainService.svc/json/SendMultipleMessage_V4_post_json/"
ACCEPTED, KNOWN_ALREADY = 100, 124
MARKETING = MessageTemplate.Purpose.MARKETING

ERRORS = fault_table(
    (99, P, "phone blocked, or the request is invalid"),
    (101, H, "keys wrong"),
    (102, H, "no price list"),
    (103, H, "account out of money"),
    (104, H, "brand name unknown"),
    (107, X, "the route takes larger lots only"),
    (108, P, "phone number invalid", Note.BAD_ADDRESS),
    (118, H, "kind of message not supported"),
    (140, H, "our address is not on the gateway's list"),
    (143, H, "account inactive"),
    (146, D, "text fits no registered template"),
    (160, R, "too many requests a second", Note.WHOLE_ACCOUNT),
    (177, P, "the network of this number is not registered"),
    (201, X, "blocked word"),
    (300, H, "kind of message missing"),
    (789, D, "template not set up"),
)


class SmsSender(Sender):
    channels = (Channel.SMS.value,)

    def __init__(self, *, connections: int) -> None:
        self._client = HttpClient(connections=connections)

    def open(self) -> str:
        return "" if is_configured() else "not_configured"

    def close(self) -> None:
        self._client.close()

    def send(self, parcel: Parcel) -> Future[Answer]:
        request = Request(
            f"{settings.SMS_URL}{PATH}",
            {"Content-Type": "application/json"},
            json.dumps(_body(parcel), ensure_ascii=False).encode(),
        )
        return http.ask(self._client, request, _read)

    def explain(self, parcel: Parcel, answer: Answer) -> Fault:
        # One we never heard of is not repeated.
        return ERRORS.get(answer.code) or Fault(answer.code, Kind.PAYLOAD, "unknown error")


def _read(outcome: Outcome, body: http.Body) -> Answer:
    if body is None:
        return Answer(outcome)
    code = http.whole(body.get("CodeResult"))
    if code is None:
        return Answer(Outcome.AMBIGUOUS)
    if code in (ACCEPTED, KNOWN_ALREADY):
        return Answer(Outcome.ACCEPTED, data={"message_id": str(body.get("SMSID") or "")})
    return Answer(Outcome.REFUSED, code)


def is_configured() -> bool:
    return bool(settings.SMS_API_KEY and settings.SMS_BRANDNAME)


def _body(parcel: Parcel) -> dict[str, str | int]:
    message, text = parcel.message, parcel.data["text"]
    is_offer = message.template.purpose == MARKETING
    body: dict[str, str | int] = {
        "ApiKey": settings.SMS_API_KEY,
        "SecretKey": settings.SMS_SECRET_KEY,
        "Brandname": settings.SMS_BRANDNAME,
        "SmsType": settings.SMS_TYPE_OFFERS if is_offer else settings.SMS_TYPE_CARE,
        "Phone": "0" + parcel.address.removeprefix("+84"),
        "Content": text,
        "IsUnicode": 0 if is_gsm(text) else 1,
        "RequestId": tracking_id(message.pk),
        "Sandbox": 1 if settings.SMS_SANDBOX else 0,
    }
    if settings.SMS_REPORT_SECRET:
        body["CallbackUrl"] = report_url()
    return body


def report_url() -> str:
    """Return the address to which the gateway tells what became of a message."""
    return f"{settings.PUBLIC_URL}/api/v1/webhooks/sms/{settings.SMS_REPORT_SECRET}/"
