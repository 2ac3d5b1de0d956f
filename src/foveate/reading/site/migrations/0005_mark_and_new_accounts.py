"""The mark of a study that was begun, and links that make new accounts only."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("reading", "0004_seals")]

    operations = [
        migrations.AddField(
            model_name="studystate",
            name="mark",
            field=models.CharField(blank=True, default="", max_length=64),
        ),
        migrations.AddField(
            model_name="administratorlink",
            name="new_accounts_only",
            field=models.BooleanField(default=False),
        ),
    ]
