"""run_campaign: the door for scripts."""

import json
from datetime import datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from campaigns.models import Campaign, CampaignRun
from members.models import Member
from tests.campaigns.conftest import Buy


def call(*arguments: str) -> dict[str, object]:
    out = StringIO()
    call_command("run_campaign", *arguments, "--json", stdout=out)
    return json.loads(out.getvalue())  # type: ignore[no-any-return]


def test_one_object_with_all_counts(
    come_back: Campaign, mai: Member, buy: Buy, now: datetime
) -> None:
    buy(mai, days_ago=46)

    report = call("come-back", "--at", "2026-03-02")

    assert report == {
        "campaign": "come-back",
        "at": "2026-03-02T05:00:00+00:00",
        "dry_run": False,
        "entered": 1,
        "left": 0,
        "tagged": 0,
        "untagged": 0,
        "messages": 1,
        "by_channel": {"zalo_phone": 1},
        "given": 0,
        "held_out": 0,
        "advanced": 0,
        "finished": 0,
        "skipped": 0,
        "skipped_reasons": {},
    }
    run = CampaignRun.objects.get()
    assert (run.trigger, run.state, run.at) == ("command", "done", now)


def test_a_dry_run_says_so(recent: Campaign, mai: Member, buy: Buy) -> None:
    report = call("recent-45", "--dry-run", "--at", "2026-03-02")

    assert (report["dry_run"], report["tagged"]) == (True, 0)


def test_an_unknown_code_names_the_known_ones(recent: Campaign) -> None:
    with pytest.raises(CommandError, match="recent-45, come-back, leftovers"):
        call("recent")


def test_a_wrong_time_says_how_to_write_it(recent: Campaign) -> None:
    with pytest.raises(CommandError, match="2026-12-31T09:30"):
        call("recent-45", "--at", "tomorrow")

    assert not CampaignRun.objects.exists()
