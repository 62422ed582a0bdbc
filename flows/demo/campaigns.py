"""Two campaigns that are over: the result of one is sure, the other was too small for any.

They are run in their turn, between the purchases before and after them, by the same verbs
as staff's. That some of those reached came back because of the first is made up like
everything else in the demo. The messages lie in the inboxes of the member pages.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from activities.services import OrderFact
from campaigns.chance import is_among
from campaigns.models import Campaign, CampaignRun
from campaigns.presets import NEWS_PLACES, ensure_template
from campaigns.services import run_campaign, save_board, start_campaign
from core.clock import local_date
from core.models import Programme
from flows.demo.orders import SOURCE, basket, moment_of
from flows.demo.returns import made_up_returns
from flows.demo.words import DRINKS
from messaging.links import note_click
from messaging.models import Channel, Message, MessageTemplate
from messaging.services import dispatch_messages
from points.models import Wallet
from rewards.models import Benefit

DAY = timedelta(days=1)
# Of a hundred who did not come back, so many looked at the message all the same.
CURIOUS = 12
INBOX_TEXT = """Gửi <customer_name>
<news>
Ưu đãi: <offer>
Áp dụng đến: <valid_until>"""


class Past(NamedTuple):
    """A campaign of the past: when, whom, how many were left alone, how many came back."""

    code: str
    name: str
    purpose: str
    days_ago: int
    conditions: dict[str, Any]
    holdout_percent: int
    percent: float
    news: str
    offer: str


PAST = (
    Past(
        "moi-khach-cu",
        "Mời khách cũ ghé lại",
        "Gửi một lần cho khách đã hơn 45 ngày chưa mua; 40 % để nguyên làm đối chứng.",
        75,
        {"all": [{"field": "days_since_last_order", "is": "more_than", "value": "{days}"}]},
        # Of some 400 members, far more than are needed to compare, whomever chance picks.
        40,
        30,
        "Lâu rồi Mộc chưa gặp bạn. Mời bạn ghé quán uống một ly cà phê.",
        "Tặng 20 điểm cho đơn tiếp theo",
    ),
    Past(
        "nhom-van-phong",
        "Cà phê sáng cho dân văn phòng",
        "Gửi một lần cho khách văn phòng; 10 % để nguyên làm đối chứng.",
        40,
        {
            "all": [
                {"field": "tag", "is": "has", "value": "van-phong"},
                {"field": "joined_days_ago", "is": "more_than", "value": 30},
            ]
        },
        10,
        0,
        "Sáng nay ghé Mộc trước giờ làm, cà phê đã sẵn sàng.",
        "Tặng 20 điểm cho đơn tiếp theo",
    ),
)


def run_past(
    past: Past, *, at: datetime, seed: int, store_ids: Mapping[str, int]
) -> list[OrderFact]:
    """Run a campaign at its moment; return the purchases of those whom it brought back.

    Safe to repeat: whoever was taken in and what they bought stays the same.
    """
    campaign = _campaign(past)
    if campaign.state == Campaign.State.DRAFT:
        start_campaign(campaign=campaign, at=at)
    if campaign.is_running:
        run_campaign(campaign=campaign, at=at, trigger=CampaignRun.Trigger.COMMAND)
    dispatch_messages(at=at)
    returns = made_up_returns(campaign, percent=past.percent, seed=seed)
    _look_at_messages(campaign, {fact.member_id for fact in returns}, at=at)
    facts = list(_purchases(returns, seed=seed, store_ids=store_ids))
    return sorted(facts, key=lambda fact: fact.placed_at)


def _campaign(past: Past) -> Campaign:
    campaign, is_new = Campaign.objects.get_or_create(
        code=past.code,
        defaults={
            "name": past.name,
            "description": past.purpose,
            "conditions": past.conditions,
            "mode": Campaign.Mode.ONE_OFF,
            "episode": Campaign.Episode.ONCE,
            "holdout_percent": past.holdout_percent,
            "goal_benefit": _gift(),
            "position": 90,
        },
    )
    if is_new or not campaign.steps.exists():
        step = {
            "key": "invitation",
            "kind": "message",
            "template": _template().pk,
            "offer": past.offer,
            "news": past.news,
            "valid_days": 30,
        }
        save_board(campaign=campaign, tree=[step])
    return campaign


def _gift() -> Benefit:
    gift, _created = Benefit.objects.get_or_create(
        code="welcome-back",
        defaults={
            "name": "20 điểm chào mừng trở lại",
            "kind": Benefit.Kind.POINTS,
            "wallet": Wallet.objects.get(code="points"),
            "amount": 20,
            "value": Decimal(15_000),
        },
    )
    return gift


def _template() -> MessageTemplate:
    return ensure_template(
        "inbox-news",
        NEWS_PLACES,
        name="Tin trong hộp thư",
        body=INBOX_TEXT,
        button_title="Xem ưu đãi của tôi",
        channels=[Channel.INBOX.value],
    )


def _look_at_messages(campaign: Campaign, came_back: set[int], *, at: datetime) -> None:
    """Let those open the link who came back, and a few who were only curious."""
    sent = Message.objects.filter(
        source_type="campaign", source_id=campaign.pk, state=Message.State.SENT
    )
    for pk, member_id in sent.values_list("pk", "member_id"):
        is_curious = is_among(f"looks:{campaign.code}", member_id or 0, percent=CURIOUS)
        if member_id in came_back or is_curious:
            note_click(pk, at + timedelta(hours=2))


def _purchases(
    returns: list[OrderFact], *, seed: int, store_ids: Mapping[str, int]
) -> Iterator[OrderFact]:
    """Make them what the till would have told: at a shop, by daylight, with lines."""
    zone = Programme.current().zone
    shops = sorted(code for code in store_ids if code != "online")
    for fact in returns:
        rng = random.Random(f"{seed}:{fact.external_id}")
        lines = basket(rng, rng.choices(DRINKS, [item.weight for item in DRINKS], k=2))
        yield fact._replace(
            source=SOURCE,
            placed_at=moment_of(rng, local_date(fact.placed_at), zone),
            total=sum((line.total for line in lines), Decimal(0)),
            channel="store",
            store_id=store_ids[rng.choice(shops)],
            lines=lines,
        )
