"""What a text may speak of, and who must not get a message any more: two registries.

Apps above fill them when they start. A field's provider answers for a batch of members
at once; an eligibility check answers for a batch of messages of its own cause.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.models import Programme
from core.phones import mask_phone
from members.models import Identifier, Member
from messaging.models import Message

Values = Mapping[str, str]
Provider = Callable[[Sequence[int], datetime], Mapping[int, Values]]
Check = Callable[[Sequence[Message], datetime], Mapping[int, str]]

# Every name that a text may use, with its label for staff.
FIELDS: dict[str, str | Promise] = {}
# What the preview shows when no member was chosen.
SAMPLES: dict[str, str] = {}
_providers: dict[Provider, frozenset[str]] = {}
_checks: dict[str, list[Check]] = defaultdict(list)


def register_fields(
    provider: Provider | None,
    names: Mapping[str, str | Promise],
    *,
    samples: Mapping[str, str] | None = None,
) -> None:
    """Offer fields to texts; without a provider they come with each message's context."""
    FIELDS.update(names)
    SAMPLES.update(samples or {})
    if provider is not None:
        _providers[provider] = frozenset(names)


def register_eligibility(source_type: str, check: Check) -> None:
    """Ask this check, just before sending, about messages of one cause."""
    if check not in _checks[source_type]:
        _checks[source_type].append(check)


def field_values(
    member_ids: Sequence[int], names: Collection[str], at: datetime
) -> dict[int, dict[str, str]]:
    """Return the named fields of each member; only providers that are needed are asked."""
    wanted = frozenset(names)
    values: dict[int, dict[str, str]] = {member_id: {} for member_id in member_ids}
    for provider, offered in _providers.items():
        if not member_ids or not offered & wanted:
            continue
        for member_id, found in provider(member_ids, at).items():
            values[member_id].update(found)
    return values


def ineligible(messages: Sequence[Message], at: datetime) -> dict[int, str]:
    """Return message id → reason for those whose cause no longer holds."""
    by_cause: dict[str, list[Message]] = defaultdict(list)
    for message in messages:
        by_cause[message.source_type].append(message)
    reasons: dict[int, str] = {}
    for source_type, group in by_cause.items():
        for check in _checks.get(source_type, ()):
            reasons.update(check(group, at))
    return reasons


# --- What messaging itself knows --------------------------------------------------------

MEMBER_FIELDS: dict[str, str | Promise] = {
    "name": gettext_lazy("name of the member"),
    "first_name": gettext_lazy("first name of the member"),
    "phone": gettext_lazy("phone, mostly hidden"),
    "card": gettext_lazy("card number"),
    "member_code": gettext_lazy("member code"),
    "programme": gettext_lazy("name of the programme"),
    "unit": gettext_lazy("name of one point"),
}
MEMBER_SAMPLES = {
    "name": "Nguyễn Thị Mai",
    "first_name": "Mai",
    "phone": "09•• ••• 678",
    "card": "482913075518",
    "member_code": "KH000123",
}
# These differ from message to message, so they come with it.
MESSAGE_FIELDS: dict[str, str | Promise] = {
    "link": gettext_lazy("link to the member's page"),
    "offer": gettext_lazy("offer of the campaign's step"),
    "news": gettext_lazy("news written for this mailing"),
    "valid_until": gettext_lazy("last day of the offer"),
    "otp": gettext_lazy("one-time code"),
}
MESSAGE_SAMPLES = {
    "link": "https://example.com/m/…",
    "offer": "Giảm 10% cho đơn tiếp theo",
    "news": "Cửa hàng mới khai trương cuối tuần này.",
    "valid_until": "31/12/2026",
    "otp": "482913",
}


def register_own_fields() -> None:
    register_fields(member_fields, MEMBER_FIELDS, samples=MEMBER_SAMPLES)
    register_fields(None, MESSAGE_FIELDS, samples=MESSAGE_SAMPLES)


def member_fields(member_ids: Sequence[int], at: datetime) -> dict[int, dict[str, str]]:
    """Return who the members are. Three queries."""
    programme = Programme.current()
    addresses = _addresses(member_ids)
    members = Member.objects.filter(pk__among=member_ids).only("code", "name", "language")
    return {
        member.pk: {
            **_names(member),
            "member_code": member.code,
            "phone": mask_phone(addresses[member.pk].get(Identifier.Kind.PHONE, "")),
            "card": addresses[member.pk].get(Identifier.Kind.CARD, ""),
            "programme": programme.name,
            "unit": programme.unit_name,
        }
        for member in members
    }


def _names(member: Member) -> dict[str, str]:
    name = member.name.strip()
    if not name:
        # An empty place is refused by Zalo, and "Hello ," by good manners.
        with translation.override(member.language):
            name = _("Valued customer")
        return {"name": name, "first_name": name}
    # A Vietnamese name ends with the name that people are called by.
    return {"name": name, "first_name": name.split()[-1]}


def _addresses(member_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    found: dict[int, dict[str, Any]] = defaultdict(dict)
    identifiers = Identifier.objects.filter(
        member__among=member_ids, kind__in=[Identifier.Kind.PHONE, Identifier.Kind.CARD]
    )
    for member_id, kind, value in identifiers.order_by("-pk").values_list(
        "member_id", "kind", "value"
    ):
        found[member_id][kind] = value
    return found
