"""Small makers of objects for tests."""

from datetime import UTC, datetime
from typing import Any

from core.codes import random_digits
from core.models import Programme
from core.phones import normalise_phone
from members.models import Consent, Identifier, Member
from messaging.models import MessageTemplate, TemplateParameter
from points.models import EarnRule, Wallet
from points.rules import publish_rule

JOINED = datetime(2025, 1, 5, 3, 0, tzinfo=UTC)


def make_programme(**fields: Any) -> Programme:
    programme = Programme(**{"name": "Cà phê Sông", **fields})
    programme.save()
    return programme


def make_member(
    *,
    code: str | None = None,
    phone: str | None = None,
    zalo_user_id: str | None = None,
    consent: bool = True,
    **fields: Any,
) -> Member:
    """Make a member with the identifiers given and, by default, marketing consent."""
    member = Member.objects.create(
        code=code or f"M{random_digits(8)}", **{"joined_at": JOINED, **fields}
    )
    if phone:
        Identifier.objects.create(
            member=member, kind=Identifier.Kind.PHONE, value=normalise_phone(phone)
        )
    if zalo_user_id:
        Identifier.objects.create(
            member=member, kind=Identifier.Kind.ZALO, value=zalo_user_id
        )
    if consent:
        Consent.objects.create(
            member=member,
            purpose=Consent.Purpose.MARKETING,
            is_given=True,
            changed_at=JOINED,
            source="test",
        )
    return member


def make_wallet(**fields: Any) -> Wallet:
    """Make a wallet; months without a policy count from the day of earning."""
    if fields.get("expiry_months"):
        fields.setdefault("expiry_policy", Wallet.Expiry.ROLLING)
    return Wallet.objects.create(**{"code": "points", "name": "Điểm", **fields})


def make_earn_rule(*, wallet: Wallet, **fields: Any) -> EarnRule:
    """Make a rule and publish it."""
    rule = EarnRule.objects.create(
        **{"code": "per-amount", "name": "Tích điểm", "wallet": wallet, **fields}
    )
    publish_rule(rule, at=JOINED, by="test")
    return rule


def make_template(
    *, places: dict[str, tuple[str, int]] | None = None, **fields: Any
) -> MessageTemplate:
    """Make a promotion that the simulator knows; places are name → (text, longest)."""
    template = MessageTemplate.objects.create(
        **{
            "code": "news",
            "name": "Tin ưu đãi",
            "purpose": MessageTemplate.Purpose.MARKETING,
            "zalo_template_id": "400005",
            "body": "Ưu đãi dành cho <customer_name>\n<news>\n<offer>, <valid_until>",
            "button_title": "Xem chi tiết",
            "button_parameter": "link",
            **fields,
        }
    )
    places = places or {
        "customer_name": ("{{ name }}", 30),
        "news": ("{{ news }}", 200),
        "offer": ("{{ offer }}", 200),
        "valid_until": ("{{ valid_until }}", 20),
        "link": ("{{ link }}", 200),
    }
    TemplateParameter.objects.bulk_create(
        TemplateParameter(template=template, name=name, value=value, max_length=longest)
        for name, (value, longest) in places.items()
    )
    return template
