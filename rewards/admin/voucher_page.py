"""What the page of one voucher shows: how it stands, in words, and its uses."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.admin_tools import NOTHING, link, money, number, programme_of, when
from rewards.admin.words import since, spoken, through, window
from rewards.models import Voucher, VoucherUse
from rewards.standing import Standing, standing_of

# A code for everyone may have been used a million times.
SHOWN = 100
STANDING_BADGES = {
    "pooled": "info",
    "early": "warning",
    "open": "success",
    "used": "primary",
    "expired": "warning",
    "cancelled": "danger",
}
USE_BADGES = {
    "held": "info",
    "used": "success",
    "released": "",
    "lapsed": "warning",
    "rolled_back": "warning",
}


def voucher_context(
    voucher: Voucher, request: HttpRequest, *, at: datetime
) -> dict[str, Any]:
    """Return what the page of a voucher needs beyond its frame."""
    standing = standing_of(voucher, at=at)
    uses = voucher.history.select_related("store", "order", "member")
    rows = [_use(use, str(programme_of(request).currency)) for use in uses[: SHOWN + 1]]
    is_closed = standing in (Standing.CANCELLED, Standing.USED)
    return {
        "voucher": voucher,
        "code": spoken(voucher),
        "standing": standing,
        "standing_label": STANDING_BADGES[standing.value],
        "lead": _lead(voucher, standing),
        "facts": _facts(voucher),
        "uses": rows[:SHOWN],
        "has_more": len(rows) > SHOWN,
        "shown": SHOWN,
        "may_cancel": request.user.has_perm("rewards.cancel_voucher") and not is_closed,
    }


def uses_left(voucher: Voucher) -> str:
    """Write how often a voucher was used, of how often it may be."""
    most = "∞" if voucher.max_uses is None else number(voucher.max_uses)
    return f"{number(voucher.uses)} / {most}"


def _lead(voucher: Voucher, standing: Standing) -> str:
    """Say in a sentence what can be done with it."""
    told = {
        "start": since(voucher.valid_from),
        "end": through(voucher.valid_until),
        "at": when(voucher.cancelled_at),
        "why": voucher.cancelled_because or _("taken back with what gave it"),
    }
    if standing == Standing.CANCELLED:
        return _("Cancelled %(at)s: %(why)s") % told
    if standing == Standing.POOLED:
        return _("Waits in the pool. Nobody was given it yet.")
    if standing == Standing.USED:
        return _used(voucher)
    if standing == Standing.EXPIRED:
        return _("Could be used through %(end)s.") % told
    if standing == Standing.EARLY:
        return _("Can be used from %(start)s on.") % told
    if voucher.valid_until is None:
        return _("Can be used without an end.")
    return _("Can be used through %(end)s.") % told


def _used(voucher: Voucher) -> str:
    return ngettext(
        "Used up: it could be used once.",
        "Used up: it could be used %(count)s times.",
        voucher.uses,
    ) % {"count": number(voucher.uses)}


def _facts(voucher: Voucher) -> list[tuple[str, Any]]:
    given = voucher.given
    facts = [
        (_("What it is"), voucher.voucher_type.name),
        (_("Owner"), link(voucher.member) if voucher.member else _whoever(voucher)),
        (_("Given out"), when(voucher.issued_at)),
        (_("Usable"), window(voucher.valid_from, voucher.valid_until)),
        (_("Uses"), uses_left(voucher)),
    ]
    if given is not None:
        facts.append((_("Given as"), f"{given.benefit} · {given.get_source_display()}"))
    if voucher.batch is not None:
        facts.append((_("Batch"), link(voucher.batch)))
    if voucher.written_as:
        facts.append((_("Tills compare"), voucher.code))
    return facts


def _whoever(voucher: Voucher) -> str:
    if voucher.state == Voucher.State.POOLED:
        return NOTHING
    return _("whoever shows it")


def _use(use: VoucherUse, currency: str) -> dict[str, Any]:
    return {
        "at": when(use.used_at or use.happened_at),
        "state": use.get_state_display(),
        "label": USE_BADGES.get(use.state, ""),
        "where": use.store or use.source,
        "reference": use.reference,
        "order": link(use.order) if use.order else NOTHING,
        "member": link(use.member) if use.member else NOTHING,
        "total": money(use.order_total, currency),
        "discount": money(use.discount, currency),
        "actor": use.actor,
    }
