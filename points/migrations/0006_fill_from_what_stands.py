"""Give what exists its place in the new tables: expiry policies, versions, counts."""

from typing import Any

from django.db import migrations
from django.db.models import F
from django.utils import timezone


def name_policies(apps: Any, schema_editor: Any) -> None:
    """A wallet whose points expired did so a number of months after they were earned."""
    wallets = apps.get_model("points", "Wallet").objects
    wallets.filter(expiry_months__isnull=False).update(expiry_policy="rolling")


def publish_versions(apps: Any, schema_editor: Any) -> None:
    """Every version that a rule has had becomes a published one, from its history."""
    rule_model = apps.get_model("points", "EarnRule")
    version_model = apps.get_model("points", "EarnRuleVersion")
    history_model = apps.get_model("points", "HistoricalEarnRule")
    for rule in rule_model.objects.all():
        texts = {rule.version: _definition(rule)}
        for past in history_model.objects.filter(id=rule.pk).order_by("-history_id"):
            texts.setdefault(past.version, _definition(past))
        version_model.objects.bulk_create(
            version_model(
                rule=rule,
                number=number,
                definition=definition,
                published_at=timezone.now(),
            )
            for number, definition in sorted(texts.items())
        )


def _definition(rule: Any) -> dict[str, Any]:
    """Write a rule of the old kind as a version; what it lacks has its default."""
    return {
        "name": rule.name,
        "method": "per_amount",
        "points": rule.points,
        "amount": str(rule.amount),
        "rounding": rule.rounding,
        "minimum_total": str(rule.minimum_total),
        "starts_at": rule.starts_at and rule.starts_at.isoformat(),
        "ends_at": rule.ends_at and rule.ends_at.isoformat(),
        "wallet_id": rule.wallet_id,
    }


def count_reversals(apps: Any, schema_editor: Any) -> None:
    """Whatever was reversed until now was reversed whole."""
    transfers = apps.get_model("points", "Transfer").objects
    model = apps.get_model("points", "TakenBack")
    reversed_ones = (
        transfers.filter(reverses__isnull=False)
        .annotate(original=F("reverses_id"), moved=F("reverses__amount"))
        .values_list("original", "moved")
    )
    model.objects.bulk_create(
        (
            model(transfer_id=original, moved=moved, amount=moved)
            for original, moved in reversed_ones.iterator()
        ),
        batch_size=1000,
    )


class Migration(migrations.Migration):
    dependencies = [("points", "0005_wallets_rules_and_holds")]

    operations = [
        migrations.RunPython(name_policies, migrations.RunPython.noop),
        migrations.RunPython(publish_versions, migrations.RunPython.noop),
        migrations.RunPython(count_reversals, migrations.RunPython.noop),
    ]
