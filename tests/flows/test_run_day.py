"""The programme day: every step once, each safe to repeat, none in the way of another."""

import json
from datetime import date, datetime, timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import call_command

from activities.services import OrderFact
from campaigns.models import CampaignRun
from campaigns.presets import create_presets
from flows import day
from flows.day import run_day
from flows.record import record
from members.models import Member
from messaging.models import Message
from points.queries import balances
from points.services import Grant, grant_points
from tests.factories import make_wallet


def buy(member: Member, *, days_ago: int, now: datetime) -> None:
    placed_at = now - timedelta(days=days_ago)
    record([OrderFact("pos", member.code, member.pk, placed_at, Decimal(50000))], at=now)


def test_points_expire_campaigns_run_and_the_ledger_is_proved(
    mai: Member,
    binh: Member,
    now: datetime,
) -> None:
    make_wallet()
    grant = Grant(mai.pk, 100, "opening", expires_on=date(2026, 3, 5))
    grant_points(grants=[grant], at=now)
    create_presets(at=now)
    buy(binh, days_ago=40, now=now)
    later = now + timedelta(days=6)

    report = run_day(at=later)

    assert report.ok
    assert [step.name for step in report.steps] == [
        "keep_holidays",
        "mature_points",
        "celebrate",
        "expire_points",
        "release_reservations",
        "release_vouchers",
        "lapse_redemptions",
        "review_tiers",
        "give_tier_gifts",
        "redeem_due",
        "score_rfm",
        "refresh_segments",
        "count_segments",
        "run_campaigns",
        "mail_low_stock",
        "reconcile_points",
        "seal_ledger",
        "mail_seal",
        "prove_ledger",
    ]
    results = {step.name: step.result for step in report.steps}
    assert results["mature_points"] == {"holds": 0, "points": 0}
    assert results["expire_points"] == {"lots": 1, "points": 100, "members": 1}
    assert results["release_reservations"] == {"released": 0}
    assert results["release_vouchers"] == {"released": 0}
    assert results["lapse_redemptions"] == {"lapsed": 0}
    campaigns, proof = results["run_campaigns"], results["prove_ledger"]
    assert list(campaigns) == ["recent-45", "come-back"]
    # The tag leaves first, so the message goes out on the same day.
    assert campaigns["recent-45"]["untagged"] == 1
    assert campaigns["come-back"]["messages"] == 1
    assert proof["ok"]
    assert balances([mai.pk]) == {mai.pk: 0}


def test_a_second_day_of_the_same_date_changes_nothing(
    mai: Member,
    now: datetime,
) -> None:
    make_wallet()
    create_presets(at=now)
    buy(mai, days_ago=50, now=now)
    run_day(at=now)
    messages = list(Message.objects.values())

    report = run_day(at=now)

    results = {step.name: step.result for step in report.steps}
    assert results["expire_points"]["lots"] == 0
    assert all(counts["entered"] == 0 for counts in results["run_campaigns"].values())
    assert list(Message.objects.values()) == messages


def test_a_step_that_fails_does_not_stop_the_others(
    db: None, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_presets(at=now)

    def fail(**_arguments: object) -> None:
        raise RuntimeError("no wallet today")

    monkeypatch.setattr(day, "expire_points", fail)

    report = run_day(at=now)

    failed = {step.name: step.error for step in report.steps if not step.ok}
    assert list(failed) == ["expire_points"]
    assert "no wallet today" in failed["expire_points"]
    assert CampaignRun.objects.count() == 2


def test_a_campaign_that_fails_is_named_and_the_next_one_runs(
    db: None, now: datetime
) -> None:
    recent, _come_back, _leftovers = create_presets(at=now)
    recent.steps.all().delete()

    report = run_day(at=now)

    (step,) = (step for step in report.steps if not step.ok)
    assert step.name == "run_campaigns"
    assert "recent-45" in step.error
    assert "come-back" not in step.error
    assert step.result["results"]["come-back"]["entered"] == 0


def test_the_command_prints_one_object(db: None) -> None:
    out = StringIO()

    call_command("run_day", "--at", "2026-03-02", "--json", stdout=out)

    report = json.loads(out.getvalue())
    assert (report["day"], report["ok"]) == ("2026-03-02", True)
    assert [step["name"] for step in report["steps"]] == [
        "keep_holidays",
        "mature_points",
        "celebrate",
        "expire_points",
        "release_reservations",
        "release_vouchers",
        "lapse_redemptions",
        "review_tiers",
        "give_tier_gifts",
        "redeem_due",
        "score_rfm",
        "refresh_segments",
        "count_segments",
        "run_campaigns",
        "mail_low_stock",
        "reconcile_points",
        "seal_ledger",
        "mail_seal",
        "prove_ledger",
    ]


def test_the_command_fails_when_a_step_does(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_arguments: object) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(day, "run_campaigns", fail)
    out = StringIO()

    with pytest.raises(SystemExit):
        call_command("run_day", stdout=out)

    assert "prove_ledger" in out.getvalue()


def test_books_that_differ_fail_their_step_and_are_named(
    mai: Member, now: datetime
) -> None:
    make_wallet()
    grant_points(grants=[Grant(mai.pk, 100, "opening")], at=now)
    mai.accounts.update(balance=90)

    report = run_day(at=now)

    failed = {step.name: step.error for step in report.steps if not step.ok}
    assert list(failed) == ["reconcile_points", "prove_ledger"]
    assert failed["reconcile_points"] == (
        "Điểm: Members' accounts hold 90, the days add up to 100."
    )
