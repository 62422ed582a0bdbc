"""Access tokens: renewed early, stored before use, lost only when Zalo says so."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from messaging.errors import GrantLost, NotConnected
from messaging.models import OfficialAccount
from messaging.services import connect_official_account
from messaging.zalo import tokens
from messaging.zalo.client import ZaloClient
from messaging.zalo.tokens import TokenUnavailable, fresh_token
from zalo_simulator.server import Simulator


@pytest.fixture
def client() -> Iterator[ZaloClient]:
    with ZaloClient() as opened:
        yield opened


def aged(hours: float) -> None:
    """Pretend that the pair was renewed so many hours ago, for 25 hours."""
    refreshed_at = timezone.now() - timedelta(hours=hours)
    OfficialAccount.objects.update(
        refreshed_at=refreshed_at,
        access_token_expires_at=refreshed_at + timedelta(hours=25),
    )


def test_the_first_token_comes_from_the_grant(
    zalo: Simulator, account: OfficialAccount, client: ZaloClient
) -> None:
    token = fresh_token(client)

    account.refresh_from_db()
    assert account.access_token == token != ""
    assert account.refresh_token not in ("", zalo.options.first_refresh_token)
    assert account.refreshing_until is None
    life = account.access_token_expires_at - account.refreshed_at
    assert life == timedelta(seconds=90_000)


def test_a_young_token_is_used_again(
    zalo: Simulator, account: OfficialAccount, client: ZaloClient
) -> None:
    token = fresh_token(client)
    aged(hours=19.9)

    assert fresh_token(client) == token


def test_it_is_renewed_after_20_of_25_hours(
    zalo: Simulator, account: OfficialAccount, client: ZaloClient
) -> None:
    token = fresh_token(client)
    aged(hours=20.1)

    assert fresh_token(client) not in ("", token)


def test_a_rejected_token_is_renewed(
    zalo: Simulator, account: OfficialAccount, client: ZaloClient
) -> None:
    token = fresh_token(client)

    assert fresh_token(client, rejected=token) != token


def test_a_token_that_another_process_renewed_is_taken(
    zalo: Simulator, account: OfficialAccount, client: ZaloClient
) -> None:
    old = fresh_token(client)
    new = fresh_token(client, rejected=old)

    assert fresh_token(client, rejected=old) == new


def test_a_dead_refresh_token_loses_the_grant_and_says_so(
    settings: Any,
    zalo: Simulator,
    account: OfficialAccount,
    client: ZaloClient,
    caplog: pytest.LogCaptureFixture,
) -> None:
    fresh_token(client)
    OfficialAccount.objects.update(refresh_token="used up", access_token="")

    with pytest.raises(GrantLost):
        fresh_token(client)

    account.refresh_from_db()
    assert account.state == "grant_lost"
    assert "-14014" in account.last_error
    assert [r.levelname for r in caplog.records if "grant lost" in r.message] == ["ERROR"]


def test_what_is_left_of_the_last_token_is_used_up(
    settings: Any, zalo: Simulator, account: OfficialAccount, client: ZaloClient
) -> None:
    token = fresh_token(client)
    OfficialAccount.objects.update(refresh_token="used up")
    aged(hours=21)

    assert fresh_token(client) == token
    assert OfficialAccount.objects.get().state == "grant_lost"
    with pytest.raises(GrantLost):
        fresh_token(client, rejected=token)


def test_a_newer_grant_in_the_environment_helps_out(
    settings: Any, zalo: Simulator, account: OfficialAccount, client: ZaloClient
) -> None:
    OfficialAccount.objects.update(refresh_token="used up")

    assert fresh_token(client) != ""
    assert OfficialAccount.objects.get().state == "active"


def test_an_outage_loses_nothing(
    settings: Any, zalo: Simulator, account: OfficialAccount, client: ZaloClient
) -> None:
    zalo.faults.add("http_500", calls="/v4/oa/access_token", next=1)

    with pytest.raises(TokenUnavailable):
        fresh_token(client)
    assert fresh_token(client) != ""


def test_an_outage_does_not_stop_a_token_that_works(
    zalo: Simulator, account: OfficialAccount, client: ZaloClient
) -> None:
    token = fresh_token(client)
    aged(hours=21)
    zalo.faults.add("http_500", calls="/v4/oa/access_token")

    assert fresh_token(client) == token


def test_while_another_process_renews_one_waits(
    zalo: Simulator,
    account: OfficialAccount,
    client: ZaloClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tokens, "PATIENCE_SECONDS", 0.2)
    OfficialAccount.objects.update(refreshing_until=timezone.now() + timedelta(minutes=1))

    with pytest.raises(TokenUnavailable):
        fresh_token(client)
    OfficialAccount.objects.update(refreshing_until=timezone.now() - timedelta(seconds=1))
    assert fresh_token(client) != ""


def test_without_an_account_it_says_so(transactional_db: None, client: ZaloClient) -> None:
    with pytest.raises(NotConnected):
        fresh_token(client)


# --- Connecting -------------------------------------------------------------------------


def test_connecting_again_with_the_same_grant_keeps_the_newer_tokens(
    zalo: Simulator, account: OfficialAccount, client: ZaloClient
) -> None:
    token = fresh_token(client)
    OfficialAccount.objects.update(state="stopped", last_error="-115: no money")

    again = connect_official_account()

    assert (again.pk, again.state, again.last_error) == (account.pk, "active", "")
    assert fresh_token(client) == token


def test_connecting_with_a_new_grant_uses_it(
    zalo: Simulator, account: OfficialAccount, client: ZaloClient
) -> None:
    old = fresh_token(client)
    zalo.platform.tokens.mint("another")

    connected = connect_official_account(refresh_token="another", name="Mộc", check=True)

    assert (connected.name, connected.state) == ("Mộc", "active")
    assert connected.access_token not in ("", old)


def test_a_dead_grant_is_refused_when_checked(
    settings: Any, zalo: Simulator, transactional_db: None
) -> None:
    settings.ZALO_REFRESH_TOKEN = ""
    with pytest.raises(GrantLost):
        connect_official_account(refresh_token="nonsense", check=True)
