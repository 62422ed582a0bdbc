"""Every list and form of the console answers, for everyone who may see it."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)

pytestmark = pytest.mark.django_db

# Written by verbs only; the ledger first of all.
READ_ONLY = {
    "activities.RfmRun",
    "activities.Activity",
    "activities.Order",
    "activities.Refund",
    "axes.AccessLog",
    "campaigns.CampaignRun",
    "campaigns.Enrolment",
    "campaigns.Happening",
    "core.ChangeRequest",
    "core.JobRun",
    "messaging.Feedback",
    "messaging.Message",
    "messaging.WebhookEvent",
    "messaging.ZaloTemplate",
    "points.Account",
    "points.DayTotal",
    "points.Hold",
    "points.LedgerSeal",
    "points.Lot",
    "points.Reservation",
    "points.Transfer",
    "rewards.Booking",
    "rewards.Fulfilment",
    "rewards.GivenBenefit",
    "rewards.Handout",
    "rewards.Redemption",
    "rewards.Voucher",
    "rewards.VoucherBatch",
    "tiers.MemberTier",
    "tiers.TierChange",
    "till.TillAct",
    "webhooks.WebhookDelivery",
}


def address(model, page: str, *args: object) -> str:
    meta = model._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_{page}", args=args)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_every_empty_list_answers(console: Client, model) -> None:
    response = console.get(address(model, "changelist"), follow=True)
    assert response.status_code == 200


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_every_search_answers(console: Client, model) -> None:
    if not admin.site._registry[model].search_fields:
        pytest.skip("has no search box")
    response = console.get(address(model, "changelist"), {"q": "0912 345 678"}, follow=True)
    assert response.status_code == 200


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_every_add_form_answers_where_rows_are_made_by_hand(console: Client, model) -> None:
    # Without a question, campaigns begin with their templates.
    response = console.get(address(model, "add"), {"blank": "1"})
    by_hand = admin.site._registry[model].has_add_permission(response.wsgi_request)
    assert response.status_code == (200 if by_hand else 403)


def test_what_verbs_write_is_read_only(rf, staff: User) -> None:
    request = rf.get("/admin/")
    request.user = staff
    found = {
        model._meta.label
        for model, page in admin.site._registry.items()
        if not page.has_add_permission(request)
        and not page.has_change_permission(request)
        and not page.has_delete_permission(request)
    }
    assert found == READ_ONLY


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_nobody_sees_a_list_without_the_permission(helper_console: Client, model) -> None:
    response = helper_console.get(address(model, "changelist"))
    assert response.status_code == 403


def test_a_person_sees_only_the_menu_they_may_use(
    helper: User, helper_console: Client
) -> None:
    helper.user_permissions.add(Permission.objects.get(codename="view_member"))
    text = helper_console.get(reverse("admin:members_member_changelist")).content.decode()
    assert reverse("admin:members_member_changelist") in text
    assert reverse("admin:points_transfer_changelist") not in text
    assert reverse("admin:core_programme_changelist") not in text


def test_a_singleton_opens_its_form(console: Client) -> None:
    response = console.get(reverse("admin:core_programme_changelist"))
    assert response.status_code == 302
    assert response["Location"] == reverse("admin:core_programme_change", args=[1])
