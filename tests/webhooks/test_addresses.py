"""Where a webhook may lead: the open web, never into a network of our own."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import Any

import pytest

from core.http import HttpClient, Request
from tests.webhooks.receiving import receiver
from webhooks.addresses import check_address, read_target, resolve
from webhooks.errors import AddressRefused, NameNotFound
from webhooks.posting import new_client, post

NOBODY = "http://127.0.0.1:1/"
FORBIDDEN = [
    "127.0.0.1",
    "127.255.255.254",
    "127.1",
    "2130706433",  # 127.0.0.1 as one number
    "0177.0.0.1",  # and in octal
    "0x7f.0.0.1",  # and in hexadecimal
    "0x7f000001",
    "017700000001",
    "localhost",
    "LOCALHOST",
    "0.0.0.0",
    "0",
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",  # the metadata of most clouds
    "2852039166",  # the same as one number
    "100.100.100.200",  # of another
    "168.63.129.16",  # and of another
    "192.0.0.192",
    "192.0.2.7",
    "198.18.0.1",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:10.0.0.1]",
    "[::ffff:a9fe:a9fe]",
    "[::127.0.0.1]",
    "[64:ff9b::a00:1]",  # 10.0.0.1 behind a translator
    "[2002:7f00:1::]",  # 127.0.0.1 by 6to4
    "[2001:0:a00:1::]",  # Teredo
    "[2001:db8::1]",
    "[fe80::1]",
    "[fec0::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",  # metadata again
    "[ff02::1]",
    "[100::1]",
]
ALLOWED = [
    "8.8.8.8",
    "1.1.1.1",
    "172.15.255.255",
    "172.32.0.1",
    "100.63.255.255",
    "100.128.0.1",
    "[2606:4700:4700::1111]",
    "[2a00:1450:4001::1]",
    "[::ffff:8.8.8.8]",
]
PRIVATE = ["10.0.0.1", "172.16.0.1", "192.168.1.1", "127.0.0.1", "[::1]", "[fc00::1]"]


@pytest.mark.parametrize("host", FORBIDDEN)
def test_no_way_into_a_network_of_our_own(host: str) -> None:
    with pytest.raises(AddressRefused):
        check_address(f"https://{host}/hook")


@pytest.mark.parametrize("host", ALLOWED)
def test_the_open_web_may_be_told(host: str) -> None:
    check_address(f"https://{host}/hook")


@pytest.mark.parametrize("host", FORBIDDEN)
def test_the_switch_opens_private_networks_and_nothing_else(
    host: str, settings: Any
) -> None:
    settings.WEBHOOKS_ALLOW_PRIVATE = True
    target = read_target(f"https://{host}/hook")
    found = {str(one[4][0]) for one in socket.getaddrinfo(target.host, 443)}
    opened = ("10.", "127.", "172.", "192.168.", "100.64.", "::1", "fc00::", "::ffff:10.")
    opened = (*opened, "::ffff:127.")

    if all(ip.startswith(opened) and ip != "::127.0.0.1" for ip in found):
        check_address(f"https://{host}/hook")
    else:
        with pytest.raises(AddressRefused):
            check_address(f"https://{host}/hook")


@pytest.mark.parametrize("host", PRIVATE)
def test_the_switch_opens_each_private_network(host: str, settings: Any) -> None:
    with pytest.raises(AddressRefused):
        check_address(f"https://{host}/hook")
    settings.WEBHOOKS_ALLOW_PRIVATE = True
    check_address(f"https://{host}/hook")


@pytest.mark.parametrize(
    "address",
    [
        "http://8.8.8.8/hook",
        "ftp://8.8.8.8/hook",
        "file:///etc/passwd",
        "gopher://8.8.8.8/",
        "//8.8.8.8/hook",
        "8.8.8.8/hook",
        "https://",
        "https:///hook",
        "https://user@8.8.8.8/",
        "https://user:word@8.8.8.8/",
        "https://8.8.8.8/#part",
        "https://8.8.8.8:0/",
        "https://8.8.8.8:99999/",
        "https://8.8.8.8:x/",
        "https://8.8.8.8/a b",
        "https://8.8.8.8/\r\nX-Evil: 1",
        "https://8.8.8.8/\u1edf",
        "https://a..b/",
        "https://[::1/",
        "",
    ],
)
def test_what_is_no_plain_https_address_is_refused(address: str) -> None:
    with pytest.raises(AddressRefused):
        check_address(address)


def test_http_is_for_a_developers_own_machine_only(settings: Any) -> None:
    local = "http://localhost:8000/hook"
    with pytest.raises(AddressRefused):
        check_address(local)

    settings.DEBUG = True
    check_address(local)
    check_address("https://localhost:8000/hook")
    for host in ("8.8.8.8", "10.0.0.1", "127.0.0.2", "169.254.169.254"):
        with pytest.raises(AddressRefused):
            check_address(f"http://{host}/hook")
    with pytest.raises(AddressRefused):
        check_address("https://127.0.0.2/hook")


def test_a_name_with_accents_is_asked_for_as_the_network_writes_it() -> None:
    target = read_target("https://Cà-Phê.example:8443/a?b=1")

    assert target.host == "xn--c-ph-0na7d.example"
    assert (target.port, target.path) == (8443, "/a?b=1")
    assert target.host_header == "xn--c-ph-0na7d.example:8443"


def test_a_name_that_leads_nowhere_is_no_refusal() -> None:
    with pytest.raises(NameNotFound):
        check_address("https://no-such-name.invalid/hook")


# --- names whose address changes ----------------------------------------------------------


def names(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Let a name lead to other addresses each time it is asked; return who was asked."""
    asked: list[str] = []
    left = list(answers)

    def lookup(host: str, port: int, *_args: Any, **_more: Any) -> list[Any]:
        asked.append(host)
        found = left.pop(0)
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in found
        ]

    monkeypatch.setattr("webhooks.addresses.socket.getaddrinfo", lookup)
    return asked


def test_one_bad_address_among_good_ones_is_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names(monkeypatch, ["8.8.8.8", "10.0.0.1"])

    with pytest.raises(AddressRefused, match=r"leads to 10\.0\.0\.1"):
        resolve(read_target("https://crm.example/hook"))


def test_a_name_that_turns_inwards_after_it_was_saved_gets_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with receiver() as inside:
        address = f"https://crm.example:{inside.port}/hook"
        names(monkeypatch, ["8.8.8.8"], ["127.0.0.1"])
        check_address(address)

        with new_client() as client:
            answer = post(client, address, message_id="msg_1", payload="{}", secrets=[])

        assert answer.problem == "forbidden"
        assert inside.requests == []


def test_the_name_is_asked_once_for_a_request_and_the_connection_goes_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Between judging and connecting there is no second look-up to be fooled by."""
    went: list[str] = []
    ask = HttpClient.ask

    def watched(self: HttpClient, request: Request, read: Any) -> Any:
        went.append(request.connect_to)
        # Nobody listens there, and the test waits for nobody outside.
        return ask(self, replace(request, connect_to="127.0.0.1", url=NOBODY), read)

    monkeypatch.setattr(HttpClient, "ask", watched)
    asked = names(monkeypatch, ["8.8.8.8", "2606:4700::1111"], ["127.0.0.1"])

    with new_client() as client:
        answer = post(
            client, "https://crm.example/hook", message_id="msg_1", payload="{}", secrets=[]
        )

    assert answer.problem == "unreachable"
    assert asked == ["crm.example"]
    assert went == ["8.8.8.8", "[2606:4700::1111]"]
