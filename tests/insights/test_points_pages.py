"""The reports of the console: figures that add up, files, and who may have them."""

from __future__ import annotations

import csv
import io
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from openpyxl import load_workbook

from activities.services import OrderFact, RefundFact
from core.clock import local_date, local_midday
from flows.record import record, record_refunds
from flows.roles import create_roles
from insights.admin import period
from members.models import Member
from points.models import DayTotal, EarnRule, Funder, Wallet
from points.services import Grant, grant_points, spend_points
from points.settlement import list_funded, settle_funders
from tests.console import allow, num_queries
from tests.factories import make_earn_rule, make_programme, make_wallet
from tests.points.helpers import written

BOOKS = reverse("admin:points_daytotal_changelist")
BOOKS_FILE = reverse("admin:points_daytotal_export")
SETTLEMENT = reverse("admin:points_settlement")
SETTLEMENT_FILE = reverse("admin:points_settlement_export")
MARCH = {"first_day": "2026-03-01", "last_day": "2026-03-31"}


def movements_file(code: str) -> str:
    return reverse("admin:points_settlement_movements", args=[code])


@pytest.fixture
def wallet(db: None) -> Wallet:
    make_programme()
    return make_wallet(
        name="=Điểm", pays_at_till=True, pay_points=10, pay_value=Decimal(1500)
    )


@pytest.fixture
def partner(wallet: Wallet) -> Funder:
    return Funder.objects.create(code="momo", name="=Ví MoMo")


@pytest.fixture
def rule(wallet: Wallet, partner: Funder) -> EarnRule:
    """A partner pays 40 % of the points."""
    terms: dict[str, Any] = {"funder": partner, "funder_percent": Decimal(40)}
    return make_earn_rule(wallet=wallet, **terms)


def on(day: int) -> datetime:
    return local_midday(date(2026, 3, day))


@pytest.fixture
def history(mai: Member, rule: EarnRule) -> None:
    """500.000 ₫ on the second, 200.000 ₫ of it back on the fourth, 9 points spent."""
    with written(on(2)):
        sale = OrderFact("pos", "=HD-1", mai.pk, on(2), Decimal(500_000))
        record([sale], at=on(2))
    with written(on(4)):
        back = RefundFact("pos", "R", mai.pk, on(4), Decimal(200_000), "=HD-1")
        record_refunds([back], at=on(4))
        spend_points(member=mai, amount=9, key="gift", at=on(4))


def rows_of(response: Any) -> list[list[str]]:
    text = b"".join(response.streaming_content).decode()
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text[1:])))


# --- the books ------------------------------------------------------------------------


def test_the_page_says_what_moved_and_that_it_adds_up(
    console: Client, history: None
) -> None:
    response = console.get(BOOKS, MARCH)

    context = response.context
    assert context["finding"] == "Members hold 21 điểm more: 50 came, 29 went"
    values = {figure.title: figure.value for figure in context["figures"]}
    assert values["Members hold"] == "21"
    assert (values["Given"], values["Spent"], values["Difference"]) == ("50", "9", "0")
    assert context["columns"] == ["Earned by rules", "Spent", "Taken back"]
    lines = {line.title: line.cells for line in context["lines"]}
    assert lines["02/03/2026"] == ["0", "50", "–", "–", "50", "–", "–"]
    assert lines["04/03/2026"] == ["50", "–", "−9", "−20", "21", "–", "–"]
    assert lines["Month 03/2026"] == ["0", "50", "−9", "−20", "21", "–", "–"]
    assert "These books do not add up" not in response.content.decode()


def test_a_difference_stands_in_red_with_its_name(
    console: Client, mai: Member, history: None
) -> None:
    mai.accounts.update(balance=30)
    text = console.get(BOOKS, MARCH).content.decode()
    assert "These books do not add up" in text
    assert "accounts hold 30, the days add up to 21." in text


def test_a_year_is_shown_by_month_with_its_whole(console: Client, history: None) -> None:
    year = {"first_day": "2026-01-01", "last_day": "2026-06-30"}
    context = console.get(BOOKS, year).context
    titles = [line.title for line in context["lines"]]
    assert titles == [f"Month 0{n}/2026" for n in range(1, 7)] + ["Whole period"]


def test_the_page_begins_with_this_month(
    console: Client, mai: Member, wallet: Wallet
) -> None:
    grant_points(grants=[Grant(mai.pk, 70, "now")], at=timezone.now())
    context = console.get(BOOKS).context
    today = local_date(timezone.now())
    assert context["report"].total.first == today.replace(day=1)
    assert context["report"].total.closing == 70


