"""Finding members the way people at a counter ask for them."""

from __future__ import annotations

import contextlib

from django.http import HttpRequest
from django.urls import reverse
from unfold.dataclasses import SearchResult

from core.phones import InvalidPhone, mask_phone, normalise_phone
from members.models import Identifier, Member

SHOWN = 10


def member_ids_for_search(term: str, limit: int = 200) -> list[int]:
    """Return members by phone, card, e-mail or code; if none, by a part of the name."""
    term = term.strip()
    found = list(
        Identifier.objects.filter(value__in=_identifier_values(term)).values_list(
            "member_id", flat=True
        )[:limit]
    )
    found += Member.objects.filter(code__iexact=term).values_list("pk", flat=True)
    if found:
        return found
    named = Member.objects.filter(name__icontains=term).order_by("-pk")
    return list(named.values_list("pk", flat=True)[:limit])


def _identifier_values(term: str) -> list[str]:
    """Return how a search term may stand in the table: as it is, as a phone, as a card."""
    values = [term, term.replace(" ", "")]
    with contextlib.suppress(InvalidPhone):
        values.append(normalise_phone(term))
    return values


def find_for_command(request: HttpRequest, term: str) -> list[SearchResult]:
    """Answer the console's search box with members."""
    if not request.user.has_perm("members.view_member"):
        return []
    ids = member_ids_for_search(term, limit=SHOWN)[:SHOWN]
    members = Member.objects.filter(pk__in=ids).order_by("name")
    phones = dict(
        Identifier.objects.filter(
            member_id__in=ids, kind=Identifier.Kind.PHONE
        ).values_list("member_id", "value")
    )
    return [
        SearchResult(
            title=str(member),
            description=f"{member.code} · {mask_phone(phones.get(member.pk, ''))}",
            link=reverse("admin:members_member_change", args=[member.pk]),
            icon="person",
        )
        for member in members
    ]
