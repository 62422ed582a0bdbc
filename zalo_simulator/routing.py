"""Which path is answered by what, and where faults come in between."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from zalo_simulator import business, control, official_account, page, sending, sms
from zalo_simulator.errors import Refusal
from zalo_simulator.faults import Call, Fault
from zalo_simulator.http_types import Reply, Request, failure, json_reply
from zalo_simulator.platform import Platform

Handler = Callable[[Platform, Request], Reply]

SENDS: dict[tuple[str, str], tuple[Handler, str]] = {
    ("POST", "/message/template"): (sending.send_by_phone, "phone"),
    ("POST", "/message/template/hashphone"): (sending.send_by_phone_hash, "hash"),
    ("POST", "/v3.0/oa/message/template"): (sending.send_by_user_id, "uid"),
    ("POST", "/v3.0/oa/message/cs"): (sending.send_consultation, "cs"),
    ("POST", sms.PATH): (sms.send, "sms"),
}

CALLS: dict[tuple[str, str], Handler] = {
    ("POST", "/v4/oa/access_token"): lambda platform, request: platform.tokens.exchange(
        request
    ),
    ("GET", "/v4/oa/permission"): lambda platform, request: platform.tokens.consent(
        request
    ),
    ("GET", "/message/status"): business.message_status,
    ("GET", "/message/quota"): business.quota,
    ("GET", "/message/template-tag"): business.template_tags,
    ("GET", "/quality"): business.quality,
    ("GET", "/template/all"): business.template_list,
    ("GET", "/template/info/v2"): business.template_info,
    ("GET", "/template/info"): business.template_info,
    ("GET", "/template/sample-data"): business.template_sample,
    ("GET", "/v2.0/oa/getoa"): official_account.account,
    ("GET", "/v3.0/oa/user/detail"): official_account.user_detail,
    ("GET", "/v3.0/oa/user/getlist"): official_account.user_list,
    ("POST", "/v3.0/oa/quota/message"): official_account.message_quota,
    ("POST", "/v2.0/oa/tag/tagfollower"): official_account.tag_person,
    ("POST", "/v2.0/oa/tag/rmfollowerfromtag"): official_account.untag_person,
    ("POST", "/v2.0/oa/tag/rmtag"): official_account.delete_tag,
    ("GET", "/v2.0/oa/tag/gettagsofoa"): official_account.tag_list,
    ("POST", "/v2.0/oa/message"): official_account.shut_down_message,
    ("POST", "/v3.0/oa/message/transaction"): official_account.stopped_message_type,
    ("POST", "/v3.0/oa/message/promotion"): official_account.stopped_message_type,
}

OWN_PAGES: dict[tuple[str, str], Handler] = {
    **{
        route: control.answering_mistakes(handler)
        for route, handler in control.ROUTES.items()
    },
    **page.ROUTES,
}


@dataclass(frozen=True)
class Answer:
    """A reply, how long to hold it back, whether to cut the line instead."""

    reply: Reply
    delay: float = 0.0
    is_cut: bool = False


def answer(platform: Platform, request: Request) -> Answer:
    route = (request.method, request.path)
    if own := OWN_PAGES.get(route):
        return Answer(own(platform, request))
    if request.method == "GET" and request.path.startswith(page.PHONE_PREFIX):
        return Answer(page.one_phone(platform, request))
    handler, channel = SENDS.get(route) or (CALLS.get(route), "")
    if handler is None:
        return Answer(json_reply({"error": 404, "message": "Not found"}, status=404))
    if platform.faults.is_empty():
        return Answer(_application_reply(handler, platform, request))
    return _answer_with_faults(handler, channel, platform, request)


def _application_reply(handler: Handler, platform: Platform, request: Request) -> Reply:
    try:
        return handler(platform, request)
    except Refusal as refusal:
        return failure(refusal.code, refusal.message)


def _answer_with_faults(
    handler: Handler, channel: str, platform: Platform, request: Request
) -> Answer:
    call = _call(channel, platform, request)
    if fault := platform.faults.pick(call, errors=False):
        reply = Reply(b"", status=504)
        if fault.accepts:
            reply = _application_reply(
                handler, platform, replace(request, struck_by=fault.kind)
            )
        return Answer(_spoilt(fault, reply), fault.delay, is_cut=fault.kind == "reset")
    # Sends ask for error codes themselves, after their other checks.
    if not channel and (fault := platform.faults.pick(call, errors=True)):
        return Answer(failure(fault.code, Refusal(fault.code, fault.message).message))
    return Answer(_application_reply(handler, platform, request))


def _call(channel: str, platform: Platform, request: Request) -> Call:
    if not channel:
        return Call(request.path)
    if channel == "sms":
        return Call(request.path, sms.recipient_of(request), "sms")
    recipient = ""
    try:
        if isinstance(request.json, dict):
            recipient, _ = sending.find_recipient(platform, channel, request.json)
    except ValueError:
        pass  # a malformed body gets its own refusal later
    return Call(request.path, recipient, "phone" if channel in ("phone", "hash") else "uid")


def _spoilt(fault: Fault, reply: Reply) -> Reply:
    if fault.kind == "http_500":
        return Reply(b"Internal Server Error", 500, "text/plain; charset=utf-8")
    if fault.kind == "html":
        return Reply(
            b"<html><body><h1>Service Unavailable</h1></body></html>", 200, "text/html"
        )
    return reply
