"""Settings that contradict each other, found before the first request."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.http.request import validate_host


@register
def check_public_url(
    app_configs: Sequence[Any] | None, **kwargs: Any
) -> list[CheckMessage]:
    url = urlsplit(settings.PUBLIC_URL)
    if url.scheme not in ("http", "https") or not url.hostname:
        return [
            Error(
                f"PUBLIC_URL is {settings.PUBLIC_URL!r}, which is no web address.",
                hint="Write it like https://loyalty.example.com.",
                id="loyalty.E001",
            )
        ]
    found: list[CheckMessage] = []
    if not _is_allowed(url.hostname):
        found.append(
            Warning(
                f"Links in messages point to {url.hostname}, which this site refuses.",
                hint=f"Add {url.hostname} to ALLOWED_HOSTS.",
                id="loyalty.W001",
            )
        )
    if url.scheme == "http" and not _is_private(url.hostname):
        found.append(
            Warning(
                "PUBLIC_URL is plain http, so passwords and codes can be read on the way.",
                hint="Serve the site over https and set PUBLIC_URL=https://…",
                id="loyalty.W002",
            )
        )
    if url.scheme == "https" and settings.DEBUG:
        found.append(
            Error(
                "DEBUG is on for a public address; its error pages show your settings.",
                hint="Remove DEBUG from the environment.",
                id="loyalty.E002",
            )
        )
    return found


@register
def check_proxy(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    behind_proxy = getattr(settings, "SECURE_PROXY_SSL_HEADER", None) is not None
    if settings.SECURE_SSL_REDIRECT and not behind_proxy:
        return [
            Warning(
                "SECURE_SSL_REDIRECT is on, but the site cannot see that a proxy has "
                "spoken https for it: browsers would be sent round in circles.",
                hint="Set BEHIND_PROXY=yes where the proxy sets X-Forwarded-Proto.",
                id="loyalty.W003",
            )
        ]
    return []


@register
def check_zalo(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    names = ("ZALO_APP_ID", "ZALO_APP_SECRET", "ZALO_OA_SECRET")
    missing = [name for name in names if not getattr(settings, name)]
    if missing and len(missing) < len(names):
        return [
            Error(
                f"Zalo is configured by halves: {', '.join(missing)} is empty.",
                hint="Copy the values from developers.zalo.me and the OA's webhook page.",
                id="loyalty.E003",
            )
        ]
    return []


def _is_allowed(host: str) -> bool:
    return validate_host(host, settings.ALLOWED_HOSTS or ["localhost", "127.0.0.1"])


def _is_private(host: str) -> bool:
    """Tell an address of this machine or of the house's own network."""
    if host == "localhost" or host.endswith((".localhost", ".local")):
        return True
    try:
        return ip_address(host).is_private
    except ValueError:
        return "." not in host


# Each mailing by night: the setting that names who gets it, and what it is about.
MAILINGS = {
    "LEDGER_SEAL_EMAIL": ("the seals", "loyalty.E004"),
    "LOW_STOCK_EMAIL": ("what runs low", "loyalty.E005"),
}


@register
def check_mailings(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    if settings.EMAIL_URL:
        return []
    return [
        Error(
            f"{name} names who gets {what}, but no server takes the mail.",
            hint=f"Set EMAIL_URL, or remove {name}.",
            id=number,
        )
        for name, (what, number) in MAILINGS.items()
        if getattr(settings, name)
    ]
