"""Who follows the Official Account, as far as Zalo has told us."""

from datetime import datetime

from django.db import transaction

from core.batch import Column, fetch_all, rows_source
from members.services import set_follows
from messaging.models import Follower

COLUMNS = (
    Column("zalo_user_id", "text"),
    Column("follows", "boolean"),
    Column("changed_at", "timestamptz"),
)


@transaction.atomic
def note_follow(*, zalo_user_id: str, follows: bool, at: datetime) -> bool:
    """Write down a follow or an unfollow unless we know of a later one."""
    source, parameters = rows_source(COLUMNS, [(zalo_user_id, follows, at)])
    changed = fetch_all(
        "INSERT INTO messaging_follower (zalo_user_id, follows, changed_at) "
        f"SELECT zalo_user_id, follows, changed_at FROM {source} WHERE true "
        "ON CONFLICT (zalo_user_id) DO UPDATE "
        "SET follows = excluded.follows, changed_at = excluded.changed_at "
        "WHERE messaging_follower.changed_at < excluded.changed_at RETURNING id",
        parameters,
    )
    if changed:
        set_follows(zalo_user_id=zalo_user_id, follows=follows, at=at)
    return bool(changed)


def follows_now(zalo_user_id: str) -> bool | None:
    """Return what Zalo said last of this user id, or None when it said nothing."""
    known = Follower.objects.filter(zalo_user_id=zalo_user_id)
    return known.values_list("follows", flat=True).first()
