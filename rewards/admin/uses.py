"""Where something is used: every row of every app that points at it, with a link."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.contrib import admin
from django.db.models import Model
from django.utils.text import capfirst

from core.admin_tools import link

SHOWN = 8


class Use(NamedTuple):
    """What kind of thing uses it, and which ones."""

    what: str
    links: list[str]
    is_more: bool


def uses_of(obj: Model, user: Any, *, without: frozenset[str] = frozenset()) -> list[Use]:
    """Return what points at an object; records of what happened are no uses.

    Only what has a page of its own counts, and only what this person may see.
    """
    found = []
    for relation in obj._meta.related_objects:
        model: Any = relation.related_model
        page = admin.site._registry.get(model)
        if page is None or model._meta.label in without:
            continue
        if not user.has_perm(f"{model._meta.app_label}.view_{model._meta.model_name}"):
            continue
        rows = list(model.objects.filter(**{relation.field.name: obj})[: SHOWN + 1])
        if rows:
            name = str(capfirst(model._meta.verbose_name_plural))
            links = [link(row) for row in rows[:SHOWN]]
            found.append(Use(name, links, len(rows) > SHOWN))
    return found
