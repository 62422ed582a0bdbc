"""How other commands find the site that `make run` has started from this folder.

While the site runs, its lock is held and its addresses stand in a file. A command typed
in another window then reaches the same broker and the same simulated Zalo platform.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO

BASE_DIR = Path(__file__).resolve().parent.parent
RUN_DIR = BASE_DIR / "var" / "run"


class AlreadyRunning(Exception):
    """Another `make run` holds this folder's lock; the text says which."""


class RunningSite:
    """The lock and the addresses of the site that runs from this folder."""

    def __init__(self, directory: Path = RUN_DIR) -> None:
        self._directory = directory
        self._lock: IO[str] | None = None

    @property
    def _lock_path(self) -> Path:
        return self._directory / "site.lock"

    @property
    def _addresses_path(self) -> Path:
        return self._directory / "site.env"

    def take(self, *, says: str) -> None:
        """Hold the folder's lock until this process ends, however it ends."""
        self._directory.mkdir(parents=True, exist_ok=True)
        lock = self._lock_path.open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            with lock:
                lock.seek(0)
                raise AlreadyRunning(lock.read().strip()) from None
        lock.truncate(0)
        lock.write(says)
        lock.flush()
        self._lock = lock
        self._addresses_path.unlink(missing_ok=True)

    def tell(self, addresses: Mapping[str, str]) -> None:
        """Write down how to reach what was started; for this user's eyes only."""
        self._addresses_path.touch(mode=0o600)
        lines = [f"{name}={value}\n" for name, value in addresses.items()]
        self._addresses_path.write_text("".join(lines))

    def forget(self) -> None:
        self._addresses_path.unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def addresses(self) -> dict[str, str]:
        """Return how to reach the running site; nothing when none runs."""
        if not self._is_running() or not self._addresses_path.exists():
            return {}
        lines = self._addresses_path.read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def _is_running(self) -> bool:
        try:
            with self._lock_path.open("a+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return False


def join_running_site(environment: dict[str, str] | os._Environ[str]) -> None:
    """Let this command use what the running site uses, unless it is told otherwise."""
    addresses = RunningSite().addresses()
    # A command for another database must not disturb the one that is being served.
    if environment.get("DATABASE_URL", "") != addresses.pop("DATABASE_URL", ""):
        return
    for name, value in addresses.items():
        environment.setdefault(name, value)
