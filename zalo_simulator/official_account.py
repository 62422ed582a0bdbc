"""The other calls of openapi.zalo.me: the account, its people, quotas and tags."""

import json
from typing import Any

from zalo_simulator.clock import at_milliseconds
from zalo_simulator.errors import Refusal, refuse
from zalo_simulator.http_types import Reply, Request, success
from zalo_simulator.people import Person
from zalo_simulator.platform import Platform
from zalo_simulator.webhooks import app_scoped_id

LONGEST_USER_LIST = 50
LAST_USER_OFFSET = 9951


def account(platform: Platform, request: Request) -> Reply:
    platform.check_call(request, "oa")
    options = platform.options
    return success(
        {
            "oa_id": options.oa_id,
            "name": options.oa_name,
            "description": "",
            "oa_alias": "",
            "is_verified": True,
            "oa_type": 2,
            "cate_name": "",
            "num_follower": platform.people.count_with_user_id(True, ""),
            "avatar": "",
            "cover": "",
            "package_name": "Growth",
            "package_valid_through_date": "31/12/2030",
            "package_auto_renew_date": "",
            "linked_ZCA": "simulator",
        }
    )


def user_detail(platform: Platform, request: Request) -> Reply:
    platform.check_call(request, "oa")
    return success(_user(platform, _asked_person(platform, _query_data(request))))


def _user(platform: Platform, person: Person) -> dict[str, Any]:
    last_act = person.last_interaction_at
    return {
        "user_id": person.user_id,
        "user_id_by_app": app_scoped_id(person.user_id),
        "user_external_id": "",
        "display_name": person.name or "Người dùng Zalo",
        "user_alias": person.name,
        "is_sensitive": False,
        "user_is_follower": person.follows,
        "user_last_interaction_date": f"{at_milliseconds(last_act):%d/%m/%Y}"
        if last_act
        else "",
        "avatar": "",
        "avatars": {"120": "", "240": ""},
        "dynamic_param": "",
        "tags_and_notes_info": {
            "notes": [],
            "tag_names": _tags_of(platform, person.user_id),
        },
        # The platform never gives away a phone number here.
        "shared_info": {"address": "", "city": "", "district": "", "phone": "", "name": ""},
    }


def user_list(platform: Platform, request: Request) -> Reply:
    platform.check_call(request, "oa")
    asked = _query_data(request)
    offset, count = _whole(asked, "offset", 0), _whole(asked, "count", LONGEST_USER_LIST)
    if count > LONGEST_USER_LIST or offset > LAST_USER_OFFSET:
        raise refuse("parameter_invalid", "oa")
    follows = {"true": True, "false": False}.get(str(asked.get("is_follower", "")).lower())
    tag = str(asked.get("tag_name") or "")
    people = platform.people.with_user_id(follows, tag, offset, count)
    return success(
        {
            "total": platform.people.count_with_user_id(follows, tag),
            "count": len(people),
            "offset": offset,
            "users": [{"user_id": person.user_id} for person in people],
        }
    )


def message_quota(platform: Platform, request: Request) -> Reply:
    platform.check_call(request, "oa")
    body = _body(request)
    if "quota_owner" in body:
        return success([])
    person = _asked_person(platform, body)
    return success(
        {
            "last_interaction": platform.text(person.last_interaction_at or 0),
            "cs_reply": {"remain": 8, "total": 8},
            "promotion": _promotion_quota(platform, person),
        }
    )


def _promotion_quota(platform: Platform, person: Person) -> dict[str, int]:
    daily = platform.options.promotions_per_day or 1
    monthly = platform.options.promotions_per_month or 30
    today = platform.messages.num_promotions_to(person.key, platform.clock.start_of_day())
    month = platform.messages.num_promotions_to(person.key, platform.clock.start_of_month())
    return {
        "daily_remain": max(0, daily - today),
        "daily_total": daily,
        "monthly_remain": max(0, monthly - month),
        "monthly_total": monthly,
    }


def tag_person(platform: Platform, request: Request) -> Reply:
    platform.check_call(request, "oa")
    body = _body(request)
    person = _asked_person(platform, body)
    platform.store.execute(
        "INSERT OR IGNORE INTO tag (name, user_id) VALUES (?, ?)",
        _tag_name(body),
        person.user_id,
    )
    return success()


def untag_person(platform: Platform, request: Request) -> Reply:
    platform.check_call(request, "oa")
    body = _body(request)
    person = _asked_person(platform, body)
    platform.store.execute(
        "DELETE FROM tag WHERE name = ? AND user_id = ?", _tag_name(body), person.user_id
    )
    return success()


def delete_tag(platform: Platform, request: Request) -> Reply:
    platform.check_call(request, "oa")
    platform.store.execute("DELETE FROM tag WHERE name = ?", _tag_name(_body(request)))
    return success()


def tag_list(platform: Platform, request: Request) -> Reply:
    platform.check_call(request, "oa")
    rows = platform.store.rows("SELECT DISTINCT name FROM tag ORDER BY name")
    return success([row["name"] for row in rows])


def shut_down_message(platform: Platform, request: Request) -> Reply:
    """Answer the version 2 message calls."""
    raise Refusal(-240)


def stopped_message_type(platform: Platform, request: Request) -> Reply:
    """Answer the free-form transaction and promotion messages, stopped on 1 March 2026."""
    raise Refusal(-233)


def _tags_of(platform: Platform, user_id: str) -> list[str]:
    rows = platform.store.rows(
        "SELECT name FROM tag WHERE user_id = ? ORDER BY name", user_id
    )
    return [row["name"] for row in rows]


def _asked_person(platform: Platform, asked: dict[str, Any]) -> Person:
    person = platform.people.by_user_id(str(asked.get("user_id") or ""))
    if person is None:
        raise refuse("recipient_malformed", "oa")
    return person


def _tag_name(body: dict[str, Any]) -> str:
    name = str(body.get("tag_name") or "")
    if not name:
        raise Refusal(-201, "tag_name is invalid!")
    return name


def _query_data(request: Request) -> dict[str, Any]:
    """Read the one query parameter `data`, which holds JSON."""
    return _object(request.query.get("data") or "{}")


def _body(request: Request) -> dict[str, Any]:
    return _object(request.body or b"{}")


def _object(text: str | bytes) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise Refusal(-201, "data is invalid!") from error
    if not isinstance(value, dict):
        raise Refusal(-201, "data is invalid!")
    return value


def _whole(values: dict[str, Any], name: str, default: int) -> int:
    value = values.get(name, default)
    if isinstance(value, bool) or not str(value).isdigit():
        raise refuse("parameter_invalid", "oa")
    return int(value)
