"""`/simulator/…`: what a test or a demo script steers, and what it may look at."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from zalo_simulator.errors import PERSON_STATES
from zalo_simulator.faults import fault_from_json
from zalo_simulator.http_types import Reply, Request, json_reply
from zalo_simulator.messages import Message
from zalo_simulator.people import key_of
from zalo_simulator.platform import Platform
from zalo_simulator.templates import template_from_json

LONGEST_PAGE = 1000
_SENT_FILTERS = ("phone", "user_id", "template_id", "tracking_id")

Handler = Callable[[Platform, Request], Reply]


def answering_mistakes(handler: Handler) -> Handler:
    """Turn a mistake in a control call into HTTP 400 with the reason."""

    def checked(platform: Platform, request: Request) -> Reply:
        try:
            return handler(platform, request)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return json_reply({"problem": str(error)}, status=400)

    return checked


def state(platform: Platform, request: Request) -> Reply:
    options = platform.options
    return json_reply(
        {
            "app_id": options.app_id,
            "oa_id": options.oa_id,
            "oa_name": options.oa_name,
            "time": platform.clock.now().isoformat(timespec="seconds"),
            "is_night": platform.clock.is_night(),
            "ignore_night": options.ignore_night,
            "num_messages": platform.messages.count(),
            "num_people": platform.people.count(),
            "spent": platform.messages.spent(),
            "balance": platform.balance,
            "daily_quota": platform.daily_quota,
            "webhook_url": platform.webhooks.url,
            "num_webhooks_waiting": platform.webhooks.num_waiting(),
            "person_states": list(PERSON_STATES),
        }
    )


def version(platform: Platform, request: Request) -> Reply:
    return json_reply({"version": platform.messages.version()})


def sent(platform: Platform, request: Request) -> Reply:
    """List accepted messages in order; `limit`, `offset` and the filters narrow it."""
    query = request.query
    filters = {name: query[name] for name in _SENT_FILTERS if query.get(name)}
    limit = min(int(query.get("limit") or LONGEST_PAGE), LONGEST_PAGE)
    found = platform.messages.sent(
        limit=limit, offset=int(query.get("offset") or 0), **filters
    )
    items = [message_as_json(message) for message in found]
    return json_reply({"total": platform.messages.count(), "messages": items})


def message_as_json(message: Message) -> dict[str, Any]:
    return asdict(message) | {"phone": message.phone, "user_id": message.user_id}


def delete_sent(platform: Platform, request: Request) -> Reply:
    platform.messages.delete_all()
    return json_reply({"total": 0})


def faults(platform: Platform, request: Request) -> Reply:
    return json_reply({"faults": platform.faults.listed()})


def add_faults(platform: Platform, request: Request) -> Reply:
    """Add one rule, or put a whole list `{"faults": […]}` in place of what is there."""
    if "faults" not in request.json:
        return json_reply({"number": platform.faults.add(**request.json)})
    for item in request.json["faults"]:
        fault_from_json(item)
    platform.faults.clear()
    for item in request.json["faults"]:
        platform.faults.add(**item)
    return faults(platform, request)


def delete_faults(platform: Platform, request: Request) -> Reply:
    platform.faults.clear()
    return faults(platform, request)


def people(platform: Platform, request: Request) -> Reply:
    query = request.query
    limit = min(int(query.get("limit") or 100), LONGEST_PAGE)
    found = platform.people.page(
        query.get("search", ""), int(query.get("offset") or 0), limit
    )
    return json_reply(
        {"total": platform.people.count(), "people": [asdict(person) for person in found]}
    )


def add_people(platform: Platform, request: Request) -> Reply:
    """Register people: a list of `{phone, user_id, name, follows, state}`."""
    items = request.json
    return json_reply({"registered": platform.people.register_all(items)})


def set_states(platform: Platform, request: Request) -> Reply:
    """Set the state of one person, or of a list of them, without touching who they are."""
    items = request.json if isinstance(request.json, list) else [request.json]
    for item in items:
        person = platform.people.by_user_id(str(item.get("user_id") or ""))
        platform.people.set_state(
            person.key if person else key_of(item), str(item["state"])
        )
    return json_reply({"changed": len(items)})


def act(platform: Platform, request: Request) -> Reply:
    """Let a person act: follow, unfollow, see, or reply with a `text`."""
    body = request.json
    key = platform.people.open_inbox(str(body.get("phone") or body.get("user_id") or ""))
    person = platform.people.by_key(key)
    if person is None:
        raise ValueError("No such person.")
    action = body["action"]
    if action in ("follow", "unfollow"):
        platform.follow(person, action == "follow")
    elif action == "see":
        platform.see(person)
    elif action == "reply":
        platform.reply(person, str(body["text"]))
    else:
        raise ValueError("action must be one of follow, unfollow, see, reply")
    return json_reply({"done": action})


def templates(platform: Platform, request: Request) -> Reply:
    return json_reply(
        {"templates": [item.as_json() for item in platform.templates.values()]}
    )


def add_template(platform: Platform, request: Request) -> Reply:
    template = template_from_json(request.json)
    platform.add_template(template)
    return json_reply(template.as_json())


def change_template(platform: Platform, request: Request) -> Reply:
    body = request.json
    platform.change_template_status(str(body["template_id"]), str(body["status"]))
    return json_reply(platform.templates[str(body["template_id"])].as_json())


def set_clock(platform: Platform, request: Request) -> Reply:
    """Move the clock to `{"at": ISO time}` (Vietnam's without a zone), or back to now."""
    at = request.json.get("at")
    if at:
        platform.clock.move_to(datetime.fromisoformat(str(at)))
    else:
        platform.clock.reset()
    return state(platform, request)


def set_account(platform: Platform, request: Request) -> Reply:
    """Change `balance` (null is endless) and `daily_quota`."""
    body = request.json
    if "balance" in body:
        platform.set_balance(None if body["balance"] is None else int(body["balance"]))
    if "daily_quota" in body:
        platform.change_daily_quota(int(body["daily_quota"]))
    return state(platform, request)


def mint_credentials(platform: Platform, request: Request) -> Reply:
    """Make a refresh token valid again, mint a code, or revoke access tokens."""
    body = request.json if request.body else {}
    if body.get("revoke_access_tokens"):
        platform.tokens.revoke_access()
    if body.get("kind") == "authorization_code":
        return json_reply(
            {"code": platform.tokens.mint_code(str(body.get("challenge") or ""))}
        )
    return json_reply(
        {"refresh_token": platform.tokens.mint(str(body.get("refresh_token") or ""))}
    )


def webhooks(platform: Platform, request: Request) -> Reply:
    """Show the latest delivery attempts, newest last."""
    sender = platform.webhooks
    return json_reply(
        {
            "url": sender.url,
            "duplicates": sender.is_duplicating,
            "out_of_order": sender.is_out_of_order,
            "num_waiting": sender.num_waiting(),
            "attempts": [asdict(attempt) for attempt in list(sender.attempts)],
        }
    )


def set_webhooks(platform: Platform, request: Request) -> Reply:
    """Change `url`, `duplicates`, `out_of_order`."""
    body, sender = request.json, platform.webhooks
    sender.url = str(body.get("url", sender.url))
    sender.is_duplicating = bool(body.get("duplicates", sender.is_duplicating))
    sender.is_out_of_order = bool(body.get("out_of_order", sender.is_out_of_order))
    return webhooks(platform, request)


def send_event(platform: Platform, request: Request) -> Reply:
    """Send any event, signed: `{"event_name": …}` and its other members as they are."""
    members = dict(request.json)
    name = str(members.pop("event_name"))
    platform.webhooks.send(name, members)
    return json_reply({"queued": bool(platform.webhooks.url)})


def reset(platform: Platform, request: Request) -> Reply:
    platform.reset()
    return state(platform, request)


ROUTES: dict[tuple[str, str], Handler] = {
    ("GET", "/simulator/state"): state,
    ("GET", "/simulator/version"): version,
    ("GET", "/simulator/sent"): sent,
    ("DELETE", "/simulator/sent"): delete_sent,
    ("GET", "/simulator/faults"): faults,
    ("POST", "/simulator/faults"): add_faults,
    ("DELETE", "/simulator/faults"): delete_faults,
    ("GET", "/simulator/people"): people,
    ("POST", "/simulator/people"): add_people,
    ("POST", "/simulator/people/states"): set_states,
    ("POST", "/simulator/people/acts"): act,
    ("GET", "/simulator/templates"): templates,
    ("POST", "/simulator/templates"): add_template,
    ("POST", "/simulator/templates/status"): change_template,
    ("POST", "/simulator/clock"): set_clock,
    ("POST", "/simulator/account"): set_account,
    ("POST", "/simulator/credentials"): mint_credentials,
    ("GET", "/simulator/webhooks"): webhooks,
    ("POST", "/simulator/webhooks"): set_webhooks,
    ("POST", "/simulator/events"): send_event,
    ("POST", "/simulator/reset"): reset,
}
