"""The check of the Vietnamese catalogue finds what it is there for."""

import importlib.util
from io import BytesIO
from pathlib import Path
from types import ModuleType

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from django.conf import settings

HEADER = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n'


@pytest.fixture(scope="module")
def check() -> ModuleType:
    path = Path(settings.BASE_DIR) / "scripts" / "check_translations.py"
    spec = importlib.util.spec_from_file_location("check_translations", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def catalog(text: str) -> Catalog:
    return read_po(BytesIO((HEADER + text).encode()), locale="vi")


def compiled(path: Path, text: str) -> Path:
    with path.open("wb") as file:
        write_mo(file, catalog(text))
    return path


GOOD = 'msgid "%(name)s has points"\nmsgstr "%(name)s có điểm"\n'


def test_a_complete_catalogue_has_no_faults(check: ModuleType, tmp_path: Path) -> None:
    found = catalog(GOOD)

    assert [*check.incomplete(found), *check.wrong_placeholders(found)] == []
    assert list(check.stale(found, compiled(tmp_path / "django.mo", GOOD))) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('msgid "Points"\nmsgstr ""\n', "not translated: 'Points'"),
        (
            '#, fuzzy\nmsgid "Points"\nmsgstr "Điểm"\n',
            "guessed, not translated: 'Points'",
        ),
    ],
)
def test_finds_what_is_not_translated(check: ModuleType, text: str, fault: str) -> None:
    assert list(check.incomplete(catalog(text))) == [fault]


@pytest.mark.parametrize(
    "text",
    [
        'msgid "%(name)s has"\nmsgstr "%(nane)s có"\n',
        'msgid "%s points"\nmsgstr "điểm"\n',
        'msgid "{days} days"\nmsgstr "ngày"\n',
        'msgid "points"\nmsgstr "%s điểm"\n',
    ],
)
def test_finds_placeholders_that_differ(check: ModuleType, text: str) -> None:
    assert len(list(check.wrong_placeholders(catalog(text)))) == 1


def test_finds_a_catalogue_that_was_not_compiled(check: ModuleType, tmp_path: Path) -> None:
    assert list(check.stale(catalog(GOOD), tmp_path / "django.mo")) == [
        "django.mo is missing: make messages"
    ]

    older = compiled(tmp_path / "django.mo", GOOD.replace("điểm", "sao"))
    assert len(list(check.stale(catalog(GOOD), older))) == 1
