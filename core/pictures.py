"""Pictures for members and staff: kept in the database, named by what they are.

    picture = save_picture(content=upload, at=now)
    picture_address(picture.pk, "card")  # /pictures/5a0c…-card.webp

A model shows one through ``core.picture_fields.PictureKey``, whose column holds the
digest; what no such column holds any more is tidied away at night.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import IO, Any, Literal

from django.db import connection
from django.urls import reverse

from core.batch import execute, sql_value
from core.models import Picture
from core.picture_files import MOST_BYTES, PictureRefused, remake
from core.retry import retry_on_conflict

__all__ = [
    "PictureRefused",
    "forget_unused_pictures",
    "keep_picture",
    "picture_address",
    "prepare_picture",
    "save_picture",
]

PictureSize = Literal["card", "thumbnail"]
# Whoever has a form open with a picture in it is done by then.
KEPT_UNUSED = timedelta(days=1)


def picture_address(digest: str, size: PictureSize) -> str:
    """Return where a picture is served: a card (800 × 600 at most) or a thumbnail."""
    return reverse("picture", args=[digest, size])


def save_picture(*, content: bytes | IO[bytes], at: datetime) -> Picture:
    """Keep a file's picture, or raise PictureRefused. Not while a transaction is open."""
    picture = prepare_picture(content=content, at=at)
    keep_picture(picture)
    return picture


def prepare_picture(*, content: bytes | IO[bytes], at: datetime) -> Picture:
    """Make a picture that is not in the database yet, or raise PictureRefused.

    It takes up to a second and asks no database, so do it before a transaction begins.
    """
    if not isinstance(content, bytes):
        content = content.read(MOST_BYTES + 1)
    made = remake(content)
    return Picture(
        digest=hashlib.sha256(made.card).hexdigest(),
        card=made.card,
        thumbnail=made.thumbnail,
        width=made.width,
        height=made.height,
        uploaded_at=at,
    )


@retry_on_conflict
def keep_picture(picture: Picture) -> None:
    """Write a prepared picture; one that is there already only becomes young again.

    That also locks its row until the caller's transaction ends: whoever tidies up waits,
    looks again, and leaves it.
    """
    Picture.objects.bulk_create(
        [picture],
        update_conflicts=True,
        unique_fields=["digest"],
        update_fields=["uploaded_at"],
    )


@retry_on_conflict
def forget_unused_pictures(*, at: datetime) -> int:
    """Delete the pictures that nothing shows and nobody sent lately; return how many."""
    quote = connection.ops.quote_name
    unused = " ".join(
        f"AND NOT EXISTS (SELECT 1 FROM {quote(key.model._meta.db_table)} shown "
        f"WHERE shown.{quote(key.column)} = core_picture.digest)"
        for key in _keys_to_pictures()
    )
    sql = f"DELETE FROM core_picture WHERE uploaded_at < %s {unused}"
    return execute(sql, [sql_value(at - KEPT_UNUSED)])


def _keys_to_pictures() -> Iterator[Any]:
    """Yield the columns by which rows show pictures.

    Only those that the database itself holds to: an audit trail names pictures that are
    long gone, and must not keep them.
    """
    for relation in Picture._meta.get_fields(include_hidden=True):
        field: Any = getattr(relation, "field", None)
        if getattr(field, "db_constraint", False):
            yield field
