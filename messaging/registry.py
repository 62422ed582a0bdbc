"""The templates as Zalo keeps them: fetched, compared with ours, imported as drafts.

Zalo tells everything about a template but its text, so a draft lists the places and waits
for someone to copy the text and to switch it on.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from messaging.channels.answers import Answer, Outcome
from messaging.channels.http import whole
from messaging.errors import PlatformUnavailable
from messaging.fields import FIELDS
from messaging.models import (
    MessageTemplate,
    OfficialAccount,
    TemplateParameter,
    ZaloTemplate,
)
from messaging.zalo.client import ZaloClient
from messaging.zalo.tokens import TokenUnavailable, current_account, fresh_token

logger = logging.getLogger(__name__)

State = ZaloTemplate.State
Purpose = MessageTemplate.Purpose
PAGE = 100
PURPOSES = {"PROMOTION": Purpose.MARKETING, "CUSTOMER_CARE": Purpose.CARE}
# Places that mean the same everywhere; the rest staff fill in.
GUESSES = {
    "customer_name": "{{ name }}",
    "name": "{{ name }}",
    "otp": "{{ otp }}",
    "link": "{{ link }}",
    "customer_code": "{{ member_code }}",
}
UPDATED = (
    "name",
    "state",
    "reason",
    "tag",
    "quality",
    "price_phone",
    "price_uid",
    "timeout_seconds",
    "parameters",
    "preview_url",
    "synced_at",
)


@dataclass(frozen=True, slots=True)
class Synced:
    """What asking Zalo came to."""

    templates: int
    changed: int
    drafts: int
    gone: int


def sync_templates(*, at: datetime) -> Synced:
    """Ask Zalo for every template, its price and state, and for the account's quota.

    Raises NotConnected, GrantLost or PlatformUnavailable; then nothing has changed. Safe
    to repeat and to run twice at once.
    """
    with ZaloClient() as client:
        try:
            token = fresh_token(client)
        except TokenUnavailable:
            raise _unavailable() from None
        told = [_as_row(item, at) for item in _details(client, token)]
        quota = client.read("/message/quota", token=token)
        quality = client.read("/quality", token=token)
    return _write(told, quota, quality, at)


def note_state(*, template_id: str, state: str, reason: str, at: datetime) -> bool:
    """Write down what Zalo tells of one template, unless we know something newer."""
    if state not in State.values:
        return False
    known = ZaloTemplate.objects.filter(template_id=template_id, synced_at__lt=at)
    return bool(known.update(state=state, reason=reason[:300], synced_at=at))


def differences(
    template: MessageTemplate,
    parameters: Sequence[TemplateParameter],
    known: ZaloTemplate | None,
) -> list[str]:
    """Say, sentence by sentence, where our template and Zalo's do not fit together."""
    if known is None:
        return []
    found = []
    if not known.may_send:
        state = known.get_state_display()
        found.append(_("Zalo does not send it: %(state)s.") % {"state": state})
    ours = {parameter.name: parameter for parameter in parameters}
    asked = {str(place.get("name")): place for place in known.parameters}
    for name in sorted(set(asked) - set(ours)):
        found.append(_("Zalo asks for the place “%(place)s”.") % {"place": name})
    for name in sorted(set(ours) - set(asked)):
        found.append(_("Zalo knows no place “%(place)s”.") % {"place": name})
    for name in sorted(set(ours) & set(asked)):
        longest = whole(asked[name].get("maxLength"))
        if longest and ours[name].max_length > longest:
            found.append(
                _("“%(place)s” may have %(limit)s letters at Zalo.")
                % {"place": name, "limit": longest}
            )
    if template.sends_by_uid and known.price_uid is None:
        found.append(_("Zalo names no price by user id: it may go by phone only."))
    if known.tag == "PROMOTION" and template.purpose != Purpose.MARKETING:
        found.append(_("Zalo calls it a promotion; here it is none."))
    return found


# --- Reading ----------------------------------------------------------------------------


def _details(client: ZaloClient, token: str) -> Iterator[dict[str, Any]]:
    """Yield list entry and detail of every template as one."""
    offset, total = 0, 1
    while offset < total:
        page = _body(client.read("/template/all", token=token, offset=offset, limit=PAGE))
        items = page.get("data")
        if not isinstance(items, list) or not items:
            return
        for item in items:
            number = str(item.get("templateId") or "")
            detail = client.read("/template/info/v2", token=token, template_id=number)
            yield {**item, **_data(_body(detail))}
        offset += len(items)
        total = whole(_dict(page.get("metadata")).get("total")) or 0


