"""What runs low: pools of codes, and stock of the catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, Max
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.batch import fetch_all, sql_value
from core.money import group_digits
from rewards.models import LowNotice, Reward, VoucherType

# Nobody counts a pool of millions to learn that it is full: no further than the alarm.
POOLS = """
SELECT t.id, (
  SELECT COUNT(*) FROM (
    SELECT 1 FROM rewards_voucher v
    WHERE v.voucher_type_id = t.id AND v.state = 'pooled'
      AND (v.valid_until IS NULL OR v.valid_until > %s)
    LIMIT %s
  ) AS few
)
FROM rewards_vouchertype t
WHERE t.is_active AND t.codes = 'pool' AND t.low_codes IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Low:
    """Something of which few are left: what, how many, and from how many on it is told."""

    subject: VoucherType | Reward
    left: int
    bound: int

    @property
    def is_pool(self) -> bool:
        return isinstance(self.subject, VoucherType)

    @property
    def sentence(self) -> str:
        """Say what is left of it."""
        text = _("%(name)s: %(left)s left in stock")
        if self.is_pool:
            text = ngettext(
                "%(name)s: %(left)s code left in the pool",
                "%(name)s: %(left)s codes left in the pool",
                self.left,
            )
        return text % {"name": self.subject.name, "left": group_digits(self.left)}

    @property
    def key(self) -> str:
        """Name the subject, as in a tally: “reward:5”."""
        return f"{self.subject._meta.model_name}:{self.subject.pk}"


def running_low(*, at: datetime) -> list[Low]:
    """Return what runs low now, the emptiest first. Four statements at most."""
    return sorted([*low_pools(at=at), *_low_stock()], key=lambda low: low.left)


def not_told(found: list[Low]) -> list[Low]:
    """Return what nobody was told yet; what has filled up again is forgotten."""
    keys = [low.key for low in found]
    LowNotice.objects.exclude(subject__in=keys).delete()
    told = set(LowNotice.objects.values_list("subject", flat=True))
    return [low for low in found if low.key not in told]


def note_told(found: list[Low], *, at: datetime) -> None:
    """Remember that these were told, until there is enough of them again."""
    LowNotice.objects.bulk_create(
        [LowNotice(subject=low.key, told_at=at) for low in found], ignore_conflicts=True
    )


def low_pools(*, at: datetime) -> Iterator[Low]:
    """Yield the types whose pool runs low; codes that have ended do not count."""
    watched = VoucherType.objects.filter(is_active=True, codes=VoucherType.Codes.POOL)
    most = watched.aggregate(most=Max("low_codes"))["most"]
    if most is None:
        return
    left = dict(fetch_all(POOLS, [sql_value(at), most + 1]))
    for voucher_type in watched.filter(pk__in=left).order_by("name"):
        bound = voucher_type.low_codes
        if bound is not None and left[voucher_type.pk] <= bound:
            yield Low(voucher_type, left[voucher_type.pk], bound)


def _low_stock() -> Iterator[Low]:
    rewards = Reward.objects.filter(
        is_active=True, stock__isnull=False, stock__lte=F("taken") + F("low_stock")
    )
    for reward in rewards:
        assert reward.left is not None, "it has a stock"
        assert reward.low_stock is not None, "it is compared with the stock"
        yield Low(reward, reward.left, reward.low_stock)
