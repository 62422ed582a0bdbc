"""A working programme in an empty database, without a browser.

Everything is made only where it is missing, so that a second run changes nothing and what
staff have edited stays as they left it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from activities.models import Order, Store
from campaigns.presets import create_presets
from core.errors import Conflict, InvalidInput
from core.holidays import keep_holidays
from core.models import Programme
from core.money import format_money
from flows.roles import create_roles
from flows.schedules import create_schedules
from messaging.models import (
    MessageTemplate,
    OfficialAccount,
    SendingPolicy,
    TemplateParameter,
)
from messaging.services import connect_official_account
from points.models import EarnRule, Wallet
from points.rules import CASHBACK, describe_rule, make_money_wallet, publish_rule
from tiers.presets import create_ladder

WALLET = "points"
RULE = "per-amount"
ONLINE = "online"
# The sign-in page looks for a template of this code.
SIGN_IN_TEMPLATE = "sign-in-code"
EXPIRY_MONTHS = 12
MOST_PER_POINT = Decimal(10) ** 15
CASHBACK_PERCENT, CASHBACK_HELD_DAYS = Decimal(5), 7


@dataclass(frozen=True, slots=True)
class Preset:
    """What a kind of business starts with; names are data, in the members' language."""

    name: str
    brand_color: str
    wallet_name: str
    rule_name: str
    store_name: str
    ladder_name: str = "Hạng thành viên"
    gives_cashback: bool = False


PRESETS = {
    "coffee": Preset(
        name="Cà phê Mộc",
        brand_color="#8a4b2a",
        wallet_name="Điểm thưởng",
        rule_name="Tích điểm theo hóa đơn",
        store_name="Đặt hàng trực tuyến",
    ),
    "retail": Preset(
        name="Bách hóa Mộc",
        brand_color="#0f6b5c",
        wallet_name="Điểm thưởng",
        rule_name="Tích điểm theo hóa đơn",
        store_name="Cửa hàng trực tuyến",
    ),
    "cashback": Preset(
        name="Siêu thị Mộc",
        brand_color="#0f6b5c",
        wallet_name="Ví hoàn tiền",
        rule_name="Hoàn tiền theo hóa đơn",
        store_name="Cửa hàng trực tuyến",
        gives_cashback=True,
    ),
}
DEFAULT_PRESET = "coffee"


@dataclass(slots=True)
class SetupReport:
    """Sentences about what was made and what was there already."""

    made: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)

    def note(self, is_new: bool, sentence: str) -> None:
        (self.made if is_new else self.kept).append(sentence)


@transaction.atomic
def setup_programme(
    *,
    at: datetime,
    preset: str = DEFAULT_PRESET,
    name: str = "",
    currency: str = "",
    amount_per_point: Decimal | None = None,
) -> SetupReport:
    """Make all that a programme needs before its first order; safe to repeat."""
    if preset not in PRESETS:
        raise InvalidInput(
            _("There is no preset “%(preset)s”. Choose one of: %(presets)s.")
            % {"preset": preset, "presets": ", ".join(PRESETS)}
        )
    chosen = PRESETS[preset]
    if chosen.gives_cashback and amount_per_point is not None:
        raise InvalidInput(
            _("This preset gives a percent of the bill. Leave --amount-per-point out.")
        )
    report = SetupReport()
    programme = _programme(chosen, name, currency, report)
    if chosen.gives_cashback:
        _cashback(programme, chosen, report, at=at)
    else:
        wallet = _wallet(chosen, report)
        _rule(wallet, programme, chosen, amount_per_point, report, at=at)
    store, is_new = Store.objects.get_or_create(
        code=ONLINE, defaults={"name": chosen.store_name}
    )
    report.note(is_new, _("Store “%(name)s” for web orders.") % {"name": store.name})
    _ladder(programme, chosen, report)
    _sign_in_template(report)
    _campaigns(report, at=at)
    for group in create_roles():
        report.made.append(_("Role “%(name)s” for staff.") % {"name": group.name})
    if days := keep_holidays(at=at):
        report.made.append(_("%(days)s public holidays, Tết among them.") % {"days": days})
    _account(programme, report)
    return report


