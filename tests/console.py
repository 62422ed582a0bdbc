"""What tests of the console's pages share."""

from __future__ import annotations

import json
from datetime import time
from typing import Any

from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone


def allow(user: User, *codenames: str) -> None:
    """Give permissions; Django remembers them on the user, so tests ask for a new one."""
    user.user_permissions.add(*Permission.objects.filter(codename__in=codenames))


def num_queries(client: Client, address: str, **parameters: Any) -> int:
    """Count the statements of one page."""
    with CaptureQueriesContext(
        connection,
    ) as queries:
        response = client.get(address, parameters)
    assert response.status_code == 200
    return len(queries)


def form_data(response: Any) -> dict[str, Any]:
    """Return what a browser would send back when nothing on a page's forms is changed."""
    data: dict[str, Any] = {}
    forms = [response.context["adminform"].form]
    for inline in response.context["inline_admin_formsets"]:
        forms += [inline.formset.management_form, *inline.formset.forms]
    for form in forms:
        for field in form:
            value = field.value()
            if value is None or value is False:
                continue
            data |= _as_sent(field.html_name, value)
    return data


def _as_sent(name: str, value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return {name: json.dumps(value)}
    if isinstance(value, time):
        return {name: f"{value:%H:%M}"}
    if hasattr(value, "hour"):
        value = timezone.localtime(value) if timezone.is_aware(value) else value
        return {f"{name}_0": f"{value:%d/%m/%Y}", f"{name}_1": f"{value:%H:%M}"}
    if hasattr(value, "year"):
        return {name: f"{value:%d/%m/%Y}"}
    return {name: value}
