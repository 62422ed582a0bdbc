"""What a message may say about a member's points."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.models import Programme
from members.models import Member
from points.amounts import Unit, closed_up
from points.models import Wallet
from points.queries import Expiring, balances, expiring, points_wallet

NAMES = {
    "points": gettext_lazy("points the member has"),
    "expiring": gettext_lazy("points that expire soonest, and when"),
}
SAMPLES = {"points": "1.250", "expiring": "120 điểm hết hạn 31/12/2026"}


def points_fields(member_ids: Sequence[int], at: datetime) -> dict[int, dict[str, str]]:
    """Return balance and next expiry as members read them. Constant queries."""
    wallet = points_wallet()
    unit = _unit(wallet)
    languages = dict(Member.objects.filter(pk__in=member_ids).values_list("pk", "language"))
    have = balances(member_ids, wallet=wallet)
    soon = expiring(member_ids, at=at, wallet=wallet)
    return {
        pk: {
            "points": unit.number(have.get(pk, 0)),
            "expiring": _phrase(soon.get(pk, []), unit, languages.get(pk, "vi")),
        }
        for pk in member_ids
    }


def _unit(wallet: Wallet | None) -> Unit:
    """Return how members read "my points": in the programme's word, or as money."""
    programme = Programme.current()
    if wallet is not None and wallet.holds_money:
        return Unit.of(wallet, programme)
    return Unit(programme.unit_name)


def _phrase(soon: Sequence[Expiring], unit: Unit, language: str) -> str:
    with translation.override(language):
        if not soon:
            # An empty place could make Zalo refuse the whole message.
            return _("nothing in the coming 30 days")
        text = _("%(points)s %(unit)s expire after %(day)s") % {
            "points": unit.number(soon[0].points),
            "unit": unit.name,
            "day": f"{soon[0].expires_on:%d/%m/%Y}",
        }
        return closed_up(text)
