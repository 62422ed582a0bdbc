"""Tell the Zalo simulator who the demo's members are, so that their phones exist."""

from __future__ import annotations

import contextlib
import json
from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings

from core.batch import chunks
from core.errors import DomainError
from core.http import HttpClient, Reply, Request
from flows.demo.seed import SIMULATOR_OA_ID, has_demo
from members.models import Identifier
from messaging.models import OfficialAccount, ZaloTemplate
from messaging.services import sync_templates


def register_people() -> int | None:
    """Register the demo's members with the simulator; None when there is none to tell.

    Nothing is ever told to another machine, nor when the members are real.
    """
    if not _is_here() or not has_demo():
        return None
    people = _people()
    with HttpClient() as client:
        for chunk in chunks(people, 500):
            request = Request(
                f"{settings.ZALO_OPENAPI_URL}/simulator/people",
                {"Content-Type": "application/json"},
                json.dumps(chunk).encode(),
            )
            if not client.ask(request, _is_told).result():
                return None
    return len(people)


def _is_told(reply: Reply) -> bool:
    return reply.status == 200 and not reply.problem


def learn_prices(*, at: datetime) -> None:
    """Ask the simulator about its templates once, so that campaigns say what they cost.

    A real account is asked by the schedule, and the demo's from the next morning on.
    """
    is_ours = OfficialAccount.objects.filter(oa_id=SIMULATOR_OA_ID).exists()
    if not _is_here() or not is_ours or not has_demo():
        return
    if ZaloTemplate.objects.exists():
        return
    with contextlib.suppress(DomainError):
        sync_templates(at=at)


def _is_here() -> bool:
    """Tell whether Zalo is simulated on this machine."""
    url = urlsplit(settings.ZALO_OPENAPI_URL)
    return url.hostname in ("127.0.0.1", "localhost", "::1")


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
