"""The ways into the demo: a console user, a till key, and the members worth looking at.

They are kept in var/demo.json, readable by this user only, so that every start can show
them again.
"""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User

from activities.models import Store
from api.models import TillKey
from api.services import create_till_key
from core.phones import display_phone, normalise_phone
from flows.demo.orders import SOURCE
from flows.demo.people import KNOWN
from flows.demo.words import SHOPS

USER = "demo"
FILE = "demo.json"


def prepare_logins() -> dict[str, Any]:
    """Make the demo's user and key, or make those that were told before work again."""
    path = Path(settings.VAR_DIR) / FILE
    told = _read(path)
    logins = {
        "console": {"user": USER, "password": _password(told)},
        "till_key": _till_key(told),
        "members": [
            {
                "name": known.name,
                "phone": display_phone(normalise_phone(known.phone)),
                "story": known.story,
            }
            for known in KNOWN
        ],
    }
    path.parent.mkdir(exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(json.dumps(logins, ensure_ascii=False, indent=2) + "\n")
    return logins


def login_lines(logins: dict[str, Any]) -> list[str]:
    """Say for whom is what, one line each."""
    console = logins["console"]
    return [
        f"Console    user {console['user']}, password {console['password']}",
        *(f"Member     {m['phone']}  {m['name']}: {m['story']}" for m in logins["members"]),
        f"Till key   {logins['till_key']}",
    ]


def _read(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _password(told: dict[str, Any]) -> str:
    password = str(told.get("console", {}).get("password") or secrets.token_urlsafe(9))
    user, _created = User.objects.get_or_create(
        username=USER, defaults={"is_staff": True, "is_superuser": True}
    )
    if not user.check_password(password):
        user.set_password(password)
        user.save(update_fields=["password"])
    return password


def _till_key(told: dict[str, Any]) -> str:
    key = str(told.get("till_key") or "")
    if key and TillKey.objects.is_valid(key):
        return key
    store = Store.objects.get(code=SHOPS[0].code)
    _key, text = create_till_key(name=f"Demo: {store.name}", source=SOURCE, store=store)
    return text
