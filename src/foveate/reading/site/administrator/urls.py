"""The administrator's addresses, below admin/."""

from __future__ import annotations

from django.urls import path

from foveate.reading.site.administrator import (
    account_views,
    overview_views,
    plan_view,
    reader_views,
    results_views,
    setup_views,
)

urlpatterns = [
    path("", overview_views.overview, name="overview"),
    path("first/<str:token>", account_views.first, name="admin-first"),
    path("sign-in", account_views.sign_in, name="admin-sign-in"),
    path("sign-out", account_views.sign_out, name="admin-sign-out"),
    path("password", account_views.password, name="admin-password"),
    path("administrators", account_views.administrators, name="admin-accounts"),
    path("administrators/<int:number>", account_views.account, name="admin-account"),
    path("sheet", setup_views.sheet, name="admin-sheet"),
    path("sheet/image", setup_views.sheet_image, name="admin-sheet-image"),
    path("sheet/<str:name>", setup_views.sheet_picture, name="admin-sheet-picture"),
    path("information", setup_views.information, name="admin-information"),
    path("readers", reader_views.readers, name="admin-readers"),
    path("readers/<str:public_id>/link", reader_views.new_link, name="admin-reader-link"),
    path("readers/<str:public_id>/revoke", reader_views.revoke, name="admin-reader-revoke"),
    path("readers/<str:public_id>/code", reader_views.new_code, name="admin-reader-code"),
    path("readers/<str:public_id>/erase", reader_views.erase, name="admin-reader-erase"),
    path("log", overview_views.log, name="admin-audit"),
    path("checks", overview_views.checks, name="admin-doctor"),
    path("plan", plan_view.plan, name="admin-plan"),
    path("results", results_views.results, name="admin-results"),
    path("unblind", results_views.unblind, name="admin-unblind"),
    path("export", results_views.export, name="admin-export"),
    path("backup", results_views.make_backup, name="admin-backup"),
]
