from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('campaigns', '0006_goals_and_keys'),
    ]

    operations = [
        migrations.RemoveField(
            model_name='campaign',
            name='return_points',
        ),
        migrations.RemoveField(
            model_name='historicalcampaign',
            name='return_points',
        ),
        migrations.AddConstraint(
            model_name='step',
            constraint=models.UniqueConstraint(fields=('campaign', 'version', 'key'), name='campaigns_step_once_per_key'),
        ),
    ]
