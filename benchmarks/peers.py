"""Other libraries, in an environment of their own: the project never sees them."""

import hashlib
import subprocess
import sys
from pathlib import Path

from scratch import PROJECT

REQUIREMENTS = PROJECT / "benchmarks" / "requirements-peers.txt"
FOLDER = PROJECT / "var" / "bench-peers"
PYTHON = FOLDER / "bin" / "python"


class NoPeers(Exception):
    """They could not be installed; the text says why."""


def peers_python() -> Path:
    """Return the Python that has the pinned peers, installed when they changed."""
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    stamp = FOLDER / ".installed"
    if stamp.exists() and stamp.read_text() == digest:
        return PYTHON
    print("Installing the libraries to compare with… (once)", flush=True)
    _run(sys.executable, "-m", "venv", "--clear", str(FOLDER))
    options = ("--require-hashes", "--disable-pip-version-check", "--no-input", "-q")
    _run(str(PYTHON), "-m", "pip", "install", *options, "-r", str(REQUIREMENTS))
    stamp.write_text(digest)
    return PYTHON


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise NoPeers(lines[-1] if lines else f"exit {done.returncode}")
