"""What is decided before anything is started."""

from pathlib import Path

import pytest

from loyalty_site.launch import broker, ports
from loyalty_site.launch.errors import CannotStart
from loyalty_site.launch.site import Plan, children_of, make_plan


def plan_for(tmp_path: Path, **environment: str) -> Plan:
    environment.setdefault("PORT", str(ports.any_free_port()))
    return make_plan(environment, var_dir=tmp_path)


def test_starts_everything_itself_when_nothing_is_configured(tmp_path: Path) -> None:
    plan = plan_for(tmp_path)

    assert plan.broker.is_own
    names = [child.name for child in children_of(plan)]
    assert names == ["simulator", "web", "worker", "beat"]
    assert plan.environment["CELERY_BROKER_URL"] == plan.broker.url
    assert plan.environment["PUBLIC_URL"] == f"http://127.0.0.1:{plan.port}"


def test_the_broker_is_for_this_machine_and_this_user_only(tmp_path: Path) -> None:
    plan = plan_for(tmp_path)

    config = tmp_path / "broker" / "server.conf"
    lines = config.read_text().splitlines()
    assert "bind 127.0.0.1" in lines
    assert f"requirepass {plan.broker.password}" in lines
    assert "maxmemory-policy noeviction" in lines
    assert config.stat().st_mode & 0o077 == 0
    assert plan.broker.password not in " ".join(plan.broker.command)


def test_uses_the_broker_that_is_configured(tmp_path: Path) -> None:
    plan = plan_for(tmp_path, CELERY_BROKER_URL="amqp://guest@rabbit/")

    assert not plan.broker.is_own
    assert plan.environment["CELERY_BROKER_URL"] == "amqp://guest@rabbit/"
    assert not (tmp_path / "broker").exists()


@pytest.mark.parametrize("name", ["ZALO_APP_ID", "ZALO_OPENAPI_URL"])
def test_simulates_no_platform_beside_a_real_one(tmp_path: Path, name: str) -> None:
    plan = plan_for(tmp_path, **{name: "https://example.com"})

    assert plan.simulator_port is None
    assert "simulator" not in [child.name for child in children_of(plan)]
    assert "ZALO_BUSINESS_URL" not in plan.environment


def test_points_the_site_at_the_simulated_platform(tmp_path: Path) -> None:
    plan = plan_for(tmp_path)

    for name in ("ZALO_OAUTH_URL", "ZALO_OPENAPI_URL", "ZALO_BUSINESS_URL"):
        assert plan.environment[name] == plan.simulator_url
    assert plan.environment["ZALO_OA_SECRET"] == "simulator-oa-secret"


def test_keeps_the_public_address_that_is_configured(tmp_path: Path) -> None:
    plan = plan_for(tmp_path, PUBLIC_URL="https://loyalty.example.com")

    assert plan.environment["PUBLIC_URL"] == "https://loyalty.example.com"


def test_refuses_a_host_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="HOST=no such host is no address"):
        plan_for(tmp_path, HOST="no such host")


def test_says_what_to_do_without_any_broker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "_wheel_binary", lambda: None)
    monkeypatch.setattr(broker, "_installed_binary", lambda: None)
    monkeypatch.setattr(ports, "answers", lambda _port: False)

    with pytest.raises(CannotStart, match="install redis-server, or set CELERY_BROKER"):
        plan_for(tmp_path)


def test_uses_a_redis_that_runs_where_the_wheel_has_no_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "_wheel_binary", lambda: None)
    monkeypatch.setattr(broker, "_installed_binary", lambda: None)
    monkeypatch.setattr(ports, "answers", lambda _port: True)

    assert plan_for(tmp_path).broker.url == "redis://127.0.0.1:6379/0"
