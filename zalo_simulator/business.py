"""The other calls of business.openapi.zalo.me."""

from typing import Any

from zalo_simulator.errors import Refusal, refuse
from zalo_simulator.http_types import Reply, Request, success
from zalo_simulator.platform import Platform
from zalo_simulator.templates import STATUS_NUMBERS, TAGS, Template, detail

DOES_NOT_EXIST, ON_ITS_WAY, DELIVERED = -1, 0, 1
LONGEST_LIST = 100


def message_status(platform: Platform, request: Request) -> Reply:
    platform.check_call(request, "business")
    message_id = request.query.get("message_id", "")
    if not message_id:
        raise Refusal(-107)
    message = platform.messages.by_id(message_id)
    if message is None:
        return _status(None, "The message does not exist", DOES_NOT_EXIST)
    if message.outcome in ("pending", "undelivered"):
        return _status(None, "The message was pushed to Zalo server", ON_ITS_WAY)
    # For messages by user id the real platform leaves the time out.
    by_phone = message.channel in ("phone", "hash") and message.delivered_at is not None
    delivered = platform.text(message.delivered_at or 0) if by_phone else None
    return _status(delivered, "The message was delivered to the user's phone", DELIVERED)


def _status(delivery_time: str | int | None, text: str, status: int) -> Reply:
    return success({"delivery_time": delivery_time, "message": text, "status": status})


def quota(platform: Platform, request: Request) -> Reply:
    platform.check_call(request, "business")
    used = platform.messages.num_today("phone") + platform.messages.num_today("hash")
    return success(
        {
            "dailyQuota": platform.number(platform.daily_quota),
            "remainingQuota": platform.number(max(0, platform.daily_quota - used)),
            "dailyQuotaPromotion": None,
            "remainingQuotaPromotion": None,
            "monthlyPromotionQuota": platform.number(platform.daily_quota),
            "remainingMonthlyPromotionQuota": platform.number(platform.daily_quota),
            "estimatedNextMonthPromotionQuota": platform.number(platform.daily_quota),
        }
    )


def quality(platform: Platform, request: Request) -> Reply:
    platform.check_call(request, "business")
    return success({"oaCurrentQuality": "HIGH", "oa7dayQuality": "HIGH"})


def template_tags(platform: Platform, request: Request) -> Reply:
    platform.check_call(request, "business")
    return success(list(TAGS))


def template_list(platform: Platform, request: Request) -> Reply:
    platform.check_call(request, "business")
    offset = _number(request, "offset", 0)
    limit = _number(request, "limit", LONGEST_LIST)
    if limit > LONGEST_LIST or min(offset, limit) < 0:
        raise refuse("parameter_invalid", "business")
    found = _with_status(platform, request.query.get("status", ""))
    items = [_list_item(template) for template in found[offset : offset + limit]]
    return success(items, metadata={"total": len(found)})


def _with_status(platform: Platform, status: str) -> list[Template]:
    """Filter by the number of a status; its name is refused, as on the platform."""
    templates = list(platform.templates.values())
    if not status:
        return templates
    names = [name for name, number in STATUS_NUMBERS.items() if str(number) == status]
    if not names:
        raise Refusal(-132, "Invalid status")
    return [template for template in templates if template.status == names[0]]


def _list_item(template: Template) -> dict[str, Any]:
    return {
        "templateId": template.template_id,
        "templateName": template.name,
        "createdTime": 1_767_225_600_000,
        "status": template.status,
        "templateQuality": "HIGH",
    }


def template_info(platform: Platform, request: Request) -> Reply:
    platform.check_call(request, "business")
    return success(detail(_asked_template(platform, request)))


def template_sample(platform: Platform, request: Request) -> Reply:
    platform.check_call(request, "business")
    return success(dict(_asked_template(platform, request).sample))


def _asked_template(platform: Platform, request: Request) -> Template:
    template = platform.templates.get(request.query.get("template_id", ""))
    if template is None:
        raise refuse("template_unknown", "business")
    return template


def _number(request: Request, name: str, default: int) -> int:
    value = request.query.get(name, "")
    if value and not value.isdigit():
        raise refuse("parameter_invalid", "business")
    return int(value) if value else default