def _as_row(item: Mapping[str, Any], at: datetime) -> ZaloTemplate:
    places = item.get("listParams")
    timeout = whole(item.get("timeout"))
    state = str(item.get("status") or "")
    return ZaloTemplate(
        template_id=str(item.get("templateId") or "")[:20],
        name=str(item.get("templateName") or "")[:120],
        state=state if state in State.values else State.DISABLED,
        reason=str(item.get("reason") or "")[:300],
        tag=str(item.get("templateTag") or "")[:30],
        quality=str(item.get("templateQuality") or "")[:20],
        price_phone=_amount(item.get("price_sdt") or item.get("price")),
        price_uid=_amount(item.get("price_uid")),
        timeout_seconds=timeout // 1000 if timeout else None,
        parameters=places if isinstance(places, list) else [],
        preview_url=str(item.get("previewUrl") or "")[:300],
        synced_at=at,
    )


def _amount(value: Any) -> int | None:
    """Read a price, which may come as text with a fraction."""
    try:
        amount = round(float(value))
    except (TypeError, ValueError, OverflowError):
        return None
    return amount if 0 <= amount < 1_000_000 else None


def _body(answer: Answer) -> Mapping[str, Any]:
    if answer.outcome != Outcome.ACCEPTED or answer.data is None:
        raise _unavailable(answer.code)
    return answer.data


def _data(body: Mapping[str, Any]) -> dict[str, Any]:
    return _dict(body.get("data"))


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _unavailable(code: int = 0) -> PlatformUnavailable:
    return PlatformUnavailable(
        _("Zalo gave no answer (error %(code)s). Nothing is lost; try again later.")
        % {"code": code}
    )


# --- Writing ----------------------------------------------------------------------------


@transaction.atomic
def _write(
    told: Sequence[ZaloTemplate], quota: Answer, quality: Answer, at: datetime
) -> Synced:
    known = {row.template_id: row for row in ZaloTemplate.objects.select_for_update()}
    told = [row for row in told if row.template_id]
    ZaloTemplate.objects.bulk_create(
        told,
        update_conflicts=True,
        unique_fields=["template_id"],
        update_fields=UPDATED,
    )
    ids = {row.template_id for row in told}
    gone = ZaloTemplate.objects.exclude(template_id__in=ids).exclude(state=State.DELETED)
    num_gone = gone.update(state=State.DELETED, synced_at=at)
    changes = Counter(
        row.template_id in known and _told(known[row.template_id]) != _told(row)
        for row in told
    )
    drafts = _import_drafts(told)
    _note_account(quota, quality, at)
    return Synced(len(told), changes[True], drafts, num_gone)


def _told(row: ZaloTemplate) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in UPDATED if name != "synced_at")


def _import_drafts(told: Sequence[ZaloTemplate]) -> int:
    """Make a draft, switched off, of every template that we do not have yet."""
    numbers = MessageTemplate.objects.values_list("zalo_template_id", flat=True)
    ours = set(numbers)
    wanted = (State.ENABLED, State.PENDING)
    new = [row for row in told if row.template_id not in ours and row.state in wanted]
    for row in new:
        _import_draft(row)
    return len(new)


def _import_draft(row: ZaloTemplate) -> None:
    names = [str(place.get("name") or "")[:40] for place in row.parameters]
    names = [name for name in names if name]
    is_code = "otp" in names
    purpose = Purpose.ONE_TIME_CODE if is_code else PURPOSES.get(row.tag, Purpose.CARE)
    template, is_new = MessageTemplate.objects.get_or_create(
        code=f"zalo-{row.template_id}",
        defaults={
            "name": row.name[:80] or row.template_id,
            "purpose": purpose,
            "zalo_template_id": row.template_id,
            "sends_by_uid": row.price_uid is not None and not is_code,
            "body": "\n".join(f"<{name}>" for name in names) or row.name,
            "is_active": False,
        },
    )
    if not is_new:
        return
    limits = {str(p.get("name")): whole(p.get("maxLength")) for p in row.parameters}
    TemplateParameter.objects.bulk_create(
        TemplateParameter(
            template=template,
            name=name,
            value=GUESSES.get(name) or (f"{{{{ {name} }}}}" if name in FIELDS else "…"),
            max_length=limits.get(name) or 30,
        )
        for name in dict.fromkeys(names)
    )


def _note_account(quota: Answer, quality: Answer, at: datetime) -> None:
    account = current_account()
    if account is None:
        return
    told = _data(quota.data or {})
    grade = _data(quality.data or {}).get("oaCurrentQuality")
    OfficialAccount.objects.filter(pk=account.pk).update(
        daily_quota=_natural(told.get("dailyQuota")),
        remaining_quota=_natural(told.get("remainingQuota")),
        quality=str(grade or "")[:20],
        synced_at=at,
    )


def _natural(value: Any) -> int | None:
    number = whole(value)
    return number if number is not None and 0 <= number < 2**31 else None
