"""`make run` on a machine that lacks something: one clear sentence."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from django.conf import settings

SCRIPTS = Path(settings.BASE_DIR) / "scripts"


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return scripts/setup.py, at work in a folder of its own."""
    spec = importlib.util.spec_from_file_location("setup_script", SCRIPTS / "setup.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(module, "PYTHON", tmp_path / ".venv" / "bin" / "python")
    monkeypatch.setattr(module, "LOG", tmp_path / "var" / "log" / "setup.log")
    return module


def bin_with(tmp_path: Path, *names: str) -> Path:
    """Make a PATH that has only these programs."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in names:
        where = shutil.which(name)
        assert where is not None
        (folder / name).symlink_to(where)
    return folder


def run_setup_script(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(SCRIPTS / "setup.sh"), "requirements.txt"],
        env={"PATH": str(path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_without_python_it_says_what_to_install(tmp_path: Path) -> None:
    done = run_setup_script(bin_with(tmp_path, "dirname"))

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("This needs Python 3.11 or newer, and none was found:")
    assert done.stderr.count("\n") == 1


def test_a_python_that_is_too_old_is_none(tmp_path: Path) -> None:
    path = bin_with(tmp_path, "dirname")
    old = path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)

    done = run_setup_script(path)

    assert done.returncode == 1
    assert "This needs Python 3.11 or newer" in done.stderr


def test_without_venv_it_names_the_package(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(setup.importlib.util, "find_spec", lambda _name: None)

    assert setup.main([]) == 1

    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"apt install python{version}-venv" in said


@pytest.fixture
def working_venv(setup: ModuleType) -> ModuleType:
    """A .venv whose Python is this one, so that nothing has to be made."""
    setup.PYTHON.parent.mkdir(parents=True)
    setup.PYTHON.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    setup.PYTHON.chmod(0o755)
    return setup


def test_a_broken_pin_is_named(
    working_venv: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pin = "./no-such-folder/package-1.0-py3-none-any.whl --hash=sha256:" + "0" * 64
    (tmp_path / "requirements.txt").write_text(pin)

    assert working_venv.main(["requirements.txt"]) == 1

    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "The packages of requirements.txt could not be installed (ERROR:" in said
    assert "var/log/setup.log" in said
    assert not (tmp_path / ".venv" / ".installed-requirements.txt").exists()


def test_installs_again_only_when_the_pins_changed(
    working_venv: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[list[str]] = []
    monkeypatch.setattr(working_venv, "_is_usable", lambda: True)
    monkeypatch.setattr(working_venv, "_run", lambda command: calls.append(command) or 0)
    pins = tmp_path / "requirements.txt"

    for text in ("a==1", "a==1", "a==2"):
        pins.write_text(text)
        assert working_venv.main(["requirements.txt"]) == 0

    assert len(calls) == 2
    assert "--require-hashes" in calls[0]


def test_a_half_made_environment_is_made_again(setup: ModuleType) -> None:
    setup.PYTHON.parent.mkdir(parents=True)
    setup.PYTHON.write_text("#!/bin/sh\nexit 1\n")
    setup.PYTHON.chmod(0o755)

    assert setup._is_usable() is False
