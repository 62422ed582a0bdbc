from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("api", "0001_initial")]

    operations = [
        migrations.RemoveField(model_name="apirequest", name="body"),
        migrations.AddField(
            model_name="apirequest",
            name="body",
            field=models.TextField(blank=True, default="", verbose_name="answer"),
        ),
        migrations.AlterField(
            model_name="apirequest",
            name="created_at",
            field=models.DateTimeField(db_index=True, verbose_name="created at"),
        ),
    ]
