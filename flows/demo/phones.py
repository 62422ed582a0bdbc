"""Tell the Zalo simulator who the demo's members are, so that their phones exist."""

from __future__ import annotations

from urllib.parse import urlsplit

import requests
from django.conf import settings

from core.batch import chunks
from flows.demo.seed import has_demo
from members.models import Identifier

TIMEOUT = 10


def register_people() -> int | None:
    """Register the demo's members with the simulator; None when there is none to tell.

    Nothing is ever told to another machine, nor when the members are real.
    """
    url = urlsplit(settings.ZALO_OPENAPI_URL)
    is_here = url.hostname in ("127.0.0.1", "localhost", "::1")
    if not is_here or not has_demo():
        return None
    people = _people()
    with requests.Session() as session:
        # A proxy of the environment must not stand between us and ourselves.
        session.trust_env = False
        try:
            for chunk in chunks(people, 500):
                answer = session.post(
                    f"{settings.ZALO_OPENAPI_URL}/simulator/people",
                    json=chunk,
                    timeout=TIMEOUT,
                )
                answer.raise_for_status()
        except requests.RequestException:
            return None
    return len(people)


def _people() -> list[dict[str, object]]:
    people: dict[int, dict[str, object]] = {}
    kinds = {Identifier.Kind.PHONE: "phone", Identifier.Kind.ZALO: "user_id"}
    rows = Identifier.objects.filter(kind__in=kinds).order_by("member_id")
    for member_id, kind, value, name, follows in rows.values_list(
        "member_id", "kind", "value", "member__name", "member__follows_oa"
    ):
        person = people.setdefault(member_id, {"name": name, "follows": follows})
        person[kinds[Identifier.Kind(kind)]] = value
    return list(people.values())
