"""The staff console's frame: name, colours, menu. Imported by settings.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse, reverse_lazy
from django.utils.translation import gettext_lazy as _


def site_name(request: HttpRequest) -> str:
    from core.admin_tools import programme_of

    return programme_of(request).name


def brand_palette(request: HttpRequest) -> dict[str, str]:
    from core.admin_tools import programme_of
    from core.colors import palette

    return palette(programme_of(request).brand_color)


def _stylesheet(_request: HttpRequest) -> str:
    return static("css/admin/console.css")


def _icon(_request: HttpRequest) -> str:
    return static("img/console.svg")


def _may_see(model: str) -> Callable[[HttpRequest], bool]:
    app, name = model.split(".")

    def check(request: HttpRequest) -> bool:
        user: Any = request.user
        return user.has_perm(f"{app}.view_{name}") or user.has_perm(f"{app}.change_{name}")

    return check


def _is_at(name: str) -> Callable[[HttpRequest], bool]:
    return lambda request: request.path == reverse(name)


def _is_below(name: str) -> Callable[[HttpRequest], bool]:
    return lambda request: request.path.startswith(reverse(name))


def _item(title: Any, icon: str, model: str) -> dict[str, Any]:
    app, name = model.split(".")
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app}_{name}_changelist"),
        "permission": _may_see(model),
    }


NAVIGATION: list[dict[str, Any]] = [
    {
        "items": [
            {
                "title": _("Overview"),
                "icon": "space_dashboard",
                "link": reverse_lazy("admin:index"),
            }
        ]
    },
    {
        "title": _("Customers"),
        "items": [
            _item(_("Members"), "group", "members.member"),
            _item(_("Segments"), "filter_alt", "members.segment"),
            _item(_("Lists"), "checklist", "members.memberlist"),
            _item(_("RFM groups"), "grid_view", "activities.rfmrun"),
            _item(_("Tags"), "sell", "members.tag"),
            _item(_("All orders"), "receipt_long", "activities.order"),
            _item(_("Refunds"), "assignment_return", "activities.refund"),
            _item(_("Activities"), "directions_walk", "activities.activity"),
            _item(_("At the tills"), "point_of_sale", "till.tillact"),
        ],
    },
    {
        "title": _("Points"),
        "items": [
            _item(_("Ledger"), "account_balance", "points.transfer"),
            _item(_("Earn rules"), "rule", "points.earnrule"),
            _item(_("Wallets"), "wallet", "points.wallet"),
            _item(_("Held points"), "hourglass_top", "points.hold"),
            _item(_("Reservations"), "point_of_sale", "points.reservation"),
            _item(_("Funding parties"), "handshake", "points.funder"),
            _item(_("Waiting for approval"), "approval", "core.changerequest"),
        ],
    },
    {
        "title": _("Tiers"),
        "items": [
            _item(_("Tier ladders"), "stairs", "tiers.ladder"),
            _item(_("Members by tier"), "military_tech", "tiers.membertier"),
            _item(_("Rises and falls"), "timeline", "tiers.tierchange"),
        ],
    },
    {
        "title": _("Rewards"),
        "items": [
            _item(_("Catalogue"), "redeem", "rewards.reward"),
            _item(_("Categories"), "shelves", "rewards.rewardcategory"),
            _item(_("Benefits"), "featured_seasonal_and_gifts", "rewards.benefit"),
            _item(_("Given to many"), "volunteer_activism", "rewards.handout"),
            _item(_("Types of voucher"), "local_activity", "rewards.vouchertype"),
            _item(_("Batches of vouchers"), "confirmation_number", "rewards.voucherbatch"),
            _item(_("Vouchers"), "sell", "rewards.voucher"),
            _item(_("Redemptions"), "receipt", "rewards.redemption"),
            {
                **_item(_("Gifts to hand over"), "view_kanban", "rewards.fulfilment"),
                "link": reverse_lazy("admin:rewards_fulfilment_board"),
                # Each gift's page and the list of all belong to it.
                "active": _is_below("admin:rewards_fulfilment_changelist"),
            },
            {
                **_item(_("Time slots"), "calendar_month", "rewards.slot"),
                "link": reverse_lazy("admin:rewards_slot_days"),
                "active": _is_below("admin:rewards_slot_changelist"),
            },
            _item(_("Bookings"), "event_available", "rewards.booking"),
        ],
    },
    {
        "title": _("Campaigns"),
        "items": [
            _item(_("All campaigns"), "campaign", "campaigns.campaign"),
            _item(_("Message templates"), "edit_note", "messaging.messagetemplate"),
            _item(_("Messages"), "forum", "messaging.message"),
            _item(_("Ratings"), "star_half", "messaging.feedback"),
            _item(_("Channels"), "alt_route", "messaging.sendingchannel"),
            _item(_("Official Account"), "verified", "messaging.officialaccount"),
            _item(_("Templates at Zalo"), "fact_check", "messaging.zalotemplate"),
            _item(_("Sending policy"), "gavel", "messaging.sendingpolicy"),
            _item(_("Campaign policy"), "tune", "campaigns.campaignpolicy"),
            _item(_("No advertising"), "do_not_disturb_on", "messaging.donotadvertise"),
        ],
    },
    {
        "title": _("Reports"),
        "items": [
            {
                **_item(_("Points by day"), "balance", "points.daytotal"),
                # The settlement's address lies below this one.
                "active": _is_at("admin:points_daytotal_changelist"),
            },
            {
                "title": _("Settlement of funding parties"),
                "icon": "handshake",
                "link": reverse_lazy("admin:points_settlement"),
                "permission": _may_see("points.daytotal"),
            },
        ],
    },
    {
        "title": _("Settings"),
        "items": [
            _item(_("Programme"), "storefront", "core.programme"),
            _item(_("Stores"), "store", "activities.store"),
            _item(_("Products"), "inventory_2", "activities.product"),
            _item(_("Activity types"), "category", "activities.activitytype"),
            _item(_("Public holidays"), "celebration", "core.holiday"),
            _item(_("Staff"), "badge", "auth.user"),
            _item(_("Roles"), "shield_person", "auth.group"),
            _item(_("Shop staff"), "badge", "till.tillstaff"),
            _item(_("Till keys"), "key", "api.tillkey"),
            _item(_("Webhooks"), "webhook", "webhooks.webhookendpoint"),
            _item(_("Schedules"), "schedule", "django_celery_beat.periodictask"),
        ],
    },
    {
        "title": _("System"),
        "collapsible": True,
        "items": [
            _item(_("Job runs"), "history", "core.jobrun"),
            _item(_("Ledger seals"), "verified_user", "points.ledgerseal"),
            _item(_("Campaign runs"), "play_circle", "campaigns.campaignrun"),
            _item(_("Events not taken in"), "sms_failed", "campaigns.happening"),
            _item(_("Webhook deliveries"), "outbound", "webhooks.webhookdelivery"),
            _item(_("Events from providers"), "webhook", "messaging.webhookevent"),
            _item(_("Failed sign-ins"), "lock_person", "axes.accessattempt"),
            _item(_("Sign-ins"), "login", "axes.accesslog"),
        ],
    },
]

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": site_name,
    "SITE_HEADER": site_name,
    "SITE_SYMBOL": "loyalty",
    "SITE_URL": "/",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": True,
    "BORDER_RADIUS": "10px",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": _icon}],
    "STYLES": [_stylesheet],
    "COLORS": {"primary": brand_palette},
    "ENVIRONMENT": "messaging.admin.banner.test_mode_badge",
    "DASHBOARD_CALLBACK": "insights.dashboard.fill_index",
    "COMMAND": {"search_callback": "members.admin.find_for_command"},
    "SIDEBAR": {
        "show_search": True,
        "command_search": True,
        "show_all_applications": False,
        "navigation": NAVIGATION,
    },
}
