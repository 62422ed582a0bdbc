"""Back-tests in the console: asked for, watched, stopped, read, exported."""

from __future__ import annotations

import csv
import io
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from activities.services import OrderFact
from core.clock import add_months, local_date
from flows.record import record
from members.models import Member
from points import tasks
from points.backtests import ask_back_test, claim_back_test, run_back_test
from points.models import BackTest, BackTestMember, EarnRule, Transfer
from points.rules import publish_rule
from tests.console import allow, num_queries
from tests.factories import make_earn_rule, make_member, make_programme, make_wallet

FORM = reverse("admin:points_back_tests")


@pytest.fixture
def now() -> datetime:
    """Pages look at the clock; so do these tests."""
    return timezone.now()


@pytest.fixture
def nudged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the console announced to the worker."""
    calls: list[str] = []
    monkeypatch.setattr("points.admin.backtests.nudge_back_tests", lambda: calls.append(""))
    return calls


@pytest.fixture
def rule(mai: Member, binh: Member, now: datetime) -> EarnRule:
    """Published: a point for 10,000; the draft: the same on orders from 50,000 only."""
    make_programme()
    rule = make_earn_rule(wallet=make_wallet())
    buy(mai, 1, now - timedelta(days=40), 100_000)
    buy(binh, 2, now - timedelta(days=10), 30_000)
    rule.minimum_total = Decimal(50_000)
    rule.save()
    return rule


def buy(member: Member, number: int, at: datetime, total: int) -> None:
    fact = OrderFact("till", f"HD{number}", member.pk, at, Decimal(total))
    record([fact], at=at)


def ask(now: datetime, **told: object) -> BackTest:
    today = local_date(now)
    period = {"first_day": add_months(today, -3), "last_day": today}
    return ask_back_test(**{**period, "at": now, "by": "staff", **told})


def done(test: BackTest) -> BackTest:
    finished = run_back_test(test.pk)
    assert finished is not None
    assert finished.state == BackTest.State.DONE
    return finished


def page(client: Client, test: BackTest) -> str:
    response = client.get(reverse("admin:points_back_test", args=[test.pk]))
    assert response.status_code == 200
    return response.content.decode()


# --- asking -------------------------------------------------------------------------------


def test_a_draft_is_tested_from_the_form_to_the_answer(
    console: Client, rule: EarnRule, nudged: list[str], now: datetime
) -> None:
    assert "Start the back-test" in console.get(FORM).content.decode()

    response = console.post(FORM, {"months": "6", "rule": "", "point_worth": "250"})

    test = BackTest.objects.get()
    today = local_date(now)
    assert response["Location"] == reverse("admin:points_back_test", args=[test.pk])
    assert (test.first_day, test.last_day) == (add_months(today, -6), today)
    assert (test.asked_by, test.point_worth, len(nudged)) == ("staff", Decimal(250), 1)
    assert "Handed to the background worker." in page(console, test)

    tasks.run_back_tests()

    text = page(console, test)
    # Binh gets nothing for 30,000 instead of 3; Mai as many as before.
    assert (
        "With the drafts, 1 member would get less: 3 điểm less from "
        f"{test.first_day:%d/%m/%Y} to {test.last_day:%d/%m/%Y}, about 750 ₫." in text
    )
    assert "1 điểm for every 10.000 ₫, round down." in text
    assert "1 điểm for every 10.000 ₫ on orders from 50.000 ₫, round down." in text
    assert "10 instead of 13 điểm (−23,1 %)" in text
    assert "1 get less, 1 the same" in text
    assert "50,0 %" in text
    assert "6,5 by the rules in force" in text
    assert "Trần Văn Bình" in text
    assert "Nobody would get more." in text
    assert reverse("admin:points_earnrule_publish", args=[rule.pk]) in text
    assert "<script>" not in text


def test_days_of_ones_own(console: Client, rule: EarnRule, nudged: list[str]) -> None:
    own = {"months": "own", "first_day": "2026-01-01", "last_day": "2026-01-31"}

    assert "Choose the day." in console.post(FORM, {"months": "own"}).content.decode()
    turned = {**own, "first_day": "2026-02-01"}
    assert "ends before it begins" in console.post(FORM, turned).content.decode()
    assert not BackTest.objects.exists()

    assert console.post(FORM, {**own, "rule": rule.pk}).status_code == 302

    test = BackTest.objects.get()
    assert (test.first_day, test.last_day) == (date(2026, 1, 1), date(2026, 1, 31))
    assert test.rule == rule


def test_without_a_draft_the_page_says_what_to_do(console: Client, rule: EarnRule) -> None:
    publish_rule(rule, at=timezone.now())

    text = console.get(FORM).content.decode()

    assert "There is no draft to test" in text
    assert "Start the back-test" not in text
    refused = console.post(FORM, {"months": "3"}).content.decode()
    assert "There is no draft to test" in refused
    assert not BackTest.objects.exists()


def test_a_period_without_orders_is_said_in_a_sentence(
    console: Client, rule: EarnRule, now: datetime
) -> None:
    test = done(ask(now, first_day=date(2016, 1, 1), last_day=date(2016, 3, 31)))

    text = page(console, test)

    assert "There is no completed order from 01/01/2016 to 31/03/2016." in text
    assert "Choose other days." in text
    assert "canvas" not in text


def test_the_worth_is_asked_only_where_no_wallet_says_it(
    console: Client, rule: EarnRule
) -> None:
    assert "What one point is worth" in console.get(FORM).content.decode()

    wallet = rule.wallet
    wallet.pays_at_till, wallet.pay_value = True, Decimal(100)
    wallet.save()

    assert "What one point is worth" not in console.get(FORM).content.decode()


def test_the_way_there_from_the_list_and_from_a_rule(
    console: Client, rule: EarnRule
) -> None:
    listed = console.get(reverse("admin:points_earnrule_changelist")).content.decode()
    assert "Back-test" in listed
    address = reverse("admin:points_earnrule_change", args=[rule.pk])
    assert "Test this draft on past orders" in console.get(address).content.decode()
    form = console.get(FORM, {"rule": rule.pk}).content.decode()
    assert f'<option value="{rule.pk}" selected>' in form

    publish_rule(rule, at=timezone.now())

    assert "Test this draft on past orders" not in console.get(address).content.decode()


# --- watching, stopping, going on ---------------------------------------------------------


def test_the_page_refreshes_itself_until_it_is_done(
    console: Client, rule: EarnRule, now: datetime
) -> None:
    test = ask(now)
    address = reverse("admin:points_back_test", args=[test.pk])
    assert claim_back_test(test.pk) is not None
    live = console.get(address, headers={"HX-Request": "true"})
    assert 'hx-trigger="every 2s"' in live.content.decode()
    assert "HX-Refresh" not in live

    BackTest.objects.filter(pk=test.pk).update(leased_until=None)
    done(test)

    assert console.get(address, headers={"HX-Request": "true"})["HX-Refresh"] == "true"
    assert "HX-Refresh" not in console.get(address)
    assert "every 2s" not in page(console, test)


def test_it_says_how_far_it_is(console: Client, rule: EarnRule, now: datetime) -> None:
    test = ask(now)
    BackTest.objects.filter(pk=test.pk).update(
        state="running",
        listed_id=9,
        last_id=9,
        num_orders=12_000,
        num_done=3_000,
        started_at=timezone.now() - timedelta(minutes=5),
    )

    text = page(console, test)

    assert "3.000 of 12.000 orders" in text
    assert "About 15 minutes left." in text
    assert "25 %" in console.get(FORM).content.decode()


def test_it_can_be_stopped_and_nothing_stays(
    console: Client, rule: EarnRule, now: datetime
) -> None:
    test = ask(now)
    address = reverse("admin:points_back_test_stop", args=[test.pk])

    assert console.get(address).status_code == 403
    assert console.post(address).status_code == 302

    test.refresh_from_db()
    assert test.state == BackTest.State.CANCELLED
    assert "It was stopped" in page(console, test)
    assert run_back_test(test.pk) is None
    again = console.post(address, follow=True).content.decode()
    assert "This back-test has ended already." in again


def test_what_failed_can_go_on(
    console: Client, rule: EarnRule, nudged: list[str], now: datetime
) -> None:
    test = ask(now)
    BackTest.objects.filter(pk=test.pk).update(state="failed", error="the disk was full")
    text = page(console, test)
    assert "It could not be finished." in text
    assert "the disk was full" in text

    console.post(reverse("admin:points_back_test_continue", args=[test.pk]))

    test.refresh_from_db()
    assert (test.state, test.error, len(nudged)) == ("waiting", "", 1)
    assert done(test).result["orders"] == 2


# --- who may what -------------------------------------------------------------------------


def test_looking_needs_one_right_and_starting_another(
    helper: User, helper_console: Client, rule: EarnRule, now: datetime
) -> None:
    test = done(ask(now))
    members = reverse("admin:points_back_test_members", args=[test.pk])
    stop = reverse("admin:points_back_test_stop", args=[test.pk])
    assert helper_console.get(FORM).status_code == 403
    assert helper_console.post(FORM, {"months": "3"}).status_code == 403

    allow(helper, "view_earnrule")

    text = helper_console.get(FORM).content.decode()
    assert "you need the right to change earn rules" in text
    assert helper_console.post(FORM, {"months": "3"}).status_code == 403
    assert helper_console.post(stop).status_code == 403
    result = page(helper_console, test)
    assert "Trần Văn Bình" not in result
    assert "All members as CSV" not in result
    assert reverse("admin:points_earnrule_publish", args=[rule.pk]) not in result
    assert helper_console.get(members).status_code == 403
    assert BackTest.objects.count() == 1

    allow(helper, "view_member")

    assert "Trần Văn Bình" in page(helper_console, test)
    assert helper_console.get(members).status_code == 200


# --- the file -----------------------------------------------------------------------------


def test_all_members_as_a_file_that_no_spreadsheet_runs(
    console: Client, rule: EarnRule, binh: Member, now: datetime
) -> None:
    Member.objects.filter(pk=binh.pk).update(name='=HYPERLINK("http://x")')
    test = done(ask(now))

    response = console.get(reverse("admin:points_back_test_members", args=[test.pk]))

    text = b"".join(response.streaming_content).decode()
    assert text.startswith("\ufeff")
    rows = list(csv.reader(io.StringIO(text[1:])))
    assert rows[0][:2] == ["Member code", "Name"]
    assert sorted(rows[1:]) == [
        ["BINH", '\'=HYPERLINK("http://x")', "Điểm", "3", "0", "-3", "3"],
        ["MAI", "Nguyễn Thị Mai", "Điểm", "10", "10", "0", "10"],
    ]
    assert LogEntry.objects.filter(object_id=test.pk).count() == 1


def test_without_the_members_there_is_no_file(
    console: Client, rule: EarnRule, now: datetime
) -> None:
    test = done(ask(now))
    BackTestMember.objects.all().delete()

    address = reverse("admin:points_back_test_members", args=[test.pk])
    assert console.get(address).status_code == 404
    assert address not in page(console, test)


# --- what pages cost ----------------------------------------------------------------------


def test_a_page_costs_the_same_whatever_the_number_of_members(
    console: Client, rule: EarnRule, now: datetime
) -> None:
    few = done(ask(now))
    address = reverse("admin:points_back_test", args=[few.pk])
    before = num_queries(console, address)
    for number in range(12):
        buy(make_member(code=f"X{number}"), 100 + number, now, 30_000)
    many = done(ask(now))

    address = reverse("admin:points_back_test", args=[many.pk])
    assert len(many.result["wallets"][0]["losers"]) == 10
    assert num_queries(console, address) == before
    assert Transfer.objects.count() == 14
