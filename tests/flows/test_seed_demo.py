"""The demo: made through the same verbs as everything else, the same every time."""

from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from activities.models import Order
from campaigns.measuring import measure
from campaigns.models import Campaign, Enrolment
from core.models import JobRun
from flows.demo import phones, seed
from members.models import Member
from messaging.models import OfficialAccount, ZaloTemplate
from points.audit import verify_ledger
from points.models import Transfer
from rewards.models import GivenBenefit, Redemption
from tests.factories import make_member

pytestmark = pytest.mark.django_db

AT = "2026-03-02T12:00"
NOON = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)
TODAY = date(2026, 3, 2)


@pytest.fixture(autouse=True)
def var_dir(settings: Any, tmp_path: Path) -> Path:
    settings.VAR_DIR = tmp_path
    return tmp_path


def run(*args: str) -> str:
    out = StringIO()
    call_command("seed_demo", "--members", "60", "--at", AT, *args, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize("step", ["_save_people", "_record_orders", "_redeem"])
def test_an_interrupted_run_is_finished_with_the_same_rows(monkeypatch, step):
    """Stop it after half of a step; finish it a day later; compare with the plan."""
    verb = {"_save_people": "save_members", "_record_orders": "record"}.get(
        step, "redeem_reward"
    )
    real, calls = getattr(seed, verb), iter(range(100))

    def stop_after_one(*args: Any, **kwargs: Any) -> Any:
        if next(calls) == 1:
            raise KeyboardInterrupt
        return real(*args, **kwargs)

    def small_chunks(items: Any, size: int = 25) -> Any:
        return CHUNKS(items, 25)

    CHUNKS = seed.chunks
    monkeypatch.setattr(seed, "chunks", small_chunks)
    monkeypatch.setattr(seed, verb, stop_after_one)
    with pytest.raises(KeyboardInterrupt):
        seed.seed_demo(at=NOON, members=60)
    monkeypatch.setattr(seed, verb, real)
    report = seed.seed_demo(at=NOON + timedelta(days=1), members=70)
    assert (report.members, Member.objects.count()) == (60, 60)
    assert report.orders == Order.objects.count()
    spends = Transfer.objects.filter(kind="spend").count()
    gifts = Redemption.objects.filter(key__startswith="demo-gift:").count()
    assert spends == report.redemptions + gifts == Redemption.objects.count()
    earned = Transfer.objects.filter(kind="earn").values_list("amount", flat=True)
    gifts_of_campaigns = GivenBenefit.objects.filter(source="campaign")
    assert sum(earned) == report.points + 20 * gifts_of_campaigns.count()
    assert Enrolment.objects.filter(campaign__code="moi-khach-cu").exists()
    ended = Campaign.objects.filter(code__in=["moi-khach-cu", "nhom-van-phong"])
    assert set(ended.values_list("state", flat=True)) == {"ended"}
    assert JobRun.objects.get(job=seed.JOB).state == "done"


def test_refuses_a_database_with_real_members():
    make_member()
    with pytest.raises(CommandError, match="There are members already"):
        run()
    assert Member.objects.count() == 1
    assert not JobRun.objects.exists()


def test_connects_the_simulator_but_never_in_place_of_a_real_account(settings):
    settings.ZALO_APP_ID = "4242424242424242424"
    seed.connect_to_simulator(name="Cà phê Mộc")
    assert not OfficialAccount.objects.exists()
    settings.ZALO_APP_ID = seed.SIMULATOR_APP_ID
    seed.connect_to_simulator(name="Cà phê Mộc")
    assert OfficialAccount.objects.get().oa_id == seed.SIMULATOR_OA_ID


@pytest.mark.parametrize("url", ["https://openapi.zalo.me", "http://127.0.0.1:8787"])
def test_tells_nobody_about_real_members(settings, monkeypatch, url):
    monkeypatch.setattr(phones, "HttpClient", None)
    make_member(phone="0912345678")
    settings.ZALO_OPENAPI_URL = url
    assert phones.register_people() is None


def test_shows_the_logins_again_only_where_the_demo_is(capsys):
    call_command("show_demo")
    assert capsys.readouterr().out == ""
    run()
    out = StringIO()
    call_command("show_demo", stdout=out)
    lines = out.getvalue().splitlines()
    assert lines[0].startswith("Console    user demo, password ")
    assert lines[1].startswith("Member     0912 345 678  Nguyễn Thị Mai: has not come")
    assert lines[-1].startswith("Till key   ")


def test_asks_the_simulator_for_prices_once_and_never_a_real_account(settings, monkeypatch):
    asked: list[datetime] = []
    settings.ZALO_OPENAPI_URL = "http://127.0.0.1:8787"
    monkeypatch.setattr(phones, "sync_templates", lambda *, at: asked.append(at))
    phones.learn_prices(at=NOON)
    run()
    phones.learn_prices(at=NOON)
    assert asked == [NOON]
    ZaloTemplate.objects.create(template_id="1", name="Known", synced_at=NOON)
    phones.learn_prices(at=NOON)
    ZaloTemplate.objects.all().delete()
    OfficialAccount.objects.update(oa_id="4242")
    phones.learn_prices(at=NOON)
    OfficialAccount.objects.update(oa_id=seed.SIMULATOR_OA_ID)
    settings.ZALO_OPENAPI_URL = "https://openapi.zalo.me"
    phones.learn_prices(at=NOON)
    assert asked == [NOON]


def test_one_campaign_has_a_sure_result_and_one_is_too_small():
    seed.seed_demo(at=NOON, members=2000, quiet=True)
    sure, small = (
        measure(Campaign.objects.get(code=code), at=NOON)
        for code in ("moi-khach-cu", "nhom-van-phong")
    )
    assert sure.missing == ""
    assert sure.revenue is not None
    assert sure.revenue.low > 0
    assert sure.share is not None
    assert sure.share.low > 0
    assert sure.benefit_cost > 0
    assert (small.missing, small.revenue) == ("too_few", None)
    assert verify_ledger().ok
