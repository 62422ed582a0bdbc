"""Me: who I am, which language, what may be sent to me."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.http import require_POST, require_safe

from core.phones import mask_phone, normalise_phone
from messaging.inbox import count_unread
from portal.access import MemberRequest, member_required, safe_next, session_member
from portal.consent import allows_offers, answer_offers
from portal.language import save_language, set_language_cookie
from portal.rendering import render_page
from portal.views.pages import known_by


@require_safe
@member_required
def me(request: MemberRequest) -> HttpResponse:
    """Show what the programme knows of the member, and the switches that are theirs."""
    member = request.member
    known = known_by(member)
    context = {
        "place": "me",
        "member": member,
        "number": known.card,
        "phone": mask_phone(normalise_phone(known.phone)) if known.phone else "",
        "has_consent": allows_offers(member),
        "num_unread": count_unread(member.pk, at=timezone.now()),
    }
    return render_page(request, "portal/me.html", context)


@require_POST
@member_required
def consent(request: MemberRequest) -> HttpResponse:
    """Turn offers and news on or off."""
    is_given = request.POST.get("marketing") == "on"
    answer_offers(member=request.member, is_given=is_given, at=timezone.now())
    if is_given:
        messages.success(request, _("Done. You will hear from us about offers and news."))
    else:
        messages.success(request, _("Done. We no longer send you offers or news."))
    return redirect("portal:me")


@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Switch the language of this browser, and of the member who is signed in."""
    chosen = request.POST.get("language", "")
    response = redirect(safe_next(request))
    if chosen not in dict(settings.LANGUAGES):
        return response
    set_language_cookie(response, chosen)
    member = session_member(request)
    if member is not None:
        save_language(member=member, language=chosen)
        with override(chosen):
            messages.success(request, _("Done. This is your language from now on."))
    return response