def test_last_month_is_one_click_away(
    console: Client, wallet: Wallet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(period.timezone, "now", lambda: on(31))
    shortcuts = dict(console.get(BOOKS).context["shortcuts"])
    expected = "wallet_code=points&first_day=2026-02-01&last_day=2026-02-28"
    assert shortcuts["Last month"] == expected


@pytest.mark.parametrize(
    ("first", "last", "sentence"),
    [
        ("2026-03-09", "2026-03-08", "The end must come after the beginning."),
        ("2025-01-01", "2026-03-08", "Choose at most 366 days at a time."),
        ("2999-01-01", "2999-01-02", "This day is still to come."),
        ("soon", "2026-03-08", "Enter a valid date."),
    ],
)
def test_a_wrong_period_is_refused_with_a_sentence(
    console: Client, wallet: Wallet, first: str, last: str, sentence: str
) -> None:
    asked = {"first_day": first, "last_day": last}
    for address in (BOOKS, SETTLEMENT):
        assert sentence in console.get(address, asked).content.decode()
    for address in (BOOKS_FILE, SETTLEMENT_FILE):
        response = console.get(address, asked)
        assert response.status_code == 302
        assert sentence in console.get(response["Location"]).content.decode()


def test_without_a_wallet_or_movements_the_page_says_what_to_do(
    console: Client, db: None
) -> None:
    assert "There is no wallet yet" in console.get(BOOKS).content.decode()
    make_wallet()
    text = console.get(BOOKS).content.decode()
    assert "Nobody had any points in this period" in text


def test_the_file_has_every_day_and_every_column(console: Client, history: None) -> None:
    asked = {"first_day": "2026-03-02", "last_day": "2026-03-04"}
    header, *rows = rows_of(console.get(BOOKS_FILE, asked))
    assert len(header) == len(rows[0]) == 23
    assert [row[0] for row in rows] == ["2026-03-02", "2026-03-03", "2026-03-04"]
    last = dict(zip(header, rows[-1], strict=True))
    assert (last["Opening"], last["Spent"], last["Taken back"]) == ("50", "-9", "-20")
    assert (last["Closing"], last["Difference"], last["Transfers"]) == ("21", "0", "3")


def test_the_workbook_has_numbers_and_days(console: Client, history: None) -> None:
    asked = {"first_day": "2026-03-02", "last_day": "2026-03-04", "format": "xlsx"}
    response = console.get(BOOKS_FILE, asked)
    sheet = load_workbook(io.BytesIO(response.content)).active
    header, *rows = sheet.iter_rows(values_only=True)
    assert header[:2] == ("Day", "Opening")
    assert [row[1] for row in rows] == [0, 50, 50]
    assert rows[0][0] == datetime(2026, 3, 2)  # noqa: DTZ001 - a workbook knows no zones
    assert response["Content-Disposition"].endswith('-2026-03-02-2026-03-04.xlsx"')


def test_the_page_costs_the_same_for_one_day_and_for_a_month(
    console: Client, history: None
) -> None:
    day = {"first_day": "2026-03-04", "last_day": "2026-03-04"}
    assert num_queries(console, BOOKS, **day) == num_queries(console, BOOKS, **MARCH)


# --- the settlement -------------------------------------------------------------------


def test_a_party_pays_its_share_of_what_was_given_less_what_came_back(
    history: None, rule: EarnRule, partner: Funder
) -> None:
    days = {"first": date(2026, 3, 1), "last": date(2026, 3, 31)}
    (line,) = settle_funders(**days)

    # 40 % of 50 points were given; the remaining 300.000 ₫ would have given 30.
    assert (line.funder, line.rule) == (partner, rule)
    assert (line.given, line.taken_back, line.net, line.held) == (20, 8, 12, 0)
    assert (line.orders, line.worth) == (1, Decimal(1800))
    told = list(list_funded(funder=partner, **days))
    assert [(row.points, row.order_number, row.member_code) for row in told] == [
        (20, "=HD-1", "MAI"),
        (-8, "=HD-1", "MAI"),
    ]


def test_a_refund_stands_in_the_month_in_which_it_came(history: None) -> None:
    before, after = (
        settle_funders(first=date(2026, 3, first), last=date(2026, 3, last))
        for first, last in ((1, 3), (4, 31))
    )
    assert [(line.given, line.taken_back) for line in before] == [(20, 0)]
    assert [(line.given, line.taken_back) for line in after] == [(0, 8)]
    assert after[0].worth == Decimal(-1200)


def test_held_points_are_counted_and_points_without_a_price_are_not_worth_anything(
    mai: Member, wallet: Wallet, partner: Funder
) -> None:
    terms: dict[str, Any] = {"hold": "days", "hold_days": 7, "funder": partner}
    make_earn_rule(wallet=wallet, **terms)
    Wallet.objects.update(pays_at_till=False)
    with written(on(2)):
        record([OrderFact("pos", "1", mai.pk, on(2), Decimal(90_000))], at=on(2))
    days = {"first": date(2026, 3, 1), "last": date(2026, 3, 31)}

    (line,) = settle_funders(**days)

    assert (line.given, line.held, line.worth) == (9, 9, None)
    (told,) = list_funded(funder=partner, **days)
    assert (told.member_code, told.points) == ("MAI", 9)


def test_the_page_leads_to_the_very_movements(console: Client, history: None) -> None:
    response = console.get(SETTLEMENT, MARCH)
    (party,) = response.context["parties"]
    assert (response.context["worth"], party.worth) == ("1.800 ₫", "1.800 ₫")
    (row,) = party.rows
    assert (row.given, row.taken_back, row.net, row.orders) == ("20", "8", "12", "1")

    ledger = console.get(row.address)

    rows = ledger.context["cl"].result_list
    assert [(t.kind, t.amount) for t in rows] == [("reverse", 8), ("earn", 20)]


def test_no_cell_of_a_file_is_a_formula(console: Client, history: None) -> None:
    _header, row = rows_of(console.get(SETTLEMENT_FILE, MARCH))
    assert row[:3] == ["'=Ví MoMo", "momo", "'=Điểm"]
    assert row[4:] == ["20", "8", "12", "0", "1", "1800"]
    _header, given, taken = rows_of(console.get(movements_file("momo"), MARCH))
    assert given[0] == "2026-03-02 12:00:00+07:00"
    assert given[2:] == ["'=HD-1", "MAI", "Tích điểm", "'=Điểm", "20"]
    assert taken[-1] == "-8"
    asked = {**MARCH, "format": "xlsx"}
    content = console.get(movements_file("momo"), asked).content
    sheet = load_workbook(io.BytesIO(content)).active
    assert all(cell.data_type != "f" for line in sheet.iter_rows() for cell in line)


def test_taking_a_partys_orders_away_is_noted(console: Client, history: None) -> None:
    console.get(movements_file("momo"), MARCH)
    entry = LogEntry.objects.get()
    assert "2026-03-01 – 2026-03-31" in entry.get_change_message()
    assert console.get(movements_file("nobody"), MARCH).status_code == 404


def test_an_empty_settlement_says_what_to_do(console: Client, wallet: Wallet) -> None:
    assert "Add one, then name it on an earn rule." in str(
        console.get(SETTLEMENT).content.decode()
    )
    Funder.objects.create(code="momo", name="Ví MoMo")
    text = console.get(SETTLEMENT).content.decode()
    assert "Name a funding party on an earn rule" in text


def test_the_settlement_costs_the_same_for_one_rule_and_for_four(
    console: Client, mai: Member, wallet: Wallet, partner: Funder, history: None
) -> None:
    before = num_queries(console, SETTLEMENT, **MARCH)
    for number in range(3):
        funder = Funder.objects.create(code=f"f{number}", name=f"Funder {number}")
        make_earn_rule(wallet=wallet, code=f"r{number}", funder=funder)
    with written(on(6)):
        record([OrderFact("pos", "2", mai.pk, on(6), Decimal(90_000))], at=on(6))
    assert len(console.get(SETTLEMENT, MARCH).context["parties"]) == 4
    assert num_queries(console, SETTLEMENT, **MARCH) == before


# --- who may --------------------------------------------------------------------------

FILES = (BOOKS_FILE, SETTLEMENT_FILE, movements_file("momo"))


def test_looking_and_taking_away_are_two_permissions(
    helper: User, helper_console: Client, history: None
) -> None:
    for address in (BOOKS, SETTLEMENT, *FILES):
        assert helper_console.get(address, MARCH).status_code == 403
    allow(helper, "view_daytotal")
    for address in (BOOKS, SETTLEMENT):
        text = helper_console.get(address, MARCH).content.decode()
        assert "export/" not in text
    for address in FILES:
        assert helper_console.get(address, MARCH).status_code == 403
    allow(helper, "export_daytotal")
    for address in (BOOKS, SETTLEMENT, *FILES):
        assert helper_console.get(address, MARCH).status_code == 200


def test_the_menu_names_the_reports_to_those_who_may_see_them(
    helper: User, helper_console: Client, wallet: Wallet
) -> None:
    allow(helper, "view_member")
    members = reverse("admin:members_member_changelist")
    assert SETTLEMENT not in helper_console.get(members).content.decode()
    allow(helper, "view_daytotal")
    text = helper_console.get(members).content.decode()
    assert BOOKS in text
    assert SETTLEMENT in text


def test_finance_takes_files_marketing_looks_shops_do_neither(db: None) -> None:
    roles = {group.name: group for group in create_roles()}
    found = {
        name: set(
            group.permissions.filter(content_type__model="daytotal").values_list(
                "codename", flat=True
            )
        )
        for name, group in roles.items()
    }
    assert found == {
        "Marketing": {"view_daytotal"},
        "Cửa hàng & CSKH": set(),
        "Nhân viên cửa hàng": set(),
        "Kế toán": {"view_daytotal", "export_daytotal"},
    }


def test_nobody_changes_what_is_written_down(console: Client, db: None) -> None:
    assert DayTotal.objects.count() == 0
    address = reverse("admin:points_daytotal_add")
    assert console.post(address, {"amount": "5"}).status_code == 403
    assert DayTotal.objects.count() == 0


def test_a_period_never_reaches_past_today(console: Client, wallet: Wallet) -> None:
    tomorrow = local_date(timezone.now()) + timedelta(days=1)
    asked = {"first_day": "2026-03-01", "last_day": tomorrow.isoformat()}
    report = console.get(BOOKS, asked).context["report"]
    assert report.total.last == local_date(timezone.now())
