"""Where we may send: the web, and nothing of our own network.

Staff type an address, and our server goes there. Without this guard it would be a way
into everything that stands behind our firewall. A name is resolved once for each request,
every address that it leads to is judged, and the connection goes to one that was: a name
that leads elsewhere a moment later leads nobody astray.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from webhooks.errors import AddressRefused, NameNotFound

Address = IPv4Address | IPv6Address

LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
# Networks of one's own; WEBHOOKS_ALLOW_PRIVATE opens them.
PRIVATE = tuple(
    ip_network(text)
    for text in (
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::1/128",
        "fc00::/7",
    )
)
# Nobody's web shop: link-local, where clouds keep their metadata (and where they keep it
# elsewhere), multicast, reserved, examples, and ways to write an IPv4 address as IPv6.
NEVER = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "100.100.100.200/32",
        "168.63.129.16/32",
        "169.254.0.0/16",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
        "fd00:ec2::254/128",
    )
)
# All of IPv6 that is given out to the public.
PUBLIC_IPV6 = ip_network("2000::/3")


@dataclass(frozen=True, slots=True)
class Target:
    """An address in the web, taken apart."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def is_local(self) -> bool:
        """Whether a developer's own machine is meant, and may be."""
        return settings.DEBUG and self.host in LOCAL_NAMES

    @property
    def url(self) -> str:
        """The address as we ask for it: only what we have read of it."""
        return f"{self.scheme}://{self.host_header}{self.path}"

    @property
    def host_header(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = 443 if self.scheme == "https" else 80
        return host if self.port == usual else f"{host}:{self.port}"


def read_target(address: str) -> Target:
    """Take an address apart, or raise AddressRefused."""
    try:
        parts = urlsplit(address)
        port = parts.port
        host = _plain_host(parts)
    except ValueError:
        raise AddressRefused(
            _("Write a whole address: https://shop.example/path.")
        ) from None
    if not host or any(letter.isspace() or ord(letter) < 32 for letter in address):
        raise AddressRefused(_("Write a whole address: https://shop.example/path."))
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise AddressRefused(
            _("Leave out user names, passwords and what follows a #: requests are signed.")
        )
    path = parts.path or "/"
    path = f"{path}?{parts.query}" if parts.query else path
    usual = 443 if parts.scheme == "https" else 80
    target = Target(parts.scheme, host, usual if port is None else port, path)
    if parts.scheme != "https" and not (parts.scheme == "http" and target.is_local):
        raise AddressRefused(_("Only addresses that begin with https:// are safe."))
    if target.port == 0 or not path.isascii():
        raise _not_whole()
    return target


def _not_whole() -> AddressRefused:
    return AddressRefused(_("Write a whole address: https://shop.example/path."))


def _plain_host(parts: SplitResult) -> str:
    """Return the host as the network knows it: lower case, without accents. ValueError."""
    host = parts.hostname or ""
    return host if ":" in host else host.encode("idna").decode("ascii")


def resolve(target: Target) -> list[str]:
    """Return the addresses behind a name, each of which may be asked.

    Raises NameNotFound, or AddressRefused when only one of them leads where none may.
    """
    try:
        found = socket.getaddrinfo(
            target.host, target.port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
        )
    except (OSError, UnicodeError):
        raise NameNotFound(
            _("The server %(host)s cannot be found. Is its name right?")
            % {"host": target.host}
        ) from None
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    for text in addresses:
        if not _may_ask(ip_address(text), is_local=target.is_local):
            raise AddressRefused(
                _(
                    "%(host)s leads to %(address)s, which is no address of the open web. "
                    "Nothing is sent there."
                )
                % {"host": target.host, "address": text}
            )
    return addresses


def check_address(address: str) -> None:
    """Raise AddressRefused or NameNotFound for what we would not send to now."""
    resolve(read_target(address))


def _may_ask(address: Address, *, is_local: bool) -> bool:
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if is_local and address.is_loopback:
        return True
    if _is_in(address, NEVER):
        return False
    if _is_in(address, PRIVATE):
        return bool(settings.WEBHOOKS_ALLOW_PRIVATE)
    return isinstance(address, IPv4Address) or address in PUBLIC_IPV6


def _is_in(address: Address, networks: tuple[object, ...]) -> bool:
    return any(address in network for network in networks)  # type: ignore[operator]
