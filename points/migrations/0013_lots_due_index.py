"""Let the nightly expiry go through the lots of one day in order, however many they are."""

from django.db import migrations, models
from django.db.models import Q

from core.migration_sql import AddIndexWhileWriting


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("points", "0012_transfer_history_indexes")]

    operations = [
        AddIndexWhileWriting(
            "lot",
            models.Index(
                fields=["expires_on", "id"],
                condition=Q(remaining__gt=0),
                name="points_lot_due",
            ),
        ),
        migrations.RemoveIndex("lot", "points_lot_open_by_expiry"),
    ]
