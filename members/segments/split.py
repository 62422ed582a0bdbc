"""A share of the members by chance: the same ones whenever they are asked about."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from django.db.models import Q, TextField, Value
from django.db.models.functions import MD5, Cast, Concat, Left
from django.db.models.lookups import LessThan
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from members.segments.registry import Also, Asked, Field, Moment, Operator, ValueKind

GROUP = _("Groups")
BUCKETS = 100
# So many hexadecimal digits of the hash decide.
DIGITS = 8
SIZE = 16**DIGITS

NAME = Also(
    "split",
    _("name of the split"),
    ValueKind.TEXT,
    first="A",
    before=_("of the split"),
)


def split_fields() -> tuple[Field, ...]:
    """Return the fields of this file."""
    return (
        Field(
            "random_share",
            _("random share, percent"),
            GROUP,
            (
                Operator(
                    "first",
                    _("the first … percent"),
                    _("are in the first %(value)s percent of the split “%(also)s”"),
                    lambda asked, _moment: _below(asked),
                    ValueKind.NUMBER,
                    also=NAME,
                    most=BUCKETS,
                ),
                Operator(
                    "rest",
                    _("all but the first … percent"),
                    _("are not in the first %(value)s percent of the split “%(also)s”"),
                    lambda asked, _moment: ~_below(asked),
                    ValueKind.NUMBER,
                    also=NAME,
                    most=BUCKETS,
                ),
            ),
            tell=_tell_bucket,
        ),
    )


def bucket_of(member_id: int, split: str) -> int:
    """Return the bucket, 0 to 99, of a member in a split.

    Two splits with different names are independent of each other.
    """
    digest = hashlib.md5(f"{split}:{member_id}".encode(), usedforsecurity=False)
    return int(digest.hexdigest()[:DIGITS], 16) * BUCKETS // SIZE


def _below(asked: Asked) -> Q:
    """Compare hashes as text: the digits of one length stand in the order of numbers."""
    percent, split = asked
    if percent <= 0 or percent >= BUCKETS:
        return Q(pk__gt=0) if percent else Q(pk__lt=0)
    first_outside = -(-percent * SIZE // BUCKETS)
    text = Concat(Value(f"{split}:"), Cast("pk", TextField()), output_field=TextField())
    return Q(LessThan(Left(MD5(text), DIGITS), Value(f"{first_outside:0{DIGITS}x}")))


def _tell_bucket(
    member_ids: Sequence[int], asked: Asked, _moment: Moment
) -> Mapping[int, str]:
    return {
        pk: gettext("%(place)s of 100 in the split “%(split)s”")
        % {"place": bucket_of(pk, asked.also) + 1, "split": asked.also}
        for pk in member_ids
    }