def _programme(preset: Preset, name: str, currency: str, report: SetupReport) -> Programme:
    if currency and currency not in Programme.Currency.values:
        raise InvalidInput(
            _("There is no currency “%(currency)s”. Choose one of: %(currencies)s.")
            % {"currency": currency, "currencies": ", ".join(Programme.Currency.values)}
        )
    programme = Programme.objects.filter(pk=Programme.SINGLETON_ID).first()
    is_new = programme is None
    programme = programme or Programme(name=preset.name, brand_color=preset.brand_color)
    if currency and not is_new and currency != programme.currency:
        _refuse_change_of_currency(programme)
    before = (programme.name, programme.currency)
    programme.name = name or programme.name
    programme.currency = currency or programme.currency
    is_changed = is_new or before != (programme.name, programme.currency)
    if is_changed:
        programme.full_clean()
        programme.save()
    report.note(
        is_changed,
        _("Programme “%(name)s” in %(currency)s, days by the clock of %(zone)s.")
        % {
            "name": programme.name,
            "currency": programme.currency,
            "zone": programme.time_zone,
        },
    )
    return programme


def _refuse_change_of_currency(programme: Programme) -> None:
    """Amounts that are written down cannot be read in another currency afterwards."""
    if Order.objects.exists() or EarnRule.objects.exists():
        raise Conflict(
            _("The programme already runs in %(currency)s. Use an empty database.")
            % {"currency": programme.currency}
        )


def _wallet(preset: Preset, report: SetupReport) -> Wallet:
    wallet, is_new = Wallet.objects.get_or_create(
        code=WALLET,
        defaults={
            "name": preset.wallet_name,
            "expiry_policy": Wallet.Expiry.ROLLING,
            "expiry_months": EXPIRY_MONTHS,
        },
    )
    report.note(is_new, _wallet_sentence(wallet))
    return wallet


def _wallet_sentence(wallet: Wallet) -> str:
    if wallet.expiry_months is None:
        return _("Wallet “%(name)s”: points never expire.") % {"name": wallet.name}
    return _("Wallet “%(name)s”: points expire after %(months)s months.") % {
        "name": wallet.name,
        "months": wallet.expiry_months,
    }


def _rule(
    wallet: Wallet,
    programme: Programme,
    preset: Preset,
    amount: Decimal | None,
    report: SetupReport,
    *,
    at: datetime,
) -> None:
    default = 10_000 if programme.currency == Programme.Currency.VND else 1
    asked = Decimal(default) if amount is None else amount
    if not Decimal("0.01") <= asked <= MOST_PER_POINT:
        raise InvalidInput(
            _("The amount per point must be more than nothing. Write a number such as 1.")
        )
    rule, is_new = EarnRule.objects.get_or_create(
        code=RULE,
        defaults={"name": preset.rule_name, "wallet": wallet, "amount": asked},
    )
    if amount is not None and rule.amount != amount:
        raise Conflict(
            _("The rule “%(name)s” has another amount. Change it in the console.")
            % {"name": rule.name}
        )
    if is_new:
        publish_rule(rule, at=at)
    report.note(
        is_new,
        _("Earn rule “%(name)s”: %(points)s points for each %(amount)s, rounded down.")
        % {
            "name": rule.name,
            "points": rule.points,
            "amount": format_money(rule.amount, programme.currency),
        },
    )


