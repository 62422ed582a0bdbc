"""What campaigns promised as points becomes a benefit; steps get the key of their place."""

from django.db import migrations
from django.db.models import Case, CharField, F, When
from django.db.models.functions import Cast


def name_steps(apps, _schema_editor):
    """Keep the keys of messages that were planned already: they end with the position."""
    step = apps.get_model("campaigns", "Step")
    step.objects.update(key=Cast(F("position"), CharField()))


def set_goals(apps, _schema_editor):
    """A purchase ended the way of who was called back by lapse, and of nobody else."""
    campaigns = apps.get_model("campaigns", "Campaign").objects
    campaigns.filter(episode="lapse").update(goal="order")
    campaigns.exclude(episode="lapse").update(goal="none")


def promise_benefits(apps, _schema_editor):
    campaign_model = apps.get_model("campaigns", "Campaign")
    benefit_model = apps.get_model("rewards", "Benefit")
    wallet_model = apps.get_model("points", "Wallet")
    spendable = Case(When(kind="points", then=0), default=1)
    wallet = wallet_model.objects.filter(is_active=True).order_by(spendable, "pk").first()
    if wallet is None:
        return
    for campaign in campaign_model.objects.filter(return_points__gt=0):
        benefit, _created = benefit_model.objects.get_or_create(
            code=f"return-{campaign.pk}",
            defaults={
                "name": f"{campaign.return_points} · {campaign.name}"[:120],
                "kind": "points",
                "wallet": wallet,
                "amount": campaign.return_points,
            },
        )
        campaign_model.objects.filter(pk=campaign.pk).update(goal_benefit=benefit)


class Migration(migrations.Migration):

    dependencies = [
        ("campaigns", "0005_journeys"),
    ]

    operations = [
        migrations.RunPython(name_steps, migrations.RunPython.noop),
        migrations.RunPython(set_goals, migrations.RunPython.noop),
        migrations.RunPython(promise_benefits, migrations.RunPython.noop),
    ]
