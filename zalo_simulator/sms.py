"""A brand-name SMS gateway as eSMS documents it: one send route, reports by GET.

Not Zalo's, but on the same phones, so that one page shows everything a person gets.
Numbers that end in 0104 are refused as malformed, in 0177 have no registered network, and
in 0005 are accepted and never reached.
"""

from __future__ import annotations

import threading
import urllib.request
from typing import Any
from urllib.parse import urlencode

from zalo_simulator.faults import Call
from zalo_simulator.http_types import Reply, Request, json_reply
from zalo_simulator.messages import Message, NewMessage
from zalo_simulator.people import normalised_phone
from zalo_simulator.platform import Platform

PATH = "/MainService.svc/json/SendMultipleMessage_V4_post_json/"
ACCEPTED, WRONG_KEYS, NO_BRANDNAME, WRONG_PHONE = 100, 101, 104, 108
KNOWN_ALREADY, NO_NETWORK = 124, 177
REPORT_SECONDS = 5.0


def send(platform: Platform, request: Request) -> Reply:
    body = _body(request)
    if not body.get("ApiKey") or not body.get("SecretKey"):
        return _refusal(WRONG_KEYS, "Authorize Failed")
    if not body.get("Brandname"):
        return _refusal(NO_BRANDNAME, "Brand name code is not exist")
    phone = normalised_phone(str(body.get("Phone") or "")) or ""
    if not phone or phone.endswith("0104"):
        return _refusal(WRONG_PHONE, "Phone number is not valid")
    if phone.endswith("0177"):
        return _refusal(NO_NETWORK, "Brand name is not registered for this network")
    call = Call(request.path, phone, "sms")
    if fault := platform.faults.pick(call, errors=True):
        return _refusal(abs(fault.code), fault.message or "Refused by a fault")
    request_id = str(body.get("RequestId") or "")
    if not platform.sms.take(request_id):
        return _refusal(KNOWN_ALREADY, "RequestId is duplicated")
    person = platform.people.by_phone(phone)
    message = platform.messages.accept(
        NewMessage(
            channel="sms",
            recipient=phone,
            person_key=person.key if person else phone,
            template_data={"text": str(body.get("Content") or "")},
            tracking_id=request_id,
            reaches_phone=not phone.endswith("0005"),
            fault=request.struck_by,
        )
    )
    if url := str(body.get("CallbackUrl") or ""):
        _report_later(platform, message, url)
    return json_reply(
        {"CodeResult": str(ACCEPTED), "CountRegenerate": 0, "SMSID": message.message_id}
    )


def recipient_of(request: Request) -> str:
    """Return the phone a request names, for the faults that concern one phone."""
    return normalised_phone(str(_body(request).get("Phone") or "")) or ""


def _body(request: Request) -> dict[str, Any]:
    """Read the request; what a sender that died left half written is as good as empty."""
    try:
        body = request.json
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _refusal(code: int, text: str) -> Reply:
    return json_reply({"CodeResult": str(code), "CountRegenerate": 0, "ErrorMessage": text})


def _report_later(platform: Platform, message: Message, url: str) -> None:
    has_arrived = message.delivered_at is not None
    facts = {
        "SMSID": message.message_id,
        "RequestId": message.tracking_id,
        "SendStatus": "5",
        "SendSuccess": "1" if has_arrived else "0",
        "SendFailed": "0" if has_arrived else "1",
        "phonenumber": message.recipient,
        "TypeId": "2",
    }
    timer = threading.Timer(
        platform.options.delivery_seconds, _report, (platform, url, facts)
    )
    timer.daemon = True
    timer.start()


def _report(platform: Platform, url: str, facts: dict[str, Any]) -> None:
    address = f"{url}{'&' if '?' in url else '?'}{urlencode(facts)}"
    try:
        with urllib.request.urlopen(address, timeout=REPORT_SECONDS) as answer:
            status = int(answer.status)
    except OSError:
        status = 0
    platform.sms.reports.append((str(facts["SMSID"]), status))
