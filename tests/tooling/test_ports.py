"""Which ports are free, and what is said when one is not."""

import socket
from collections.abc import Iterator

import pytest

from loyalty_site.launch import ports
from loyalty_site.launch.errors import CannotStart


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_free_port_is_free() -> None:
    port = ports.any_free_port()

    assert ports.is_free(port)
    assert ports.require_free(port, name="PORT") == port


def test_a_taken_port_names_another(taken: int) -> None:
    with pytest.raises(CannotStart) as refusal:
        ports.require_free(taken, name="PORT")

    other = ports.first_free_port(taken + 1)
    assert str(refusal.value) == (
        f"Port {taken} is taken by another program; stop it, or choose another port: "
        f"make run PORT={other}"
    )


def test_the_first_free_port_passes_over_a_taken_one(taken: int) -> None:
    assert ports.first_free_port(taken) > taken


def test_tells_who_answers(taken: int) -> None:
    assert ports.answers(taken)
    assert not ports.answers(ports.any_free_port())


@pytest.mark.parametrize("text", ["abc", "0", "65536", "-1", "80 80"])
def test_refuses_what_is_no_port(text: str) -> None:
    with pytest.raises(CannotStart, match="is no port; write a number from 1 to 65535"):
        ports.read_port(text, name="PORT", default=8000)


def test_reads_a_port_or_takes_the_default() -> None:
    assert ports.read_port("8123", name="PORT", default=8000) == 8123
    assert ports.read_port("", name="PORT", default=8000) == 8000
