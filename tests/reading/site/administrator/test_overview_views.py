"""The administrator's first page says what is still to be done, and nothing that is done already."""

from __future__ import annotations

import html
import re
from pathlib import Path

from django.test import Client
from django.utils import timezone

from foveate.reading.site import audit, enrolment, state
from foveate.reading.site.models import StudyState

LOOK, PUT_IN, NOW = "the images are looked through", "the approved information is put in", "readers can be invited now"


def said(admin: Client) -> str:
    """The sentence below the list of what is to be done."""
    page = admin.get("/admin/").content.decode()
    section = re.search(r'<h2 id="setup">.*?</section>', page, re.DOTALL)
    assert section is not None
    return html.unescape(" ".join(re.sub(r"<ol.*</ol>|<[^>]+>", " ", section[0], flags=re.DOTALL).split()))


def test_what_stands_in_the_way_is_named_and_nothing_else(admin: Client) -> None:
    assert LOOK in said(admin)
    assert PUT_IN not in said(admin)  # the study came with its text
    state.put_in_consent(audit.COMMAND, "DRAFT", draft=True)
    assert LOOK in said(admin)
    assert PUT_IN in said(admin)
    state.confirm_sheet(audit.COMMAND)
    assert LOOK not in said(admin)
    assert PUT_IN in said(admin)
    state.put_in_consent(audit.COMMAND, "Approved.")
    assert said(admin) == f"Set up All is ready: {NOW}."
    enrolment.invite("reader-1", None, audit.COMMAND)
    assert said(admin) == "Set up"


def test_nobody_is_to_be_invited_once_the_study_is_unblinded(admin: Client, ready: Path) -> None:
    assert "Invite readers, and see them one by one" in admin.get("/admin/").content.decode()
    StudyState.objects.update(unblinded_at=timezone.now())
    assert NOW not in said(admin)
    assert "Invite readers, and see them one by one" not in admin.get("/admin/").content.decode()


def test_where_images_are_confirmed_is_where_the_refusal_points(admin: Client) -> None:
    page = admin.get("/admin/readers").content.decode()
    assert "look through them under Overview" in html.unescape(page)
    assert 'href="/admin/"' in page
    assert 'href="/admin/sheet"' in admin.get("/admin/").content.decode()
