"""Every act that two people decide about leads to what it is about."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Campaign
from core.approvals import ACTS
from core.edits import EDITABLE
from core.models import ChangeRequest
from members.models import Member
from points.by_hand import ADJUST
from rewards.models import Handout, VoucherBatch, VoucherType
from tests.console import allow


@pytest.mark.django_db
@pytest.mark.parametrize("kind", sorted(ACTS))
def test_what_is_gone_breaks_no_page(kind: str) -> None:
    """The number 0 is nobody's, under whichever key a kind looks."""
    keys = ("campaign", "pk", "member", "kept", "handout", "batch", "voucher_type")
    assert ACTS[kind].about(dict.fromkeys(keys, 0)) is None


@pytest.mark.django_db
def test_points_by_hand_lead_to_the_member(
    console: Client, helper_console: Client, staff: User, helper: User, mai: Member
) -> None:
    asked = ChangeRequest.objects.create(
        kind=ADJUST,
        summary="+500",
        payload={"member": mai.pk},
        payload_hash="x",
        requested_by=staff,
        requested_at=timezone.now(),
    )
    address = reverse("admin:core_changerequest_change", args=[asked.pk])
    link = f'href="{reverse("admin:members_member_change", args=[mai.pk])}"'
    assert link in console.get(address).content.decode()
    allow(helper, "view_changerequest")
    assert link not in helper_console.get(address).content.decode()


def test_every_model_that_is_led_to_has_a_page() -> None:
    models = {Campaign, Member, Handout, VoucherBatch, VoucherType, *EDITABLE}
    assert models <= set(admin.site._registry)
