"""The campaign by hand: whom nobody else reaches, looked at, then sent or exported."""

import csv
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from campaigns import preview as preview_module
from campaigns.audience import audience
from campaigns.models import Campaign, CampaignRun, Enrolment
from campaigns.services import export_audience, preview_campaign, run_campaign
from members.models import Member
from messaging.models import Message
from tests import factories
from tests.campaigns.conftest import Buy


@pytest.fixture
def mute(db: None) -> Member:
    return factories.make_member(code="MUTE", name="=SUM(A1)", consent=False)


def whom(campaign: Campaign, at: datetime) -> set[str]:
    preview = preview_campaign(campaign=campaign, at=at)
    return {found.member.code for found in preview.members}


def test_nobody_whom_the_others_reach(
    leftovers: Campaign,
    come_back: Campaign,
    mai: Member,
    binh: Member,
    buy: Buy,
    now: datetime,
) -> None:
    buy(mai, days_ago=10)
    buy(binh, days_ago=100)
    run_campaign(campaign=come_back, at=now, trigger="clock")

    assert whom(leftovers, now) == set()


def test_no_order_at_all(leftovers: Campaign, mai: Member, now: datetime) -> None:
    assert whom(leftovers, now) == {"MAI"}


def test_no_channel(leftovers: Campaign, mute: Member, buy: Buy, now: datetime) -> None:
    buy(mute, days_ago=100)

    preview = preview_campaign(campaign=leftovers, at=now)

    assert (preview.count, preview.by_channel) == (1, {None: 1})
    (found,) = preview.members
    assert found.channel is None
    assert "Last order 22/11/2025, 100 days ago" in found.why
    assert "not tagged “45”" in found.why
    assert found.why.endswith("no channel reaches them")


@pytest.mark.parametrize(("many", "few"), [(1, [False, True]), (2, [False])])
def test_the_first_of_many_are_met_one_by_one(
    leftovers: Campaign,
    mute: Member,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
    many: int,
    few: list[bool],
) -> None:
    asked: list[bool] = []

    def noting(campaign: Campaign, *, at: datetime, few: bool = False) -> Any:
        asked.append(few)
        return audience(campaign, at=at, few=few)

    monkeypatch.setattr(preview_module, "MANY", many)
    monkeypatch.setattr(preview_module, "audience", noting)

    assert whom(leftovers, now) == {"MUTE"}
    assert asked == few


def test_a_message_that_failed_reached_nobody(
    leftovers: Campaign, come_back: Campaign, mai: Member, buy: Buy, now: datetime
) -> None:
    buy(mai, days_ago=100)
    Member.objects.update(updated_at=now - timedelta(days=200))
    run_campaign(campaign=come_back, at=now, trigger="clock")
    assert whom(leftovers, now) == set()

    Message.objects.update(state=Message.State.FAILED)

    assert whom(leftovers, now) == {"MAI"}


def test_it_sends_once_and_ends(
    leftovers: Campaign, mai: Member, mute: Member, now: datetime
) -> None:
    run = run_campaign(campaign=leftovers, at=now, trigger="staff", actor="lan")

    assert run.counts["by_channel"] == {"zalo_phone": 1}
    assert run.counts["skipped_reasons"] == {"no_channel": 1}
    leftovers.refresh_from_db()
    assert (leftovers.state, leftovers.ended_at) == ("ended", now)
    message = Message.objects.get()
    # Its own end does not call its messages off.
    assert (message.state, message.template.code) == ("pending", "news")
    assert Enrolment.objects.get().episode == "lapse:never"


def test_the_export_runs_no_formulas(
    leftovers: Campaign, mute: Member, now: datetime
) -> None:
    header, row = export_audience(campaign=leftovers, at=now)

    assert header[:3] == ["Member code", "Name", "Phone"]
    assert row[:2] == ["MUTE", "'=SUM(A1)"]


def test_the_command_exports_and_the_campaign_ends(
    leftovers: Campaign, mai: Member, now: datetime, tmp_path: Path
) -> None:
    path = tmp_path / "list.csv"

    call_command("run_campaign", "leftovers", "--at", "2026-03-02", "--export", str(path))

    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert [row[0] for row in rows] == ["Member code", "MAI"]
    assert rows[1][2] == "0912 345 678"
    leftovers.refresh_from_db()
    assert leftovers.state == "ended"
    assert CampaignRun.objects.get().counts["exported"] == 1
    assert not Message.objects.exists()


def test_a_dry_export_ends_nothing(
    leftovers: Campaign, mai: Member, tmp_path: Path
) -> None:
    path = tmp_path / "list.csv"

    call_command("run_campaign", "leftovers", "--dry-run", "--export", str(path))

    leftovers.refresh_from_db()
    assert leftovers.state == "running"
    assert not CampaignRun.objects.exists()
