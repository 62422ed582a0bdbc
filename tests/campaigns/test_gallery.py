"""Campaigns to begin with: each one can be started as it is, and is read first."""

from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.gallery import GALLERY, create_from_gallery
from campaigns.models import Campaign, Enrolment
from campaigns.services import CampaignNotFound, run_campaign, start_campaign
from members.models import Member
from messaging.models import Message
from tests.campaigns.conftest import Buy
from tests.campaigns.journeys import go_on, rests, run

DAY = timedelta(days=1)
PAGE = "/admin/campaigns/campaign/templates/"


@pytest.mark.parametrize("code", [one.code for one in GALLERY])
def test_each_is_a_draft_that_starts_as_it_is(code: str, db: None, now: datetime) -> None:
    campaign = create_from_gallery(code)
    assert (campaign.code, campaign.state) == (code, "draft")
    start_campaign(campaign=campaign, at=now)
    run_campaign(campaign=campaign, at=now, trigger="command")
    assert create_from_gallery(code).code == f"{code}-2"


def test_there_is_no_other(db: None) -> None:
    with pytest.raises(CampaignNotFound):
        create_from_gallery("moon")
    assert not Campaign.objects.exists()


def test_the_come_back_journey_to_its_end(
    mai: Member, binh: Member, buy: Buy, now: datetime
) -> None:
    for member in (mai, binh):
        buy(member, days_ago=45)
    journey = create_from_gallery("come-back-journey")
    Campaign.objects.filter(pk=journey.pk).update(holdout_percent=0)
    start_campaign(campaign=journey, at=now)
    assert run(journey, now) == {}

    reminder = now + DAY
    assert run(journey, reminder)["messages"] == 2
    buy(mai, at=reminder + DAY)
    go_on(reminder + 7 * DAY)
    sent = Message.objects.order_by("pk").values_list("member__code", "context__offer")
    assert sorted(sent) == [
        ("BINH", "Giảm 10% cho đơn tiếp theo"),
        ("BINH", "Giảm 20% cho đơn tiếp theo"),
        ("MAI", "Giảm 10% cho đơn tiếp theo"),
    ]
    go_on(reminder + 21 * DAY)
    assert rests(journey) == {"MAI": ("returned", "week"), "BINH": ("active", None)}
    # Once a lapse: Mai lapses anew, Bình does not.
    run(journey, reminder + 47 * DAY)
    episodes = Enrolment.objects.filter(member=mai).order_by("pk")
    assert [one.episode for one in episodes] == ["lapse:2026-01-16", "lapse:2026-03-04"]
    assert Enrolment.objects.filter(member=binh).count() == 1


def test_staff_choose_one_in_the_console(console: Client) -> None:
    text = console.get(PAGE).content.decode()
    assert "Come back, the whole journey" in text
    response = console.post(PAGE, {"template": "come-back-journey"})
    made = Campaign.objects.get()
    assert response["Location"] == reverse(
        "admin:campaigns_campaign_change", args=[made.pk]
    )
    assert made.steps.count() == 5
    assert console.post(PAGE, {"template": "moon"}).status_code == 404


def test_who_may_not_add_may_not_begin(client: Client, django_user_model: object) -> None:
    user = django_user_model.objects.create_user("look", is_staff=True)  # type: ignore[attr-defined]
    client.force_login(user)
    assert client.get(PAGE).status_code == 403
    assert client.post(PAGE, {"template": "welcome"}).status_code == 403
    assert not Campaign.objects.exists()


def test_adding_begins_with_the_templates_and_offers_an_empty_form(
    console: Client, helper_console: Client
) -> None:
    add = reverse("admin:campaigns_campaign_add")
    assert console.get(add)["Location"] == PAGE
    assert f'href="{add}?blank=1"' in console.get(PAGE).content.decode()
    form = console.get(f"{add}?blank=1")
    assert (form.status_code, "adminform" in form.context) == (200, True)
    assert helper_console.get(add).status_code == 403
