"""The link in a message: it leads to what the message spoke of."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from messaging.links import note_click, read_link
from portal.access import redirect_to_sign_in, session_member
from portal.link import linked_member_id
from portal.rendering import forbid_storing, render_page


@require_safe
def open_link(request: HttpRequest, token: str) -> HttpResponse:
    """Note the click and lead on: signed in to the points, otherwise by way of sign-in."""
    message_id = read_link(token)
    if message_id is None:
        return render_page(request, "portal/wrong_link.html", status=404)
    if request.method == "GET":
        note_click(message_id, timezone.now())
    response = _lead_on(request, message_id, token)
    forbid_storing(response)
    return response


def _lead_on(request: HttpRequest, message_id: int, token: str) -> HttpResponse:
    member = session_member(request)
    if member is None:
        return redirect_to_sign_in(reverse("portal:points"), link=token)
    if member.pk != linked_member_id(message_id):
        messages.info(
            request,
            _("That message was for another member. This is your own card."),
        )
        return redirect("portal:home")
    return redirect("portal:points")
