"""Tags as a benefit: a label such as “founding member”."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from core.errors import DomainError
from members.models import MemberTag
from rewards.giving import Gift, Kind
from rewards.models import Benefit, GivenBenefit


def _source(given_id: int) -> str:
    return f"benefit:{given_id}"


def _give(
    benefit: Benefit, gifts: Sequence[Gift], at: datetime
) -> Mapping[int, DomainError]:
    assert benefit.tag_id is not None, "the database asks for it"
    MemberTag.objects.bulk_create(
        [
            MemberTag(
                member_id=gift.given.member_id,
                tag_id=benefit.tag_id,
                tagged_at=at,
                source=_source(gift.given.pk),
            )
            for gift in gifts
        ],
        ignore_conflicts=True,
        batch_size=200,
    )
    return {}


def _take_back(given: GivenBenefit, at: datetime, actor: str) -> None:
    """Take the tag off again if it was this that put it on."""
    MemberTag.objects.filter(member=given.member_id, source=_source(given.pk)).delete()


TAG = Kind(Benefit.Kind.TAG.value, _give, _take_back)
