"""The figures of the battery become a table and a page."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest
from django.conf import settings

SCRIPTS = Path(settings.BASE_DIR) / "scripts"


@pytest.fixture
def battery(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    spec = importlib.util.spec_from_file_location("battery", SCRIPTS / "battery.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def line(database: str, **figures: object) -> dict[str, object]:
    about = {"at": "2026-03-02", "commit": "abc", "machine": "x86_64, 2 CPUs"}
    versions = {"python": "3.11.7", "django": "5.2.19"}
    return {"test": "T7 last item", **about, **versions, "database": database, **figures}


def test_puts_the_databases_side_by_side(battery: ModuleType) -> None:
    lines = [
        line("sqlite", tries=200, winners=1),
        line("postgresql", tries=200, winners=1, control_winners=31),
    ]

    page = battery.as_markdown(lines, failed=[], seconds=12.4)

    assert "## T7 last item" in page
    assert "| figure | sqlite | postgresql |" in page
    assert "| winners | 1 | 1 |" in page
    assert "| control winners | – | 31 |" in page
    assert "Nothing failed." in page


def test_says_where_it_failed(battery: ModuleType) -> None:
    page = battery.as_markdown([line("sqlite")], failed=["SQLite"], seconds=1)

    assert "**Failed on SQLite.**" in page


def test_reads_what_the_tests_wrote(battery: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "figures.jsonl"
    assert battery.read_figures(path) == []

    path.write_text(json.dumps(line("sqlite", tries=5)) + "\n")

    assert battery.as_text(battery.read_figures(path)).split() == [
        *("T7", "last", "item", "sqlite", "tries", "5")
    ]
