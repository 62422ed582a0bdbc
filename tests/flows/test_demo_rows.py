"""What the demo leaves behind, made once for all these questions."""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import override_settings
from pytest_django import DjangoDbBlocker

from activities.models import Order, OrderLine, PurchaseSummary, Store
from api.models import TillKey
from flows.demo import phones
from members.models import Consent, Identifier, Member, MemberTag
from points.audit import verify_ledger
from points.models import Transfer
from points.queries import balances, expiring
from tests.kept_rows import kept_rows
from zalo_simulator.server import Simulator

pytestmark = pytest.mark.django_db

AT = "2026-03-02T12:00"
NOON = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)
TODAY = date(2026, 3, 2)


def run(*args: str) -> str:
    out = StringIO()
    call_command("seed_demo", "--members", "60", "--at", AT, *args, stdout=out)
    return out.getvalue()


@pytest.fixture(scope="module")
def made_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("made")


@pytest.fixture(scope="module", autouse=True)
def said(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, made_in: Path
) -> Iterator[str]:
    """Make the demo; return what the command said."""
    with override_settings(VAR_DIR=made_in), kept_rows(django_db_blocker, run) as said:
        yield said


@pytest.fixture(autouse=True)
def var_dir(settings: LazySettings, made_in: Path, tmp_path: Path) -> Path:
    """Return a copy of what was written beside the rows, for one test."""
    settings.VAR_DIR = shutil.copytree(made_in, tmp_path / "var")
    return settings.VAR_DIR


def state() -> list[Any]:
    models = (Member, Identifier, Consent, Order, OrderLine, Transfer, PurchaseSummary)
    return [list(model.objects.order_by("pk").values()) for model in models]


def member(phone: str) -> Member:
    return Member.objects.get(identifiers__value=phone)


def test_makes_a_believable_brand(said: str) -> None:
    assert "The demo is ready: 60 members" in said
    assert Member.objects.count() == 60
    assert Store.objects.count() == 8
    assert 200 < Order.objects.count() < 1500
    assert Order.objects.order_by("-placed_at")[0].placed_at < NOON
    assert Order.objects.order_by("placed_at")[0].placed_at > NOON - timedelta(days=366)
    hours = {order.placed_at.astimezone().hour for order in Order.objects.all()}
    assert hours <= set(range(7, 22))
    assert not Identifier.objects.filter(kind="card").exclude(value__regex="^[0-9]{12}$")
    share = Member.objects.filter(follows_oa=True).count() / 60
    assert 0.2 < share < 0.6
    assert verify_ledger().ok


def test_mai_has_been_silent_and_has_something_to_lose() -> None:
    mai = member("+84912345678")
    assert mai.name == "Nguyễn Thị Mai"
    assert mai.purchases.last_order_on == TODAY - timedelta(days=50)
    assert mai.follows_oa
    assert balances([mai.pk])[mai.pk] > 50
    soon = expiring([mai.pk], at=NOON)[mai.pk]
    assert sum(lot.points for lot in soon) > 0
    assert not MemberTag.objects.filter(member=mai, tag__code="45").exists()
    quan = member("+84987654321")
    assert quan.purchases.last_order_on == TODAY - timedelta(days=1)
    assert MemberTag.objects.filter(member=quan, tag__code="45").exists()


def test_a_second_run_changes_nothing_and_shows_the_logins_again(
    said: str, var_dir: Path
) -> None:
    before = state()
    logins = (var_dir / "demo.json").read_text()
    second = run("--members", "500")
    assert state() == before
    assert (var_dir / "demo.json").read_text() == logins
    assert second.splitlines()[1:] == said.splitlines()[1:]
    assert "was there already: 60 members" in second


def test_the_logins_work(var_dir: Path) -> None:
    logins = json.loads((var_dir / "demo.json").read_text())
    assert (var_dir / "demo.json").stat().st_mode & 0o777 == 0o600
    user = User.objects.get(username="demo")
    assert user.is_superuser
    assert user.check_password(logins["console"]["password"])
    assert TillKey.objects.is_valid(logins["till_key"])
    assert TillKey.objects.get().store.code == "nguyen-hue"
    assert logins["members"][0]["phone"] == "0912 345 678"


def test_a_lost_login_file_gets_new_logins(var_dir: Path) -> None:
    (var_dir / "demo.json").write_text("{not json")
    run()
    logins = json.loads((var_dir / "demo.json").read_text())
    user = User.objects.get(username="demo")
    assert user.check_password(logins["console"]["password"])
    assert TillKey.objects.is_valid(logins["till_key"])


def test_tells_the_simulator_who_its_people_are(settings: LazySettings) -> None:
    with Simulator(port=0) as simulator:
        settings.ZALO_OPENAPI_URL = simulator.base_url
        assert phones.register_people() == 60
        mai = simulator.people.by_phone("84912345678")
        assert simulator.people.count() == 60
    assert mai is not None
    assert mai.name == "Nguyễn Thị Mai"
    assert mai.follows is True
    assert mai.user_id.isdigit()


def test_a_simulator_that_is_down_is_no_error(settings: LazySettings) -> None:
    # Nothing listens on the discard port.
    settings.ZALO_OPENAPI_URL = "http://127.0.0.1:9"
    assert phones.register_people() is None


def test_the_reminder_is_on_its_way_at_once() -> None:
    mai = member("+84912345678")
    (message,) = mai.messages.all()
    assert (message.channel, message.state) == ("zalo_uid", "pending")
    assert message.due_at == NOON
    assert not Member.objects.get(identifiers__value="+84987654321").messages.exists()
