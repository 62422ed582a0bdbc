"""Settings: what cannot be read is refused, what contradicts itself is told."""

import pytest
from django.core.checks import CheckMessage
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from loyalty_site import checks
from loyalty_site.environment import Environment
from loyalty_site.settings import sqlite_journal_mode


@pytest.mark.parametrize(
    ("text", "value"), [("yes", True), ("TRUE", True), ("0", False), ("off", False)]
)
def test_reads_yes_and_no(monkeypatch: pytest.MonkeyPatch, text: str, value: bool) -> None:
    monkeypatch.setenv("SWITCH", text)

    assert Environment().bool("SWITCH", default=not value) is value


def test_refuses_what_is_neither_yes_nor_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWITCH", "treu")

    with pytest.raises(ImproperlyConfigured, match="SWITCH=treu is neither yes nor no"):
        Environment().bool("SWITCH")


def test_refuses_what_is_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBER", "12x")

    with pytest.raises(ImproperlyConfigured, match="NUMBER=12x is no whole number"):
        Environment().int("NUMBER")


def test_an_empty_setting_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBER", "")
    monkeypatch.setenv("SWITCH", "")

    assert Environment().int("NUMBER", default=7) == 7
    assert Environment().bool("SWITCH", default=True) is True


@pytest.mark.parametrize(
    ("version", "mode"),
    [
        ((3, 40, 1), "TRUNCATE"),
        ((3, 51, 2), "TRUNCATE"),
        ((3, 51, 3), "WAL"),
        ((3, 53, 0), "WAL"),
        ((3, 50, 6), "TRUNCATE"),
        ((3, 50, 7), "WAL"),
        ((3, 44, 6), "WAL"),
    ],
)
def test_write_ahead_log_only_where_it_loses_nothing(
    version: tuple[int, int, int], mode: str
) -> None:
    assert sqlite_journal_mode(version) == mode


def ids(found: list[CheckMessage]) -> list[str | None]:
    return [message.id for message in found]


@pytest.mark.parametrize(
    ("url", "hosts", "debug", "expected"),
    [
        ("http://127.0.0.1:8000", ["127.0.0.1"], False, []),
        ("http://192.168.1.5", ["192.168.1.5"], False, []),
        ("https://loyalty.example.com", ["loyalty.example.com"], False, []),
        ("https://loyalty.example.com", [".example.com"], False, []),
        ("https://loyalty.example.com", ["localhost"], False, ["loyalty.W001"]),
        ("http://loyalty.example.com", ["*"], False, ["loyalty.W002"]),
        ("https://loyalty.example.com", ["*"], True, ["loyalty.E002"]),
        ("loyalty.example.com", ["*"], False, ["loyalty.E001"]),
    ],
)
def test_the_public_address_fits_the_rest(
    settings: Settings, url: str, hosts: list[str], debug: bool, expected: list[str]
) -> None:
    settings.PUBLIC_URL, settings.ALLOWED_HOSTS, settings.DEBUG = url, hosts, debug

    assert ids(checks.check_public_url(None)) == expected


def test_a_redirect_that_the_site_cannot_see_is_told(settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert ids(checks.check_proxy(None)) == ["loyalty.W003"]

    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert checks.check_proxy(None) == []


def test_zalo_by_halves_is_told(settings: Settings) -> None:
    settings.ZALO_APP_ID = settings.ZALO_APP_SECRET = settings.ZALO_OA_SECRET = ""
    assert checks.check_zalo(None) == []

    settings.ZALO_APP_ID = "123"
    found = checks.check_zalo(None)
    assert ids(found) == ["loyalty.E003"]
    assert "ZALO_APP_SECRET, ZALO_OA_SECRET is empty" in found[0].msg

    settings.ZALO_APP_SECRET = settings.ZALO_OA_SECRET = "secret"
    assert checks.check_zalo(None) == []


def test_mails_that_no_server_would_take_are_told(settings: Settings) -> None:
    settings.LEDGER_SEAL_EMAIL, settings.EMAIL_URL = ["owner@example.com"], ""
    assert ids(checks.check_mailings(None)) == ["loyalty.E004"]
    settings.LOW_STOCK_EMAIL = ["shop@example.com"]
    assert ids(checks.check_mailings(None)) == ["loyalty.E004", "loyalty.E005"]

    settings.EMAIL_URL = "smtp+tls://user:password@mail.example.com:587"
    assert checks.check_mailings(None) == []

    settings.LEDGER_SEAL_EMAIL, settings.LOW_STOCK_EMAIL, settings.EMAIL_URL = [], [], ""
    assert checks.check_mailings(None) == []
