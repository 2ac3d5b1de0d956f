"""Which address leads to which page. None of them tells a case, a model or another reader."""

from __future__ import annotations

from django.urls import include, path

from foveate.reading.site import case_views, failures, reader_views
from foveate.reading.site.administrator import urls as administrator

urlpatterns = [
    path("", reader_views.home, name="home"),
    path("invitation/<str:token>", reader_views.invitation, name="invitation"),
    path("information", reader_views.information, name="information"),
    path("about-you", reader_views.about, name="about"),
    path("code", reader_views.code, name="code"),
    path("return", reader_views.return_, name="return"),
    path("leave", reader_views.leave, name="leave"),
    path("withdraw", reader_views.withdraw, name="withdraw"),
    path("steps", reader_views.steps, name="steps"),
    path("step/<int:place>", case_views.step, name="step"),
    path("picture/<str:token>", case_views.picture, name="picture"),
    path("done", case_views.done, name="done"),
    path("admin/", include(administrator)),
]
handler400 = failures.bad_request
handler404 = failures.not_found
handler500 = failures.server_error
handler403 = failures.not_found
