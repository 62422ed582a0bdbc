"""The presets: complete, running, and never in the way of staff's own changes."""

from datetime import datetime

from campaigns.models import Campaign
from campaigns.presets import create_presets
from members.models import Tag
from members.segments import describe_conditions, validate_conditions
from messaging.models import MessageTemplate


def test_three_campaigns_a_tag_and_two_templates(db: None, now: datetime) -> None:
    campaigns = create_presets(at=now)

    assert [(c.code, c.mode, c.state, c.days) for c in campaigns] == [
        ("recent-45", "continuous", "running", 45),
        ("come-back", "continuous", "running", 45),
        ("leftovers", "one_off", "running", 45),
    ]
    assert (Tag.objects.get().code, Tag.objects.get().name) == ("45", "45")
    templates = MessageTemplate.objects.order_by("code")
    assert [(t.code, t.zalo_template_id) for t in templates] == [
        ("come-back", "400001"),
        ("news", "400005"),
    ]
    names = [place.name for place in templates[0].parameters.all()]
    assert names == ["customer_name", "days", "points", "expiring", "offer", "link"]


def test_again_it_changes_nothing(db: None, now: datetime) -> None:
    create_presets(at=now)
    Campaign.objects.filter(code="come-back").update(days=60, name="Của chúng tôi")
    MessageTemplate.objects.filter(code="come-back").update(body="Khác")

    create_presets(at=now)

    campaign = Campaign.objects.get(code="come-back")
    assert (campaign.days, campaign.name) == (60, "Của chúng tôi")
    assert campaign.steps.count() == 1
    assert MessageTemplate.objects.get(code="come-back").body == "Khác"


def test_as_drafts_on_request(db: None, now: datetime) -> None:
    campaigns = create_presets(at=now, running=False)

    assert {campaign.state for campaign in campaigns} == {"draft"}


def test_their_conditions_can_be_read(db: None, now: datetime) -> None:
    campaigns = create_presets(at=now)

    for campaign in campaigns:
        validate_conditions(campaign.conditions, campaign.parameters)
    assert describe_conditions(campaigns[1].conditions, {"days": 60}) == (
        "do not have the tag “45” and last bought more than 60 days ago"
    )
