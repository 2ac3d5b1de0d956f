"""Forms that were sent not long ago, so that the same form again gets the same answer."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("reading", "0002_log_stays")]
    operations = [
        migrations.CreateModel(
            name="SentForm",
            fields=[
                ("name", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("browser", models.CharField(db_index=True, max_length=64)),
                ("salt", models.CharField(max_length=43)),
                ("result", models.CharField(blank=True, max_length=80)),
                ("sent_at", models.DateTimeField(db_index=True)),
            ],
        )
    ]
