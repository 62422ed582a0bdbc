"""What the brand's teams may do in the console, as a new programme begins.

Afterwards the roles belong to staff: what exists is never touched. Nobody may change the
ledger or the audit trails, because there are no permissions for that to give.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.models import Group, Permission
from django.db import transaction

LOOK = ("view",)
EDIT = ("view", "change")
KEEP = ("view", "add", "change")
ALL = ("view", "add", "change", "delete")

Rights = dict[str, tuple[str, ...]]

_EVERYONE: Rights = {
    "core.programme": LOOK,
    "members.member": LOOK,
    "members.consent": LOOK,
    "members.membertag": LOOK,
    "members.tag": LOOK,
    "activities.store": LOOK,
    "activities.order": LOOK,
    "activities.orderline": LOOK,
    "activities.purchasesummary": LOOK,
    "activities.refund": LOOK,
    "activities.activity": LOOK,
    "activities.activitytype": LOOK,
    "activities.product": LOOK,
    "core.holiday": LOOK,
    "points.wallet": LOOK,
    "points.hold": LOOK,
    "points.reservation": LOOK,
    "points.funder": LOOK,
    "points.earnruleversion": LOOK,
    "points.earnrule": LOOK,
    "tiers.ladder": LOOK,
    "tiers.tier": LOOK,
    "tiers.perk": LOOK,
    "tiers.ladderversion": LOOK,
    "tiers.membertier": LOOK,
    "tiers.tierchange": LOOK,
    "rewards.reward": LOOK,
    "rewards.rewardcategory": LOOK,
    "rewards.rewardlimit": LOOK,
    "rewards.benefit": LOOK,
    "rewards.givenbenefit": LOOK,
    "rewards.handout": LOOK,
    "rewards.vouchertype": LOOK,
    "rewards.voucherlimit": LOOK,
    "rewards.redemption": LOOK,
    "rewards.fulfilment": LOOK,
    "rewards.slot": LOOK,
    "rewards.booking": LOOK,
}

MARKETING: Rights = {
    **_EVERYONE,
    "members.member": EDIT,
    "members.consent": KEEP,
    "members.membertag": ALL,
    "members.tag": ALL,
    "members.segment": (*ALL, "export"),
    "members.memberlist": ALL,
    "activities.rfmrun": LOOK,
    "activities.rfmsettings": KEEP,
    "points.earnrule": (*KEEP, "publish"),
    "points.earnband": ALL,
    "points.earncap": ALL,
    "tiers.ladder": (*KEEP, "publish"),
    "tiers.tier": KEEP,
    "tiers.perk": ALL,
    "tiers.tierchange": (*LOOK, "give"),
    "rewards.reward": ALL,
    "rewards.rewardcategory": ALL,
    "rewards.rewardlimit": ALL,
    "rewards.benefit": ALL,
    "rewards.givenbenefit": (*LOOK, "give"),
    "rewards.handout": KEEP,
    "rewards.vouchertype": ALL,
    "rewards.voucherlimit": ALL,
    "rewards.slot": ALL,
    "rewards.booking": EDIT,
    "activities.product": KEEP,
    "activities.activitytype": KEEP,
    "core.holiday": ALL,
    "points.transfer": LOOK,
    "points.lot": LOOK,
    "points.account": LOOK,
    "points.daytotal": LOOK,
    "messaging.messagetemplate": KEEP,
    "messaging.templateparameter": ALL,
    "messaging.message": LOOK,
    "messaging.officialaccount": LOOK,
    "messaging.sendingpolicy": LOOK,
    "messaging.sendingchannel": LOOK,
    "messaging.zalotemplate": LOOK,
    "messaging.donotadvertise": KEEP,
    "messaging.feedback": LOOK,
    "campaigns.campaign": (*KEEP, "run", "audience"),
    "campaigns.step": ALL,
    "campaigns.enrolment": LOOK,
    "campaigns.campaignrun": LOOK,
    "campaigns.happening": LOOK,
    "campaigns.campaignpolicy": LOOK,
    "webhooks.webhookendpoint": LOOK,
    "webhooks.webhookdelivery": LOOK,
    "django_celery_beat.periodictask": EDIT,
    "django_celery_beat.crontabschedule": KEEP,
    "django_celery_beat.intervalschedule": KEEP,
}

# Managers of shops and customer care meet the person, so they see whole phone numbers.
CARE: Rights = {
    **_EVERYONE,
    "members.member": (*KEEP, "merge"),
    "members.identifier": KEEP,
    "members.consent": KEEP,
    "members.membertag": ALL,
    "points.transfer": LOOK,
    "points.lot": LOOK,
    "points.account": LOOK,
    "tiers.tierchange": (*LOOK, "give"),
    "rewards.givenbenefit": (*LOOK, "give"),
    "rewards.redemption": (*LOOK, "cancel", "confirm"),
    "rewards.fulfilment": (*EDIT, "export"),
    "rewards.slot": KEEP,
    "rewards.booking": EDIT,
    "messaging.message": LOOK,
    "messaging.feedback": LOOK,
    "messaging.donotadvertise": KEEP,
    "campaigns.enrolment": LOOK,
    "till.tillstaff": KEEP,
    "till.tillact": LOOK,
}

# They approve what care asks for, so they may merge and give, too.
FINANCE: Rights = {
    **_EVERYONE,
    "members.member": (*LOOK, "merge"),
    "activities.store": KEEP,
    "points.wallet": EDIT,
    "points.earnrule": EDIT,
    "points.funder": KEEP,
    "core.changerequest": (*LOOK, "decide"),
    "points.transfer": (*LOOK, "points"),
    "points.lot": LOOK,
    "points.account": LOOK,
    "points.ledgerseal": LOOK,
    "points.daytotal": (*LOOK, "export"),
    "rewards.givenbenefit": (*LOOK, "give"),
    "rewards.handout": (*LOOK, "add"),
    "campaigns.campaign": LOOK,
    "campaigns.campaignrun": LOOK,
    "core.jobrun": LOOK,
    "till.tillstaff": LOOK,
    "till.tillact": LOOK,
}

# The people behind the counter: the till's page, and nothing of the console.
SHOP_STAFF: Rights = {"till.tillstaff": ("use",)}

ROLES: dict[str, Rights] = {
    "Marketing": MARKETING,
    "Cửa hàng & CSKH": CARE,
    "Kế toán": FINANCE,
    "Nhân viên cửa hàng": SHOP_STAFF,
}

# Rights that go beyond one model's four.
_OWN_NAMES = {
    ("members.member", "merge"): "merge_member",
    ("members.segment", "export"): "export_segment",
    ("campaigns.campaign", "run"): "run_campaign",
    ("campaigns.campaign", "audience"): "export_audience",
    ("points.transfer", "points"): "adjust_points",
    ("points.earnrule", "publish"): "publish_earnrule",
    ("tiers.ladder", "publish"): "publish_ladder",
    ("tiers.tierchange", "give"): "give_tier",
    ("rewards.givenbenefit", "give"): "give_benefit",
    ("rewards.redemption", "cancel"): "cancel_redemption",
    ("rewards.redemption", "confirm"): "confirm_payment",
    ("rewards.fulfilment", "export"): "export_fulfilment",
    ("core.changerequest", "decide"): "decide_changerequest",
    ("till.tillstaff", "use"): "use_till",
}


@transaction.atomic
def create_roles() -> list[Group]:
    """Make the roles that are missing; return those that are new."""
    made = []
    for name, rights in ROLES.items():
        group, is_new = Group.objects.get_or_create(name=name)
        if is_new:
            group.permissions.set(_permissions(rights))
            made.append(group)
    return made


def _permissions(rights: Rights) -> Iterable[Permission]:
    wanted = set(_names(rights))
    apps = {app for app, _codename in wanted}
    found = Permission.objects.filter(content_type__app_label__in=apps)
    return [
        permission
        for permission in found.select_related("content_type")
        if (permission.content_type.app_label, permission.codename) in wanted
    ]


def _names(rights: Rights) -> Iterable[tuple[str, str]]:
    for model, actions in rights.items():
        app, _dot, name = model.partition(".")
        for action in actions:
            yield app, _OWN_NAMES.get((model, action), f"{action}_{name}")
