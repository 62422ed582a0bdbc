"""Groups of members by what they allow and how they are reached."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from campaigns.models import Campaign
from members.models import Consent, Member, Segment
from members.segments import members_matching
from members.segments.uses import used_by
from tests import factories


def who(now: datetime, field: str, operator: str, value: str) -> set[str]:
    node = {"field": field, "is": operator, "value": value}
    return set(members_matching(node, at=now).values_list("code", flat=True))


def say(member: Member, channel: str, is_given: bool, purpose: str = "marketing") -> None:
    Consent.objects.create(
        member=member,
        purpose=purpose,
        channel=channel,
        is_given=is_given,
        changed_at=factories.JOINED,
        source="t",
    )


def test_a_word_about_a_channel_counts_first(now: datetime, db: None) -> None:
    both = factories.make_member(code="BOTH")
    say(both, "sms", False)
    factories.make_member(code="SILENT", consent=False)
    strict = factories.make_member(code="STRICT", consent=False)
    say(strict, "", False, "care")
    say(strict, "sms", True, "care")

    assert who(now, "allows_offers_on", "yes", "email") == {"BOTH"}
    assert who(now, "allows_offers_on", "yes", "sms") == set()
    assert who(now, "allows_offers_on", "no", "sms") == {"BOTH", "SILENT", "STRICT"}
    # Customer care goes on until somebody objects.
    assert who(now, "allows_care_on", "yes", "email") == {"BOTH", "SILENT"}
    assert who(now, "allows_care_on", "yes", "sms") == {"BOTH", "SILENT", "STRICT"}


def test_the_channel_that_offers_take(now: datetime, db: None) -> None:
    factories.make_member(code="PHONE", phone="0911111111")
    factories.make_member(code="OA", phone="0922222222", zalo_user_id="z", follows_oa=True)
    factories.make_member(code="NONE")

    assert who(now, "reached_through", "is", "zalo_phone") == {"PHONE"}
    assert who(now, "reached_through", "is", "zalo_uid") == {"OA"}
    assert who(now, "reached_through", "is_not", "zalo_uid") == {"PHONE", "NONE"}


def test_a_campaign_that_asks_about_a_segment_is_a_use_of_it(db: None) -> None:
    Segment.objects.create(code="oa", name="OA")
    tree: Any = {"all": [{"not": {"field": "segment", "is": "is", "value": "oa"}}]}
    campaign = Campaign.objects.create(code="c", name="Lời chào", conditions=tree)
    (use,) = used_by(["oa"])["oa"]
    assert (use.name, use.page, use.pk) == ("Lời chào", "campaigns_campaign", campaign.pk)
