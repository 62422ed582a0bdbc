"""A redemption under its lock, as it stands once the lock is ours."""

from __future__ import annotations

from rewards.models import Redemption


def locked_redemption(redemption: Redemption) -> Redemption:
    """Lock a redemption and read it with what belongs to it.

    Locked first and read then: PostgreSQL joins a row that had to wait to what stood
    beside it before, so what was handed over meanwhile would be missing.
    """
    Redemption.objects.select_for_update().get(pk=redemption.pk)
    rows = Redemption.objects.select_related(
        "reward__benefit", "reward__wallet", "given", "transfer"
    )
    return rows.get(pk=redemption.pk)
