"""What the database holds: readers and their answers, and nothing that tells a model. The key stays in its folder."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import CheckConstraint, Q, UniqueConstraint

from foveate.reading.site import tokens

PLAIN = ""  # the letter of the image without a heat-map


class StudyState(models.Model):
    """One row: what holds for the whole study."""

    fingerprint = models.CharField(max_length=64)  # of the files that readers see, when the study was first served
    sheet_confirmed_at = models.DateTimeField(null=True)  # a person has looked for names in the images
    unblinded_at = models.DateTimeField(null=True)  # from then on answers are locked
    mark = models.CharField(max_length=64, blank=True, default="")  # stands in secrets/begun.json as well


class ConsentText(models.Model):
    """A version of the information for readers; a text is never changed, the next version takes its place."""

    version = models.PositiveIntegerField(unique=True)
    text = models.TextField()
    sha256 = models.CharField(max_length=64)
    draft = models.BooleanField()  # the shipped text: no invitation goes out with it
    created_at = models.DateTimeField(auto_now_add=True)


class Reader(models.Model):
    """A clinician who takes part in the reading of one data set."""

    class Years(models.TextChoices):
        NONE = "0", "in training"
        FEW = "1-4", "1 to 4 years"
        SOME = "5-9", "5 to 9 years"
        MANY = "10-19", "10 to 19 years"
        MOST = "20+", "20 years or more"

    public_id = models.CharField(max_length=16, unique=True, default=tokens.public_id)  # in the log
    pseudonym = models.CharField(max_length=60, unique=True)
    dataset = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)
    consent = models.ForeignKey(ConsentText, null=True, on_delete=models.PROTECT)
    consented_at = models.DateTimeField(null=True)
    speciality = models.CharField(max_length=60, blank=True)
    years = models.CharField(max_length=8, blank=True, choices=Years.choices)
    display = models.CharField(max_length=40, blank=True)
    return_code_hash = models.CharField(max_length=64, unique=True, null=True)
    epoch = models.PositiveIntegerField(default=0)  # raised to end all sessions
    enrolled_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)
    seal = models.CharField(max_length=96, blank=True, default="")  # of order, answers and times: see seals.py


class Invitation(models.Model):
    """A link that works once."""

    reader = models.ForeignKey(Reader, on_delete=models.CASCADE, related_name="invitations")
    token_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    redeemed_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)


class Showing(models.Model):
    """One step of a reading: a case as this reader sees it this time, or the questions at the end."""

    class Kind(models.TextChoices):
        PRACTICE = "practice"
        CASE = "case"
        REPEAT = "repeat"
        END = "end"

    reader = models.ForeignKey(Reader, on_delete=models.CASCADE, related_name="showings")
    place = models.PositiveIntegerField()  # 1, 2, 3, ... in the reader's order, practice first
    kind = models.CharField(max_length=8, choices=Kind.choices)
    case = models.CharField(max_length=32, blank=True)  # its name in cases.csv

    class Meta:
        constraints: ClassVar = [UniqueConstraint(fields=["reader", "place"], name="reading_place_once")]
        ordering: ClassVar = ["place"]


class Slot(models.Model):
    """A picture of a showing, under a name that only this reader's page knows."""

    showing = models.ForeignKey(Showing, on_delete=models.CASCADE, related_name="slots")
    letter = models.CharField(max_length=1, blank=True)  # PLAIN or A, B, C, ...
    file = models.CharField(max_length=32)  # images/<file>.png; of a heat-map masked, see masking.py
    token = models.CharField(max_length=43, unique=True, default=tokens.new)

    class Meta:
        constraints: ClassVar = [UniqueConstraint(fields=["showing", "letter"], name="reading_letter_once")]
        ordering: ClassVar = ["letter"]


class Reply(models.Model):
    """The answer to one question at one showing; saving again replaces it."""

    showing = models.ForeignKey(Showing, on_delete=models.CASCADE, related_name="replies")
    question = models.CharField(max_length=40)  # its name; `name.A` for a rating of heat-map A
    value = models.TextField(blank=True)
    page = models.CharField(max_length=43)  # the opened page that it came from
    sequence = models.PositiveBigIntegerField()  # of that page's saves: an older one never replaces a newer
    revisions = models.PositiveIntegerField(default=1)
    first_saved_at = models.DateTimeField()
    saved_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [UniqueConstraint(fields=["showing", "question"], name="reading_question_once")]
        ordering: ClassVar = ["question"]


class Visit(models.Model):
    """A showing's page, opened once: how long the reader was at it."""

    showing = models.ForeignKey(Showing, on_delete=models.CASCADE, related_name="visits")
    page = models.CharField(max_length=43)
    opened_at = models.DateTimeField()
    active_ms = models.PositiveBigIntegerField()  # with the page in view; without JavaScript until it was sent
    saved_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [UniqueConstraint(fields=["showing", "page"], name="reading_page_once")]


class AuditEntry(models.Model):
    """What happened, in a chain: each entry holds the digest of the one before. The database refuses changes."""

    at = models.DateTimeField()
    actor = models.CharField(max_length=40)  # administrator:<n>, reader:<public id>, command, visitor
    action = models.CharField(max_length=40)
    subject = models.CharField(max_length=80, blank=True)
    previous = models.CharField(max_length=64)
    digest = models.CharField(max_length=64, unique=True)

    class Meta:
        ordering: ClassVar = ["id"]


class AccountSeal(models.Model):
    """By which an administrator is known whom this application made: see seals.py."""

    user = models.OneToOneField("auth.User", on_delete=models.CASCADE, related_name="+")
    seal = models.CharField(max_length=64)


class AdministratorLink(models.Model):
    """A link by which a person becomes an administrator or sets a new password; it works once."""

    token_hash = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    new_accounts_only = models.BooleanField(default=False)  # it replaces nobody's password


class Bucket(models.Model):
    """How many more attempts somebody has; who it is, only as a keyed hash."""

    name = models.CharField(max_length=64, primary_key=True)
    level = models.FloatField()
    filled_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [CheckConstraint(condition=Q(level__gte=0), name="reading_no_debt")]


class SentForm(models.Model):
    """A form that was sent not long ago, and what came of it; whose it is, only as keyed hashes. See forms.py."""

    name = models.CharField(max_length=64, primary_key=True)
    browser = models.CharField(max_length=64, db_index=True)
    salt = models.CharField(max_length=43)  # so that the same form gives other secrets once this row is gone
    result = models.CharField(max_length=80, blank=True)
    sent_at = models.DateTimeField(db_index=True)
