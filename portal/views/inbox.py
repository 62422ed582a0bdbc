"""Messages to the member, on the member's own pages; and the way to refuse offers."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from messaging.inbox import inbox_of, open_message
from messaging.links import read_opt_out
from messaging.models import Message
from messaging.refusal import refuse_offers
from messaging.texts import shown_letter
from portal.access import MemberRequest, member_required
from portal.rendering import render_page

SHOWN = 50


@require_safe
@member_required
def inbox(request: MemberRequest) -> HttpResponse:
    """List what has been written to the member, newest first."""
    found = inbox_of(request.member.pk, at=timezone.now())[:SHOWN]
    letters = [(message, shown_letter(message.payload)) for message in found]
    context = {"place": "me", "letters": letters}
    return render_page(request, "portal/inbox.html", context)


@require_safe
@member_required
def message(request: MemberRequest, message_id: int) -> HttpResponse:
    """Show one message, which is thereby seen."""
    now = timezone.now()
    found = inbox_of(request.member.pk, at=now).filter(pk=message_id).first()
    if found is None:
        raise Http404
    if request.method == "GET":
        open_message(found, at=now)
    context = {"place": "me", "message": found, "letter": shown_letter(found.payload)}
    return render_page(request, "portal/message.html", context)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def refuse(request: HttpRequest, token: str) -> HttpResponse:
    """Ask before offers stop: a mail program looks at every link by itself.

    A mail provider's own button posts here without a page (RFC 8058), so the token alone
    is the proof; it can do nothing but this.
    """
    message_id = read_opt_out(token)
    if message_id is None:
        return render_page(request, "portal/wrong_link.html", status=404)
    is_done = request.method == "POST"
    if is_done:
        found = refuse_offers(message_id=message_id, at=timezone.now())
    else:
        found = Message.objects.filter(pk=message_id).first()
    context = {"is_done": is_done, "channel": found.get_channel_display() if found else ""}
    return render_page(request, "portal/refuse.html", context)
