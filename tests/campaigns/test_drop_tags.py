"""A tag that a campaign keeps no longer leaves, as it does when its window has passed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns import dropping
from campaigns.models import Campaign
from campaigns.services import (
    drain_campaign,
    end_campaign,
    pause_campaign,
    publish_board,
    resume_campaign,
    run_campaign,
    run_campaigns,
    save_board,
)
from members.models import Member, MemberTag, Tag
from tests.campaigns.conftest import Buy
from tests.campaigns.journeys import EVERYBODY, make_journey, wait


@pytest.fixture
def tagged(recent: Campaign, mai: Member, binh: Member, buy: Buy) -> Campaign:
    """The preset; it has put the tag on Mai and Binh, who have just bought."""
    buy(mai)
    buy(binh)
    return recent


def tags() -> set[tuple[str, str, str]]:
    return set(MemberTag.objects.values_list("member__code", "tag__code", "source"))


def pass_over(campaign: Campaign, at: datetime, **how: Any) -> tuple[int, int]:
    run = run_campaign(campaign=campaign, at=at, trigger="command", **how)
    return run.counts["tagged"], run.counts["untagged"]


def keep(campaign: Campaign, *codes: str, at: datetime) -> None:
    """Publish a version that keeps other tags."""
    made = [Tag.objects.get_or_create(code=code, defaults={"name": code}) for code in codes]
    save_board(campaign=campaign, tree=[wait("w1", 1)], kept=[tag.pk for tag, _new in made])
    publish_board(campaign=campaign, at=at)


def other_keeper(tag: str, *, at: datetime, **fields: Any) -> Campaign:
    """Make another running campaign that keeps a tag on everybody it means."""
    other = make_journey([wait("w1", 1)], at=at, code="other", **fields)
    keep(other, tag, at=at)
    return other


def test_a_version_without_the_tag_takes_it_off(tagged: Campaign, now: datetime) -> None:
    keep(tagged, at=now)
    assert len(tags()) == 2
    assert pass_over(tagged, now) == (0, 2)
    assert tags() == set()
    assert pass_over(tagged, now) == (0, 0)


def test_a_version_with_another_tag_changes_it(tagged: Campaign, now: datetime) -> None:
    keep(tagged, "fresh", at=now)
    assert pass_over(tagged, now) == (2, 2)
    source = tagged.tag_source
    assert tags() == {("MAI", "fresh", source), ("BINH", "fresh", source)}


def test_other_days_move_the_window(
    tagged: Campaign, mai: Member, buy: Buy, now: datetime
) -> None:
    later = now + timedelta(days=20)
    buy(mai, at=later)
    Campaign.objects.filter(pk=tagged.pk).update(days=10)
    assert pass_over(tagged, later) == (0, 1)
    assert {member for member, *_rest in tags()} == {"MAI"}


def test_a_dry_run_counts_it_and_takes_nothing(tagged: Campaign, now: datetime) -> None:
    keep(tagged, at=now)
    before = tags()
    assert pass_over(tagged, now, dry_run=True) == (0, 2)
    assert tags() == before


def test_what_a_person_put_on_stays(tagged: Campaign, mai: Member, now: datetime) -> None:
    MemberTag.objects.filter(member=mai).update(source="staff")
    end_campaign(campaign=tagged, at=now)
    run_campaigns(at=now, trigger="clock")
    assert tags() == {("MAI", "45", "staff")}


def test_the_end_takes_its_tags_with_the_next_pass(tagged: Campaign, now: datetime) -> None:
    end_campaign(campaign=tagged, at=now)
    assert len(tags()) == 2
    results = run_campaigns(at=now, trigger="clock")
    assert (results["recent-45"], tags()) == ({"untagged": 2}, set())
    assert "recent-45" not in run_campaigns(at=now, trigger="clock")


def test_a_draft_of_steps_takes_nothing_off(tagged: Campaign, now: datetime) -> None:
    save_board(campaign=tagged, tree=[wait("w1", 1)], kept=[])
    assert pass_over(tagged, now) == (0, 0)
    assert len(tags()) == 2


def test_what_another_campaign_keeps_is_its_own_from_then_on(
    tagged: Campaign, mai: Member, now: datetime
) -> None:
    only_mai = {"all": [{"field": "province", "is": "is", "value": "Huế"}]}
    Member.objects.filter(pk=mai.pk).update(province="Huế")
    other = other_keeper("45", at=now, conditions=only_mai)
    end_campaign(campaign=tagged, at=now)

    results = run_campaigns(at=now, trigger="clock")

    assert results["recent-45"] == {"untagged": 1}
    assert tags() == {("MAI", "45", other.tag_source)}


def test_a_dry_run_leaves_out_what_others_keep(tagged: Campaign, now: datetime) -> None:
    other_keeper("45", at=now, conditions=EVERYBODY)
    keep(tagged, at=now)
    assert pass_over(tagged, now, dry_run=True) == (0, 0)


def test_a_paused_one_keeps_it_until_it_goes_on(tagged: Campaign, now: datetime) -> None:
    keep(tagged, at=now)
    pause_campaign(campaign=tagged, at=now)
    assert run_campaigns(at=now, trigger="clock").get("recent-45") is None
    assert len(tags()) == 2
    resume_campaign(campaign=tagged, at=now)
    assert pass_over(tagged, now) == (0, 2)


def test_where_the_other_cannot_be_asked_nothing_is_taken(
    tagged: Campaign, now: datetime
) -> None:
    other = other_keeper("45", at=now)
    Campaign.objects.filter(pk=other.pk).update(conditions={"all": [{"field": "gone"}]})
    keep(tagged, at=now)
    assert pass_over(tagged, now) == (0, 0)
    assert len(tags()) == 2


def test_what_a_step_puts_on_stays(mai: Member, now: datetime) -> None:
    tag = Tag.objects.create(code="vip", name="VIP")
    step = {"key": "a1", "kind": "add_tag", "tag": tag.pk}
    campaign = make_journey([step, wait("w1", 1)], at=now)
    pass_over(campaign, now)
    keep(campaign, "vip", at=now)
    keep(campaign, at=now)
    pass_over(campaign, now)
    end_campaign(campaign=campaign, at=now)
    run_campaigns(at=now, trigger="clock")
    assert tags() == {("MAI", "vip", campaign.tag_source)}


def test_what_runs_out_takes_it_off_whom_it_no_longer_means(
    recent: Campaign, mai: Member, binh: Member, buy: Buy, now: datetime
) -> None:
    keep(recent, "45", at=now)
    buy(mai)
    buy(binh, days_ago=40)
    pass_over(recent, now)
    drain_campaign(campaign=recent, at=now)
    assert len(tags()) == 2

    results = run_campaigns(at=now + timedelta(days=6), trigger="clock")

    assert results["recent-45"] == {"untagged": 1}
    assert tags() == {("MAI", "45", recent.tag_source)}


def test_one_that_fails_keeps_no_other_from_it(
    tagged: Campaign, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = other_keeper("other", at=now)
    pass_over(broken, now)
    for campaign in (broken, tagged):
        end_campaign(campaign=campaign, at=now)
    drop = dropping._drop

    def drop_or_fail(campaign: Campaign, *args: Any, **kwargs: Any) -> int:
        assert campaign.pk != broken.pk
        return drop(campaign, *args, **kwargs)

    monkeypatch.setattr(dropping, "_drop", drop_or_fail)
    assert run_campaigns(at=now, trigger="clock")["recent-45"] == {"untagged": 2}
    assert {tag for _member, tag, _source in tags()} == {"other"}


@pytest.mark.parametrize("act", ["end", "drain"])
def test_the_page_before_the_end_says_so(
    console: Client, tagged: Campaign, act: str
) -> None:
    address = reverse("admin:campaigns_campaign_act", args=[tagged.pk, act])
    text = console.get(address).content.decode()
    assert "2 members wear the tag “45” by it. With its end the tag leaves them" in text
