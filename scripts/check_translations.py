"""Check that the Vietnamese catalogue is complete, correct and compiled.

Says which texts of the code have no translation, which translations have other
placeholders than their text, and whether the compiled catalogue is the one of the source.
Texts are collected with gettext's xgettext where it is installed; without it the
catalogue itself is still checked.
"""

from __future__ import annotations

import gettext
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

ROOT = Path(__file__).resolve().parent.parent
LANGUAGE = "vi"
SOURCE_LANGUAGE = "en"
# Plain %s, named %(name)s, and {name} of str.format.
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}")
MOST_SHOWN = 20


def main() -> int:
    source = ROOT / "locale" / LANGUAGE / "LC_MESSAGES" / "django.po"
    if not source.exists():
        print("There is no catalogue yet; nothing to check.")
        return 0
    with source.open("rb") as file:
        catalog = read_po(file, locale=LANGUAGE)
    faults = [*incomplete(catalog), *wrong_placeholders(catalog)]
    faults += [*stale(catalog, source.with_suffix(".mo")), *forgotten(catalog)]
    for fault in faults[:MOST_SHOWN]:
        print(fault)
    if len(faults) > MOST_SHOWN:
        print(f"… and {len(faults) - MOST_SHOWN} more.")
    print(f"{sum(1 for _ in texts(catalog))} texts, {len(faults)} faults.")
    return 1 if faults else 0


def texts(catalog: Catalog) -> Iterator[Message]:
    """Yield the messages that somebody can read; the first is the header."""
    return (message for message in catalog if message.id)


def incomplete(catalog: Catalog) -> Iterator[str]:
    for message in texts(catalog):
        if message.fuzzy:
            yield f"guessed, not translated: {_name(message)}"
        elif not all(_translations(message)):
            yield f"not translated: {_name(message)}"


def wrong_placeholders(catalog: Catalog) -> Iterator[str]:
    """Yield translations that lose, add or misspell a placeholder."""
    for message in texts(catalog):
        wanted = set(PLACEHOLDER.findall(_ids(message)[-1]))
        for translation in filter(None, _translations(message)):
            # A count may be left out where the words say it ("one member").
            found = set(PLACEHOLDER.findall(translation))
            if found != wanted and not (message.pluralizable and found < wanted):
                yield f"other placeholders: {_name(message)} → {translation[:60]!r}"


def stale(catalog: Catalog, compiled: Path) -> Iterator[str]:
    """Yield texts for which the compiled catalogue says something else."""
    if not compiled.exists():
        yield f"{compiled.name} is missing: make messages"
        return
    with compiled.open("rb") as file:
        catalogue = gettext.GNUTranslations(file)
    for message in texts(catalog):
        key = _ids(message)[0]
        if message.context:
            key = f"{message.context}\x04{key}"
        if message.pluralizable:
            said = [catalogue.ngettext(key, key, n) for n in (1, 2)]
        else:
            said = [catalogue.gettext(key)]
        if all(_translations(message)) and not set(said) <= set(_translations(message)):
            yield f"not compiled (make messages): {_name(message)}"


def forgotten(catalog: Catalog) -> Iterator[str]:
    """Yield texts of the code that the catalogue does not have."""
    if shutil.which("xgettext") is None:
        print("gettext is not installed, so new texts in the code were not looked for.")
        return
    known = {(message.context, _ids(message)[0]) for message in texts(catalog)}
    for message in texts(_collect()):
        if (message.context, _ids(message)[0]) not in known:
            yield f"not in the catalogue (make messages): {_name(message)}"


def _collect() -> Catalog:
    """Collect the texts of the code as makemessages does, into a scratch folder."""
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder) / "site"
        names = subprocess.run(
            ("git", "ls-files", "-co", "--exclude-standard", "*.py", "*.html", "*.txt"),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        for name in names:
            if name.startswith("tests/") or not (ROOT / name).exists():
                continue
            target = scratch / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target)
        (scratch / "locale").mkdir(parents=True)
        subprocess.run(
            (sys.executable, "manage.py", "makemessages", "-l", SOURCE_LANGUAGE, "-v", "0"),
            cwd=scratch,
            check=True,
        )
        with (scratch / "locale" / SOURCE_LANGUAGE / "LC_MESSAGES/django.po").open(
            "rb"
        ) as po:
            return read_po(po, locale=SOURCE_LANGUAGE)


def _ids(message: Message) -> tuple[str, ...]:
    return tuple(message.id) if isinstance(message.id, (list, tuple)) else (message.id,)


def _translations(message: Message) -> tuple[str, ...]:
    said = message.string
    return tuple(said) if isinstance(said, (list, tuple)) else (said or "",)


def _name(message: Message) -> str:
    text = _ids(message)[0]
    place = f"{message.locations[0][0]}: " if message.locations else ""
    return f"{place}{text[:70]!r}"


if __name__ == "__main__":
    sys.exit(main())
