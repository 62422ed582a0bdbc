"""Where a request comes from: the visitor's address, and the network it belongs to."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_ipv46_address
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str | None:
    """Return the visitor's address, past the proxies that we were told to trust."""
    proxies = settings.AXES_IPWARE_PROXY_COUNT
    if proxies:
        hops = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
        if len(hops) >= proxies and is_address(hops[-proxies].strip()):
            return hops[-proxies].strip()
    address = request.META.get("REMOTE_ADDR", "")
    return address if is_address(address) else None


def is_address(text: str) -> bool:
    try:
        validate_ipv46_address(text)
    except ValidationError:
        return False
    return True


def network_of(ip: str, bits: int = 32, bits_of_six: int = 64) -> str:
    """Return the network of an address; one IPv6 customer has at least a /64."""
    address = ip_address(ip)
    prefix = bits if address.version == 4 else bits_of_six
    return str(ip_network(f"{address}/{prefix}", strict=False))
