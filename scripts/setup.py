"""Make .venv and install the pinned packages into it; quick when nothing changed.

Runs under whatever Python the machine has, so it uses the standard library only.
"""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOG = ROOT / "var" / "log" / "setup.log"


def main(names: list[str]) -> int:
    try:
        if not _is_usable():
            _make_venv()
        for name in names:
            _install(ROOT / name)
    except CannotSetUp as error:
        print(error, file=sys.stderr)
        return 1
    return 0


class CannotSetUp(Exception):
    """The text says in one sentence what to do."""


def _is_usable() -> bool:
    """Tell whether .venv works: not half made, and not of a Python that has gone."""
    if not PYTHON.exists():
        return False
    code = "import sys, pip; sys.exit(sys.version_info < (3, 11))"
    return _run([str(PYTHON), "-c", code]) == 0


def _make_venv() -> None:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
        raise CannotSetUp(
            f"Python {version} is here, but its venv module is not: install it (Debian and "
            f"Ubuntu: apt install python{version}-venv) and run make again."
        )
    print(f"Making .venv with Python {version}…", flush=True)
    shutil.rmtree(VENV, ignore_errors=True)
    if _run([sys.executable, "-m", "venv", str(VENV)]) != 0:
        raise CannotSetUp(
            f"Python {version} could not make a virtual environment in .venv; the reason "
            f"stands at the end of {LOG.relative_to(ROOT)}."
        )


def _install(requirements: Path) -> None:
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()
    stamp = VENV / f".installed-{requirements.name}"
    if stamp.exists() and stamp.read_text() == digest:
        return
    print(f"Installing {requirements.name}… (a minute, once)", flush=True)
    command = [str(PYTHON), "-m", "pip", "install", "--require-hashes"]
    command += ["--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
    if _run([*command, "-r", str(requirements)]) != 0:
        raise CannotSetUp(
            f"The packages of {requirements.name} could not be installed "
            f"({_last_error()}); the whole story is in {LOG.relative_to(ROOT)}. "
            "Mend it and run make again."
        )
    stamp.write_text(digest)


def _last_error() -> str:
    """Return what pip gave as its reason, shortened to one line."""
    lines = LOG.read_text(errors="replace").splitlines()
    errors = [line for line in lines if line.startswith("ERROR:")]
    return (errors[-1] if errors else "no reason given")[:200]


def _run(command: list[str]) -> int:
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with LOG.open("w") as log:
        return subprocess.call(command, stdout=log, stderr=subprocess.STDOUT, cwd=ROOT)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
