"""Handouts that nobody approved stood there as if they still waited."""

from django.db import migrations


def close_rejected(apps, schema_editor):
    ChangeRequest = apps.get_model("core", "ChangeRequest")
    Handout = apps.get_model("rewards", "Handout")
    still_open = ChangeRequest.objects.filter(kind="hand_out_benefit", state="open")
    waiting = {payload["handout"] for payload in still_open.values_list("payload", flat=True)}
    Handout.objects.filter(state="waiting").exclude(pk__in=waiting).update(state="rejected")


class Migration(migrations.Migration):

    dependencies = [
        ("core", "0004_holidays_and_approvals"),
        ("rewards", "0004_handout_rejected"),
    ]

    operations = [
        migrations.RunPython(close_rejected, migrations.RunPython.noop),
    ]
