"""The command: the same verb in the foreground, with its numbers as JSON."""

from __future__ import annotations

import io
import json
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from activities.services import OrderFact
from flows.record import record
from members.models import Member
from points.backtests import claim_back_test
from points.management.commands import backtest_rules
from points.models import BackTest, EarnRule, Transfer
from tests.factories import make_earn_rule, make_programme, make_wallet

PERIOD = ("--from", "2026-01-01", "--to", "2026-03-31")


@pytest.fixture
def rule(mai: Member, now: datetime) -> EarnRule:
    make_programme()
    rule = make_earn_rule(wallet=make_wallet())
    record([OrderFact("till", "HD1", mai.pk, now, Decimal(100_000))], at=now)
    rule.points = 3
    rule.save()
    return rule


def call(*arguments: str) -> str:
    out = io.StringIO()
    call_command("backtest_rules", *arguments, stdout=out)
    return out.getvalue()


def test_it_says_the_finding(rule: EarnRule) -> None:
    assert call(*PERIOD) == (
        "With the drafts, 1 member would get more: 20 điểm more from 01/01/2026 to "
        "31/03/2026.\n"
    )
    test = BackTest.objects.get()
    assert (test.state, test.asked_by) == ("done", "command")
    assert Transfer.objects.count() == 1


def test_as_json(rule: EarnRule, mai: Member) -> None:
    told: dict[str, Any] = json.loads(call(*PERIOD, "--rule", "per-amount", "--json"))

    assert (told["from"], told["to"]) == ("2026-01-01", "2026-03-31")
    assert (told["orders"], told["members"]) == (1, 1)
    assert told["wallets"][0]["points"] == [10, 30, 10]
    assert told["wallets"][0]["winners"] == [[mai.pk, 10, 30]]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--from", "yesterday"], "“yesterday” is no day"),
        (["--to", "2026-13-01"], "“2026-13-01” is no day"),
        (["--rule", "nobody"], "There is no rule “nobody”"),
        (["--from", "2026-03-02", "--to", "2026-03-01"], "ends before it begins"),
    ],
)
def test_what_makes_no_sense_is_refused(
    rule: EarnRule, arguments: list[str], sentence: str
) -> None:
    with pytest.raises(CommandError, match=sentence):
        call(*arguments)
    assert not BackTest.objects.exists()


def test_one_that_is_under_way_is_left_to_its_worker(
    rule: EarnRule, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(backtest_rules, "run_claimed", lambda test, **told: test)
        with pytest.raises(CommandError, match="under way"):
            call(*PERIOD)

    with pytest.raises(CommandError, match="The same back-test is under way already"):
        call(*PERIOD)
    assert claim_back_test(BackTest.objects.get().pk) is None


def test_stopped_by_hand_it_is_cancelled(
    rule: EarnRule, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*args: Any, **told: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(backtest_rules, "run_claimed", interrupt)

    with pytest.raises(SystemExit) as left:
        call(*PERIOD)

    assert left.value.code == 130
    assert BackTest.objects.get().state == "cancelled"
