"""The come-back campaigns as brands run them, ready to be read and edited.

What exists is never touched: staff's changes are theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from campaigns.models import Campaign, Step
from campaigns.states import start_campaign
from members.models import Tag
from messaging.models import MessageTemplate, TemplateParameter

RECENT = "recent-45"
COME_BACK = "come-back"
LEFTOVERS = "leftovers"
TAG = "45"
DAYS = 45

Conditions = dict[str, Any]

RECENT_CONDITIONS: Conditions = {
    "all": [{"field": "days_since_last_order", "is": "at_most", "value": "{days}"}]
}
COME_BACK_CONDITIONS: Conditions = {
    "all": [
        {"field": "tag", "is": "has_not", "value": TAG},
        {"field": "days_since_last_order", "is": "more_than", "value": "{days}"},
    ]
}
# Whom neither of the two reaches: nothing bought lately and not called back; and there is
# no order at all, no channel, or no sign of life in their data.
LEFTOVERS_CONDITIONS: Conditions = {
    "all": [
        {"field": "tag", "is": "has_not", "value": TAG},
        {"not": {"field": "days_since_last_order", "is": "at_most", "value": "{days}"}},
        {"field": "reached_by_campaign", "is": "no", "value": COME_BACK},
        {
            "any": [
                {"field": "has_ordered", "is": "no"},
                {"field": "reachable", "is": "no"},
                {
                    "field": "data_updated_days_ago",
                    "is": "more_than",
                    "value": "{days}",
                },
            ]
        },
    ]
}


@dataclass(frozen=True, slots=True)
class Place:
    """A place in an approved text and what goes into it."""

    name: str
    value: str
    max_length: int


# The texts as Zalo approved them: Vietnamese, whatever language the console speaks.
COME_BACK_TEXT = """Đã lâu chưa gặp, <customer_name>
Đã <days> ngày kể từ lần mua gần nhất. Điểm của quý khách vẫn đang chờ.
Điểm hiện có: <points>
Sắp hết hạn: <expiring>
Dành riêng cho quý khách: <offer>"""
COME_BACK_PLACES = (
    Place("customer_name", "{{ name }}", 30),
    Place("days", "{{ days_since_last_order }}", 20),
    Place("points", "{{ points }}", 20),
    Place("expiring", "{{ expiring }}", 90),
    Place("offer", "{{ offer }}", 200),
    Place("link", "{{ link }}", 200),
)
NEWS_TEXT = """Ưu đãi dành cho <customer_name>
<news>
Ưu đãi: <offer>
Áp dụng đến: <valid_until>"""
NEWS_PLACES = (
    Place("customer_name", "{{ name }}", 30),
    Place("news", "{{ news }}", 200),
    Place("offer", "{{ offer }}", 200),
    Place("valid_until", "{{ valid_until }}", 20),
    Place("link", "{{ link }}", 200),
)


@transaction.atomic
def create_presets(*, at: datetime, running: bool = True) -> list[Campaign]:
    """Make the three come-back campaigns with their tag and templates; safe to repeat."""
    tag, _created = Tag.objects.get_or_create(
        code=TAG,
        defaults={"name": TAG, "description": _("Bought within the campaign's days")},
    )
    made = [
        _recent(tag),
        _come_back(come_back_template()),
        _leftovers(news_template()),
    ]
    for campaign, is_new in made:
        if running and is_new:
            start_campaign(campaign=campaign, at=at)
    return [campaign for campaign, _is_new in made]


def _recent(tag: Tag) -> tuple[Campaign, bool]:
    campaign, is_new = _campaign(
        RECENT,
        name=_("Bought recently"),
        description=_(
            "Members with an order in the last X days carry the tag “45”. "
            "It leaves them by itself when the window has passed."
        ),
        conditions=RECENT_CONDITIONS,
        position=10,
    )
    if is_new:
        Step.objects.create(campaign=campaign, kind=Step.Kind.TAG, tag=tag)
    return campaign, is_new


def _come_back(template: MessageTemplate) -> tuple[Campaign, bool]:
    campaign, is_new = _campaign(
        COME_BACK,
        name=_("Come back"),
        description=_(
            "Members whose last order lies more than X days back get one message for each "
            "lapse: followers on the Official Account, everyone else by phone."
        ),
        conditions=COME_BACK_CONDITIONS,
        position=20,
    )
    if is_new:
        _message_step(campaign, template, offer="Giảm 10% cho đơn tiếp theo")
    return campaign, is_new


def _leftovers(template: MessageTemplate) -> tuple[Campaign, bool]:
    campaign, is_new = _campaign(
        LEFTOVERS,
        name=_("Everyone else, by hand"),
        description=_(
            "Members whom neither of the other two reaches: no recent order, no order at "
            "all, no change in their data, no channel. Look at the list, send or export "
            "it; then the campaign ends."
        ),
        conditions=LEFTOVERS_CONDITIONS,
        mode=Campaign.Mode.ONE_OFF,
        position=30,
    )
    if is_new:
        _message_step(
            campaign,
            template,
            offer="Giảm 10% cho đơn tiếp theo",
            news="Chúng tôi rất mong được gặp lại quý khách.",
        )
    return campaign, is_new


def _campaign(code: str, **fields: Any) -> tuple[Campaign, bool]:
    return Campaign.objects.get_or_create(code=code, defaults={"days": DAYS, **fields})


def _message_step(campaign: Campaign, template: MessageTemplate, **fields: Any) -> None:
    Step.objects.create(
        campaign=campaign, kind=Step.Kind.MESSAGE, template=template, **fields
    )


def come_back_template() -> MessageTemplate:
    return ensure_template(
        "come-back",
        COME_BACK_PLACES,
        name="Nhắc khách quay lại",
        zalo_template_id="400001",
        body=COME_BACK_TEXT,
        button_title="Xem ưu đãi của tôi",
    )


def news_template() -> MessageTemplate:
    return ensure_template(
        "news",
        NEWS_PLACES,
        name="Tin ưu đãi cho khách đã chọn",
        zalo_template_id="400005",
        body=NEWS_TEXT,
        button_title="Xem chi tiết",
    )


def ensure_template(code: str, places: tuple[Place, ...], **fields: Any) -> MessageTemplate:
    """Return the template of this code; made with these places where there is none."""
    template, is_new = MessageTemplate.objects.get_or_create(
        code=code,
        defaults={
            "purpose": MessageTemplate.Purpose.MARKETING,
            "button_parameter": "link",
            **fields,
        },
    )
    if is_new:
        TemplateParameter.objects.bulk_create(
            TemplateParameter(
                template=template,
                name=place.name,
                value=place.value,
                max_length=place.max_length,
            )
            for place in places
        )
    return template
