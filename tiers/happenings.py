"""Moves between tiers, for those who wait for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from core.happenings import Happened, HappeningKind, announce
from tiers.judging import Visit
from tiers.models import TierChange
from tiers.placing import Changed

GROUP = _("Tiers")
Kind = TierChange.Kind
# A new ladder places everyone anew: that happens to the ladder, not to its members.
CAUSES = (
    TierChange.Cause.ORDER,
    TierChange.Cause.ACTIVITY,
    TierChange.Cause.REFUND,
    TierChange.Cause.NIGHT,
)


def tier_happenings() -> Iterator[HappeningKind]:
    yield HappeningKind("tier_up", _("reaches a higher tier"), GROUP)
    yield HappeningKind("tier_kept", _("keeps the tier"), GROUP)
    yield HappeningKind("tier_down", _("falls to a lower tier"), GROUP)


def announce_changes(
    changes: Sequence[Changed], visits: Mapping[int, Visit], *, at: datetime
) -> None:
    """Tell of these changes; entering the lowest tier is no rise."""
    announce(
        [
            Happened(
                f"tier_{change.kind}",
                change.member_id,
                f"{change.ladder_id}:{change.to_tier_id}:{visit.happened_at:%Y%m%d%H%M%S}",
                min(visit.happened_at, at),
            )
            for change in changes
            if change.kind in (Kind.UP, Kind.KEPT, Kind.DOWN)
            and (visit := visits[change.member_id]).cause in CAUSES
        ]
    )
