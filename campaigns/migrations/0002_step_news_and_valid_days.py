import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="step",
            name="news",
            field=models.CharField(
                blank=True,
                default="",
                help_text="Goes into the message where the template says {{ news }}.",
                max_length=200,
                verbose_name="news",
            ),
        ),
        migrations.AddField(
            model_name="step",
            name="valid_days",
            field=models.PositiveSmallIntegerField(
                default=14,
                help_text="The offer's last day goes into {{ valid_until }}.",
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(365),
                ],
                verbose_name="offer valid for (days)",
            ),
        ),
    ]
