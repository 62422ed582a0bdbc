"""What rewards and benefits have to do with a movement of points, and where to look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _

from points.models import Transfer
from points.queries import HistoryEntry
from rewards.kinds.points import BENEFIT
from rewards.models import GivenBenefit, Redemption

Kind = Transfer.Kind
Source = GivenBenefit.Source


@dataclass(frozen=True, slots=True)
class Cause:
    """What a movement was for; empty where the movement speaks for itself."""

    title: str = ""
    name: str = ""
    why: str = ""
    address: str = ""


NO_CAUSE = Cause()


def causes_of(entries: Sequence[HistoryEntry]) -> dict[int, Cause]:
    """Return, by movement, the reward it paid for or the benefit it gave.

    Three queries at most, and none where nothing was spent, given or undone.
    """
    originals = _originals([e.id for e in entries if e.kind == Kind.REVERSE])
    moved = [e.id for e in entries if e.kind == Kind.SPEND or e.source_type == BENEFIT]
    wanted = {*moved, *originals.values()}
    redeemed = {
        redemption.transfer_id: redemption
        for redemption in Redemption.objects.filter(transfer__in=wanted).select_related(
            "reward"
        )
    }
    given = {
        benefit.transfer_id: benefit
        for benefit in GivenBenefit.objects.filter(
            transfer__in=wanted - redeemed.keys()
        ).select_related("benefit", "redemption__reward")
    }
    found = {}
    for entry in entries:
        original = originals.get(entry.id, entry.id)
        is_back = entry.id in originals
        if original in redeemed:
            found[entry.id] = _of_redemption(redeemed[original], is_back=is_back)
        elif original in given:
            found[entry.id] = _of_benefit(given[original], is_back=is_back)
    return found


def _originals(reversal_ids: Sequence[int]) -> dict[int, int]:
    """Return what each reversal undid."""
    rows = Transfer.objects.filter(pk__in=reversal_ids, reverses__isnull=False)
    return {pk: undone for pk, undone in rows.values_list("pk", "reverses") if undone}


def _of_redemption(redemption: Redemption, *, is_back: bool) -> Cause:
    name = redemption.reward.name
    told = {"name": name}
    if not is_back:
        why = _("You took “%(name)s” for them.") % told
    elif redemption.state == Redemption.State.LAPSED:
        why = _("“%(name)s” was not paid in time, so your points came back.") % told
    else:
        why = _("“%(name)s” was cancelled, so your points came back.") % told
    return Cause(
        title="" if is_back else _("Redeemed"),
        name=name,
        why=why,
        address=reverse("portal:redemption", args=[redemption.code]),
    )


def _of_benefit(given: GivenBenefit, *, is_back: bool) -> Cause:
    redemption: Redemption | None = getattr(given, "redemption", None)
    name = redemption.reward.name if redemption else given.benefit.name
    if is_back:
        return Cause(name=name, why=_("What had been given was taken back."))
    texts = {
        Source.REDEMPTION: _("It came with a reward that you took."),
        Source.TIER: _("Your tier brought it to you."),
        Source.CAMPAIGN: _("A gift from us to you."),
        Source.STAFF: _("A gift from the shop."),
    }
    address = reverse("portal:redemption", args=[redemption.code]) if redemption else ""
    why = texts.get(Source(given.source), _("A gift from us to you."))
    return Cause(_("A gift for you"), name, why, address)
