"""Campaigns to begin with: each is made as a draft that staff read, change and start.

The words that members read are Vietnamese, whatever language the console speaks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from activities.happenings import ORDER
from campaigns.board import save_board
from campaigns.errors import CampaignNotFound
from campaigns.models import Campaign
from campaigns.presets import come_back_template, news_template
from members.happenings import JOINED
from messaging.models import MessageTemplate

Step = dict[str, Any]
Episode, Goal, Trigger = Campaign.Episode, Campaign.Goal, Campaign.Trigger
EVERYBODY: dict[str, Any] = {"all": []}


@dataclass(frozen=True, slots=True)
class GalleryCampaign:
    """One way to begin: what it is for, whom it finds, and its steps."""

    code: str
    name: str | Promise
    purpose: str | Promise
    icon: str
    steps: Callable[[], Sequence[Step]]
    conditions: Mapping[str, Any] = field(default_factory=lambda: EVERYBODY)
    settings: Mapping[str, Any] = field(default_factory=dict)


# --- steps --------------------------------------------------------------------------------


def _message(
    key: str, template: MessageTemplate, *, offer: str, news: str = "", valid: int = 14
) -> Step:
    return {
        "key": key,
        "kind": "message",
        "template": template.pk,
        "offer": offer,
        "news": news,
        "valid_days": valid,
    }


def _news(key: str, *, news: str, offer: str, valid: int = 14) -> Step:
    return _message(key, news_template(), offer=offer, news=news, valid=valid)


def _wait(key: str, days: int) -> Step:
    return {"key": key, "kind": "wait", "settings": {"amount": days, "unit": "days"}}


def _at_nine(key: str) -> Step:
    return {
        "key": key,
        "kind": "wait_until",
        "settings": {"until": "time", "time": "09:00"},
    }


def _come_back() -> Sequence[Step]:
    return [
        _message("reminder", come_back_template(), offer="Giảm 10% cho đơn tiếp theo"),
        _wait("week", 7),
        _news(
            "stronger",
            news="Chúng tôi vẫn giữ ưu đãi riêng cho quý khách.",
            offer="Giảm 20% cho đơn tiếp theo",
            valid=7,
        ),
        _wait("last", 14),
        {"key": "end", "kind": "stop"},
    ]


def _welcome() -> Sequence[Step]:
    return [
        _news(
            "welcome",
            news="Chào mừng quý khách đến với chương trình thành viên.",
            offer="Giảm 10% cho đơn đầu tiên",
            valid=30,
        ),
        {
            "key": "bought",
            "kind": "wait_for",
            "settings": {"event": ORDER, "amount": 14, "unit": "days"},
            "lanes": {
                "happened": [],
                "timeout": [
                    _news(
                        "again",
                        news="Ưu đãi chào mừng của quý khách vẫn còn hiệu lực.",
                        offer="Giảm 10% cho đơn đầu tiên",
                    )
                ],
            },
        },
    ]


def _birthday() -> Sequence[Step]:
    return [
        _at_nine("morning"),
        _news(
            "wish",
            news="Chúc mừng sinh nhật! Chúng tôi có món quà nhỏ dành cho quý khách.",
            offer="Tặng một món quà sinh nhật khi mua hàng",
        ),
    ]


def _expiring() -> Sequence[Step]:
    return [
        _at_nine("morning"),
        _news(
            "expiring",
            news="Điểm của quý khách sắp hết hạn. Hãy đổi quà trước khi điểm mất.",
            offer="Đổi điểm lấy quà ngay hôm nay",
            valid=30,
        ),
    ]


def _almost() -> Sequence[Step]:
    return [
        _at_nine("morning"),
        _news(
            "almost",
            news="Quý khách chỉ còn một chút nữa là lên hạng mới.",
            offer="Lên hạng để nhận thêm quyền lợi",
            valid=30,
        ),
    ]


def _after_purchase() -> Sequence[Step]:
    return [
        _wait("day", 1),
        _at_nine("morning"),
        _news(
            "thanks",
            news="Cảm ơn quý khách đã mua hàng.",
            offer="Giảm 5% cho đơn tiếp theo",
        ),
    ]


def _review() -> Sequence[Step]:
    return [
        _wait("use", 5),
        _at_nine("morning"),
        _news(
            "review",
            news="Quý khách hài lòng với sản phẩm chứ? Xin cho chúng tôi biết.",
            offer="Tặng điểm khi gửi đánh giá",
        ),
    ]


def _win_back() -> Sequence[Step]:
    return [
        _news(
            "offer",
            news="Quý khách là khách hàng thân thiết mà chúng tôi rất nhớ.",
            offer="Giảm 20% cho đơn tiếp theo",
        ),
        _wait("wait", 10),
        {
            "key": "opened",
            "kind": "branch",
            "settings": {"asks": "clicked", "step": "offer"},
            "lanes": {
                "yes": [
                    _news(
                        "last-call",
                        news="Ưu đãi của quý khách sắp kết thúc.",
                        offer="Giảm 20% cho đơn tiếp theo",
                        valid=3,
                    )
                ],
                "no": [],
            },
        },
    ]


def _unused_voucher() -> Sequence[Step]:
    return [
        _at_nine("morning"),
        _news(
            "voucher",
            news="Quý khách có voucher sắp hết hạn chưa sử dụng.",
            offer="Dùng voucher trước khi hết hạn",
            valid=7,
        ),
    ]


# --- the gallery --------------------------------------------------------------------------

GALLERY = (
    GalleryCampaign(
        "come-back-journey",
        gettext_lazy("Come back, the whole journey"),
        gettext_lazy(
            "Who has not bought for X days gets a reminder, a week later a stronger offer. "
            "Whoever buys is out at once. No tag to keep, nothing to sweep by hand."
        ),
        "undo",
        _come_back,
        {"all": [{"field": "days_since_last_order", "is": "more_than", "value": "{days}"}]},
        {"episode": Episode.LAPSE, "holdout_percent": 10, "position": 20},
    ),
    GalleryCampaign(
        "welcome",
        gettext_lazy("Welcome"),
        gettext_lazy("Greets who joins, and reminds once of the offer who has not bought."),
        "waving_hand",
        _welcome,
        settings={"trigger": Trigger.EVENT, "event": JOINED, "episode": Episode.ONCE},
    ),
    GalleryCampaign(
        "birthday",
        gettext_lazy("Birthday"),
        gettext_lazy("A wish and a gift in the morning, three days before the birthday."),
        "cake",
        _birthday,
        {"all": [{"field": "birthday_in_days", "is": "at_most", "value": 3}]},
        # Not once a year: the days before a birthday in January lie in two years.
        {"episode": Episode.ENTRY, "rest_days": 300, "leaves": False},
    ),
    GalleryCampaign(
        "points-expiring",
        gettext_lazy("Points about to expire"),
        gettext_lazy("Who holds points that end within 30 days hears of it once a month."),
        "hourglass_bottom",
        _expiring,
        {"all": [{"field": "points_expiring", "is": "at_least", "value": 1, "days": 30}]},
        # The rest keeps the end of one month and the beginning of the next apart.
        {"episode": Episode.MONTH, "rest_days": 28},
    ),
    GalleryCampaign(
        "almost-next-tier",
        gettext_lazy("Almost at the next tier"),
        gettext_lazy("Who needs only a little more for the next tier hears how much."),
        "trending_up",
        _almost,
        {"all": [{"field": "missing_to_next_tier", "is": "at_most", "value": "500000"}]},
        {"episode": Episode.ENTRY},
    ),
    GalleryCampaign(
        "after-purchase",
        gettext_lazy("Thank you for the purchase"),
        gettext_lazy("The morning after a purchase, at most once in 30 days."),
        "shopping_bag",
        _after_purchase,
        settings={
            "trigger": Trigger.EVENT,
            "event": ORDER,
            "episode": Episode.EVENT,
            "rest_days": 30,
        },
    ),
    GalleryCampaign(
        "review-request",
        gettext_lazy("Ask for a review"),
        gettext_lazy("Some days after a purchase, at most once in 60 days."),
        "rate_review",
        _review,
        settings={
            "trigger": Trigger.EVENT,
            "event": ORDER,
            "episode": Episode.EVENT,
            "rest_days": 60,
            "goal": Goal.NONE,
        },
    ),
    GalleryCampaign(
        "win-back",
        gettext_lazy("Win back good customers"),
        gettext_lazy(
            "Members of the group “at risk” get a strong offer, and a last call when they "
            "have looked at it."
        ),
        "favorite",
        _win_back,
        {"all": [{"field": "rfm_cell", "is": "is", "value": "at_risk"}]},
        {"episode": Episode.ENTRY, "holdout_percent": 10},
    ),
    GalleryCampaign(
        "unused-voucher",
        gettext_lazy("Unused voucher"),
        gettext_lazy("Who holds a voucher that ends within 7 days is reminded of it."),
        "confirmation_number",
        _unused_voucher,
        {"all": [{"field": "voucher_ends_in_days", "is": "at_most", "value": 7}]},
        {"episode": Episode.ENTRY},
    ),
)
BY_CODE = {one.code: one for one in GALLERY}


@transaction.atomic
def create_from_gallery(code: str) -> Campaign:
    """Make a draft with the settings and steps of one of these; each call makes another."""
    chosen = BY_CODE.get(code)
    if chosen is None:
        raise CampaignNotFound(_("There is no such template."))
    campaign = Campaign.objects.create(
        code=_free_code(code),
        name=str(chosen.name),
        description=str(chosen.purpose),
        conditions=dict(chosen.conditions),
        **chosen.settings,
    )
    save_board(campaign=campaign, tree=list(chosen.steps()))
    return campaign


def _free_code(code: str) -> str:
    taken = set(
        Campaign.objects.filter(code__startswith=code).values_list("code", flat=True)
    )
    number = 2
    free = code
    while free in taken:
        free, number = f"{code}-{number}", number + 1
    return free
