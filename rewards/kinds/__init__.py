"""How each kind of benefit is handed over and taken back, one page each."""

from rewards.kinds.donations import DONATION
from rewards.kinds.experiences import EXPERIENCE
from rewards.kinds.gifts import GIFT
from rewards.kinds.points import POINTS
from rewards.kinds.tags import TAG
from rewards.kinds.vouchers import VOUCHER

OWN_KINDS = (POINTS, VOUCHER, GIFT, EXPERIENCE, DONATION, TAG)

__all__ = ["OWN_KINDS"]
