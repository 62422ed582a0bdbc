"""Processes that start together, talk through one terminal, and stop together."""

from __future__ import annotations

import contextlib
import ctypes
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

LOG_LIMIT = 10 * 1024 * 1024
NAME_WIDTH = 9
# A web server lets requests end, a worker its task; whoever needs longer is cut off,
# which is safe: work to do is rows, and a row half done is taken up again.
GRACE = 6.0
BACK_OFF = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
# Who has lived this long has recovered: the next fault counts from the beginning.
STEADY_AFTER = 60.0

PR_SET_PDEATHSIG = 1


@dataclass(slots=True)
class Child:
    """One process: how it is started, and what happens when it ends by itself."""

    name: str
    command: Sequence[str]
    # Without the web there is no site; everything else is started again.
    is_vital: bool = False
    # The broker goes last: the others still talk to it while they stop.
    stops_last: bool = False
    # What it says goes to its log only.
    is_quiet: bool = False
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    num_failures: int = 0
    starts_again_at: float | None = None
    _unfinished: bytes = field(default=b"", repr=False)
    _log: IO[bytes] | None = field(default=None, repr=False)

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self, *, environment: Mapping[str, str], log_dir: Path, cwd: Path) -> None:
        self.close()
        self._log = _open_log(log_dir / f"{self.name}.log")
        self.process = subprocess.Popen(
            self.command,
            env=dict(environment),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # A group of its own: Ctrl-C reaches only us, and we stop it with all that
            # it has started. Nothing else runs in this process, so the hook is safe.
            start_new_session=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )
        self.started_at = time.monotonic()
        self.starts_again_at = None

    def take_output(self, data: bytes) -> list[str]:
        """Keep what it said in its log, and return the lines that are complete."""
        if self._log is not None:
            self._log.write(data)
            self._log.flush()
        *lines, self._unfinished = (self._unfinished + data).split(b"\n")
        return [line.decode(errors="replace").rstrip() for line in lines]

    def close(self) -> None:
        """Let go of the files of a process that has ended."""
        if self._log is not None:
            self._log.close()
        if self.process is not None and self.process.stdout is not None:
            self.process.stdout.close()

    def signal(self, number: int) -> None:
        """Send a signal to the process and to all that it has started."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, number)

    def is_gone(self) -> bool:
        """Tell whether neither the process nor anything that it started is left."""
        if self.process is None:
            return True
        if self.process.poll() is None:
            return False
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False


class Supervisor:
    """Keeps children running until it is asked to stop."""

    def __init__(
        self,
        *,
        environment: Mapping[str, str],
        log_dir: Path,
        cwd: Path,
        say: Callable[[str, str], None],
    ) -> None:
        self.children: list[Child] = []
        self._stop_asked = False
        self._environment = environment
        self._log_dir = log_dir
        self._cwd = cwd
        self._say = say
        self._selector = selectors.DefaultSelector()
        log_dir.mkdir(parents=True, exist_ok=True)

    def ask_to_stop(self) -> None:
        self._stop_asked = True

    def must_stop(self) -> bool:
        return self._stop_asked

    def start(self, child: Child) -> None:
        child.start(environment=self._environment, log_dir=self._log_dir, cwd=self._cwd)
        if child not in self.children:
            self.children.append(child)
        assert child.process is not None
        assert child.process.stdout is not None
        os.set_blocking(child.process.stdout.fileno(), False)
        self._selector.register(child.process.stdout, selectors.EVENT_READ, child)

    def wait(self, seconds: float) -> None:
        """Pass on what the children say; return at the first word or when time is up."""
        if not self._selector.get_map():
            time.sleep(seconds)
            return
        for key, _events in self._selector.select(seconds):
            self._read(key.fileobj, key.data)  # type: ignore[arg-type]

    def pause(self, seconds: float) -> None:
        """Pass on what the children say, for as long as this."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not self.must_stop():
            self.wait(left)

    def look_after(self) -> Child | None:
        """Start again who died; return the child whose death ends the site."""
        now = time.monotonic()
        for child in self.children:
            if child.starts_again_at is not None:
                if now >= child.starts_again_at:
                    self.start(child)
                continue
            if child.is_running:
                continue
            child.signal(signal.SIGKILL)
            self._hear_out(child)
            if child.is_vital:
                return child
            self._plan_restart(child, now)
        return None

    def stop_all(self) -> None:
        """Ask everyone to end, and end whoever does not, with all that they started."""
        self._stop([child for child in self.children if not child.stops_last])
        self._stop([child for child in self.children if child.stops_last])
        for child in self.children:
            self._hear_out(child)
            child.close()
        self._selector.close()

    def _stop(self, children: Sequence[Child]) -> None:
        for child in children:
            child.starts_again_at = None
            if child.process is not None and child.is_running:
                # Only the head of the group is asked; it ends its own helpers in order.
                child.process.terminate()
        deadline = time.monotonic() + GRACE
        while time.monotonic() < deadline and not all(c.is_gone() for c in children):
            self.wait(0.1)
        for child in children:
            child.signal(signal.SIGKILL)
            if child.process is not None:
                child.process.wait()

    def _plan_restart(self, child: Child, now: float) -> None:
        if now - child.started_at > STEADY_AFTER:
            child.num_failures = 0
        pause = BACK_OFF[min(child.num_failures, len(BACK_OFF) - 1)]
        child.num_failures += 1
        child.starts_again_at = now + pause
        code = child.process.returncode if child.process is not None else "?"
        self._say(child.name, f"ended by itself (code {code}); again in {pause:.0f} s")

    def _hear_out(self, child: Child) -> None:
        """Take the last words of a process that has ended."""
        assert child.process is not None
        assert child.process.stdout is not None
        if child.process.stdout in self._pipes():
            self._read(child.process.stdout, child)
        if child.process.stdout in self._pipes():
            self._selector.unregister(child.process.stdout)

    def _pipes(self) -> list[object]:
        return [key.fileobj for key in self._selector.get_map().values()]

    def _read(self, pipe: IO[bytes], child: Child) -> None:
        try:
            data = os.read(pipe.fileno(), 65536)
        except BlockingIOError:
            return
        if not data:
            self._selector.unregister(pipe)
            return
        for line in child.take_output(data):
            if not child.is_quiet:
                self._say(child.name, line)


def _open_log(path: Path) -> IO[bytes]:
    if path.exists() and path.stat().st_size > LOG_LIMIT:
        path.replace(path.with_suffix(".log.1"))
    return path.open("ab")


def _load_c_library() -> ctypes.CDLL | None:
    return ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


_C_LIBRARY = _load_c_library()


def _die_with_parent() -> None:
    """Ask Linux to end this child when the launcher is killed without a chance to."""
    if _C_LIBRARY is not None:
        _C_LIBRARY.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
