"""What can be heard, as staff choose it: by group, with the words of the apps."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.text import capfirst
from django.utils.translation import gettext_lazy

from core.happenings import Text, happening_kinds
from webhooks.models import TEST

Choice = tuple[str, str]

UNKNOWN = gettext_lazy("Not offered any more")


def grouped_kinds(*, chosen: Iterable[str] = ()) -> list[tuple[str, list[Choice]]]:
    """Return every kind by group; what is chosen and not offered any more stays visible."""
    groups: dict[str, list[Choice]] = {}
    known = happening_kinds()
    for kind in known.values():
        groups.setdefault(str(kind.group), []).append(
            (kind.code, str(_capital(kind.label)))
        )
    if lost := [(code, code) for code in chosen if code not in known]:
        groups[str(UNKNOWN)] = lost
    return list(groups.items())


def kind_names() -> dict[str, Text]:
    """Return the words for every kind, those of a test included, in no language yet."""
    names = {kind.code: _capital(kind.label) for kind in happening_kinds().values()}
    return {**names, TEST: gettext_lazy("Test event")}


def _capital(label: Text) -> Text:
    capital: Text = capfirst(label)  # type: ignore[type-var]
    return capital