def _cashback(
    programme: Programme, preset: Preset, report: SetupReport, *, at: datetime
) -> None:
    """Make a wallet of money and the rule that fills it."""
    wallet, is_new = make_money_wallet(
        name=preset.wallet_name,
        expiry_policy=Wallet.Expiry.ROLLING,
        expiry_months=EXPIRY_MONTHS,
    )
    report.note(
        is_new,
        _("Wallet “%(name)s”: money that pays at the till, for %(months)s months.")
        % {"name": wallet.name, "months": EXPIRY_MONTHS}
        if wallet.expiry_months == EXPIRY_MONTHS
        else _("Wallet “%(name)s”: money that pays at the till.") % {"name": wallet.name},
    )
    rule, is_new = EarnRule.objects.get_or_create(
        code=CASHBACK,
        defaults={
            "name": preset.rule_name,
            "wallet": wallet,
            "method": EarnRule.Method.PERCENT,
            "percent": CASHBACK_PERCENT,
            "order_limit": _cashback_limit(programme),
            # Nobody spends what a refund would take back.
            "hold": EarnRule.Hold.DAYS,
            "hold_days": CASHBACK_HELD_DAYS,
        },
    )
    if is_new:
        publish_rule(rule, at=at)
    sentence = describe_rule(rule, programme)
    facts = {"name": rule.name, "sentence": sentence}
    report.note(is_new, _("Earn rule “%(name)s”: %(sentence)s") % facts)


def _cashback_limit(programme: Programme) -> int:
    """Return 50.000 ₫, or 5 of another currency, in the wallet's units."""
    is_dong = programme.currency == Programme.Currency.VND
    return int((50_000 if is_dong else 5) / programme.smallest_amount)


def _ladder(programme: Programme, preset: Preset, report: SetupReport) -> None:
    """Make the tiers as a draft: the brand looks at them before anybody is placed."""
    ladder, is_new = create_ladder(name=preset.ladder_name, currency=programme.currency)
    report.note(
        is_new,
        _("Tier ladder “%(name)s”: %(state)s.")
        % {
            "name": ladder.name,
            "state": _("published") if ladder.version else _("a draft"),
        },
    )


def _sign_in_template(report: SetupReport) -> None:
    template, is_new = MessageTemplate.objects.get_or_create(
        code=SIGN_IN_TEMPLATE,
        defaults={
            "name": "Mã xác thực một lần",
            "purpose": MessageTemplate.Purpose.ONE_TIME_CODE,
            "zalo_template_id": "400002",
            "sends_by_uid": False,
            "body": "Mã xác thực\n<otp>\nMã có hiệu lực trong vài phút. "
            "Không chia sẻ mã này với bất kỳ ai, kể cả nhân viên.",
        },
    )
    if is_new:
        TemplateParameter.objects.create(
            template=template, name="otp", value="{{ otp }}", max_length=10
        )
    report.note(
        is_new, _("Message template “%(name)s” for signing in.") % {"name": template.name}
    )


def _campaigns(report: SetupReport, *, at: datetime) -> None:
    for campaign in create_presets(at=at):
        report.note(
            # Started just now, by us.
            campaign.started_at == at,
            _("Campaign %(code)s, “%(name)s”: %(state)s.")
            % {
                "code": campaign.code,
                "name": campaign.name,
                "state": campaign.get_state_display(),
            },
        )
    policy = SendingPolicy.current()
    report.kept.append(
        _("Offers are sent from %(begin)s to %(end)s, at most %(day)s a day to one member.")
        % {
            "begin": f"{policy.marketing_from:%H:%M}",
            "end": f"{policy.marketing_until:%H:%M}",
            "day": policy.max_marketing_per_day,
        }
    )
    for entry in create_schedules():
        report.made.append(_("Schedule “%(name)s”.") % {"name": entry.name})


def _account(programme: Programme, report: SetupReport) -> None:
    """Connect the Official Account where the environment names one."""
    if not (settings.ZALO_OA_ID and settings.ZALO_REFRESH_TOKEN):
        return
    is_new = not OfficialAccount.objects.exists()
    account = connect_official_account(name=programme.name if is_new else "")
    report.note(
        is_new, _("Official Account %(oa_id)s is connected.") % {"oa_id": account.oa_id}
    )
