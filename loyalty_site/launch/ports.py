"""Which ports are free."""

from __future__ import annotations

import socket

from loyalty_site.launch.errors import CannotStart

LOOPBACK = "127.0.0.1"


def is_free(port: int, host: str = LOOPBACK) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the servers do: a port whose last connection has just closed is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def answers(port: int, host: str = LOOPBACK) -> bool:
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def any_free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def first_free_port(start: int, attempts: int = 50) -> int:
    for port in range(start, start + attempts):
        if is_free(port):
            return port
    raise CannotStart(f"No port from {start} to {start + attempts - 1} is free.")


def read_port(text: str, *, name: str, default: int) -> int:
    """Read a port from the environment, or say what is wrong with it."""
    if not text:
        return default
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise CannotStart(f"{name}={text} is no port; write a number from 1 to 65535.")
    return int(text)


def require_free(port: int, *, name: str, host: str = LOOPBACK) -> int:
    if is_free(port, host):
        return port
    if port < 1024 and not answers(port, host):
        raise CannotStart(
            f"Port {port} may not be opened by this user; choose another: "
            f"make run {name}=8000"
        )
    other = first_free_port(port + 1)
    raise CannotStart(
        f"Port {port} is taken by another program; stop it, or choose another port: "
        f"make run {name}={other}"
    )
