"""Names and codes of copies."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext as _


def copy_name(model: type[models.Model], name: str) -> str:
    """Return the name of a copy, short enough for its column."""
    longest = _longest(model, "name")
    suffix = _("(copy)")
    return f"{name[: longest - len(suffix) - 1].rstrip()} {suffix}"


def free_code(model: type[models.Model], code: str) -> str:
    """Return a code that no row has yet: the code itself, else with -2, -3…

    Two people at the same moment can get the same one; the unique constraint then refuses
    the second, who tries again.
    """
    longest = _longest(model, "code")
    stem = code[: longest - 5]
    rows = model._default_manager.filter(code__startswith=stem)
    taken = set(rows.values_list("code", flat=True))
    if code not in taken:
        return code
    number = 2
    while f"{stem}-{number}" in taken:
        number += 1
    return f"{stem}-{number}"


def _longest(model: type[models.Model], name: str) -> int:
    field = model._meta.get_field(name)
    assert isinstance(field, models.CharField), "names and codes are text"
    return field.max_length or 0
