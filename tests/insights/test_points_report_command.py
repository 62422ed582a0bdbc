"""`manage.py points_report`: the books on a terminal, and an exit code for the night."""

from __future__ import annotations

import json
from datetime import date
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from core.clock import local_midday
from members.models import Member
from points.models import DayTotal, Wallet
from points.services import Grant, grant_points, spend_points
from tests.factories import make_programme, make_wallet
from tests.points.helpers import written


@pytest.fixture(autouse=True)
def wallet(mai: Member) -> Wallet:
    make_programme()
    wallet = make_wallet()
    at = local_midday(date(2026, 3, 2))
    with written(at):
        grant_points(grants=[Grant(mai.pk, 1500, "opening")], at=at)
        spend_points(member=mai, amount=400, key="gift", at=at)
    return wallet


def run(*arguments: str) -> tuple[int, str]:
    out = StringIO()
    days = ("--from", "2026-03-01", "--to", "31/03/2026", "--at", "2026-04-02")
    try:
        call_command("points_report", *days, *arguments, stdout=out)
    except SystemExit as stop:
        return int(str(stop.code)), out.getvalue()
    return 0, out.getvalue()


def answer(*arguments: str) -> tuple[int, dict[str, Any]]:
    code, text = run("--json", *arguments)
    return code, json.loads(text)


def test_prints_the_days_on_which_something_moved() -> None:
    code, text = run()
    assert code == 0
    assert text.split("\n")[0] == "Điểm (points)"
    assert [" ".join(line.split()) for line in text.split("\n")[1:3]] == [
        "02/03/2026 0 → 1.100 granted 1.500 spent -400",
        "01/03/2026 – 31/03/2026 0 → 1.100 granted 1.500 spent -400",
    ]


def test_the_json_has_every_day_and_adds_up() -> None:
    code, found = answer()
    (books,) = found["wallets"]
    assert (code, found["ok"], len(books["days"])) == (0, True, 31)
    total = books["total"]
    assert (total["opening"], total["granted"], total["spent"]) == (0, 1500, -400)
    assert (total["closing"], total["difference"]) == (1100, 0)


def test_one_wallet_can_be_asked_for() -> None:
    make_wallet(code="cash", kind="cashback")
    assert len(answer()[1]["wallets"]) == 2
    _code, found = answer("--wallet", "cash")
    assert [books["wallet"] for books in found["wallets"]] == ["cash"]
    with pytest.raises(CommandError, match="There is no wallet “gold”"):
        run("--wallet", "gold")


def test_a_difference_is_named_and_exits_with_one(mai: Member) -> None:
    mai.accounts.update(balance=1000)
    code, found = answer()
    sentence = "Members' accounts hold 1.000, the days add up to 1.100."
    assert (code, found["ok"]) == (1, False)
    assert found["wallets"][0]["differences"] == [sentence]
    assert sentence in run()[1]


def test_closed_days_are_proved_and_built_anew() -> None:
    code, found = answer("--rebuild", "--prove")
    assert (code, found["rebuilt_days"], found["unproved"]) == (0, 30, [])
    DayTotal.objects.filter(kind="spend").update(amount=4)

    code, found = answer("--prove")
    assert code == 1
    (difference,) = found["unproved"]
    assert (difference["written_down"], difference["ledger"]) == (4, 400)

    assert answer("--rebuild", "--prove")[0] == 0


def test_a_wrong_day_is_refused() -> None:
    with pytest.raises(CommandError):
        call_command("points_report", "--from", "soon", stdout=StringIO())
