"""The language of the member pages: what was chosen here, else what the member has."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from members.models import Member


def carry_language(request: HttpRequest, response: HttpResponse, member: Member) -> None:
    """At sign-in, bring along the language that the member chose on another phone.

    What was chosen in this browser stays. Vietnamese is what a member has who never
    chose, so it does not speak against the language that the browser asks for.
    """
    was_chosen_here = settings.LANGUAGE_COOKIE_NAME in request.COOKIES
    if not was_chosen_here and member.language != Member.Language.VIETNAMESE:
        set_language_cookie(response, member.language)


def save_language(*, member: Member, language: str) -> None:
    """Remember the language in which a member wants to be spoken to."""
    if member.language != language:
        member.language = language
        member.save(update_fields=["language"])


def set_language_cookie(response: HttpResponse, language: str) -> None:
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=365 * 24 * 3600,
        path=settings.LANGUAGE_COOKIE_PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
