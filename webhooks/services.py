"""What staff and the clock do with webhooks."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from core.forgetting import forget_all
from core.models import Programme
from core.retry import retry_on_conflict
from webhooks import outbox
from webhooks.errors import EndpointOff, NothingToSendAgain
from webhooks.models import TEST, WebhookDelivery, WebhookEndpoint, new_secret
from webhooks.payloads import new_message_id, write_payload
from webhooks.posting import new_client, post
from webhooks.relay import Relay

State = WebhookDelivery.State

# The old secret signs as well for so long: time to tell the receiver the new one.
OVERLAP = timedelta(hours=24)
KEPT_FOR = timedelta(days=30)


def send_webhooks(*, at: datetime, seconds: float | None = None) -> Counter[str]:
    """Send what is due; return how many attempts ended in each state."""
    return Relay(at=at, seconds=seconds).run()


@transaction.atomic
def save_endpoint(endpoint: WebhookEndpoint, *, at: datetime) -> None:
    """Save what staff typed. Switched on, it begins afresh; off, nothing waits for it."""
    typed = ["name", "address", "kinds", "is_on"]
    if endpoint._state.adding:
        endpoint.save()
        return
    if not endpoint.is_on:
        outbox.cancel_waiting([endpoint.pk], at=at)
    elif not WebhookEndpoint.objects.filter(pk=endpoint.pk, is_on=True).exists():
        endpoint.stopped_because, endpoint.stopped_at = "", None
        endpoint.told_at, endpoint.failing_since = None, None
        typed += ["stopped_because", "stopped_at", "told_at", "failing_since"]
    # Not the whole row: a relay writes down its health meanwhile.
    endpoint.save(update_fields=typed)


def rotate_secret(endpoint: WebhookEndpoint, *, at: datetime) -> None:
    """Sign with a new secret; the present one signs as well for a day."""
    endpoint.previous_secret = endpoint.secret
    endpoint.previous_secret_until = at + OVERLAP
    endpoint.secret = new_secret()
    endpoint.save(update_fields=["secret", "previous_secret", "previous_secret_until"])


def send_test(endpoint: WebhookEndpoint, *, at: datetime) -> WebhookDelivery:
    """Send an event that means nothing, at once and once; return how it went.

    Works while the endpoint is off, and changes nothing about its health.
    """
    lease = outbox.new_lease()
    data = {"member_id": "TEST", "reference": "test"}
    delivery = WebhookDelivery.objects.create(
        endpoint=endpoint,
        message_id=new_message_id(),
        kind=TEST,
        payload=write_payload(TEST, at, data),
        state=State.SENDING,
        attempts=1,
        due_at=at,
        created_at=at,
        lease=lease,
        leased_until=timezone.now() + outbox.LEASE,
    )
    with new_client() as client:
        answer = post(
            client,
            endpoint.address,
            message_id=delivery.message_id,
            payload=delivery.payload,
            secrets=endpoint.secrets_at(at),
        )
    outbox.settle([outbox.judge(delivery, answer, at=at)], lease=lease, at=at)
    delivery.refresh_from_db()
    return delivery


@retry_on_conflict
def send_again(delivery: WebhookDelivery, *, at: datetime) -> None:
    """Put what has ended back into the queue, under the same webhook-id.

    Raises EndpointOff, NothingToSendAgain.
    """
    if not delivery.endpoint.is_on:
        raise EndpointOff(
            _("“%(name)s” is switched off. Switch it on first.")
            % {"name": delivery.endpoint.name}
        )
    ended = WebhookDelivery.objects.filter(pk=delivery.pk, state__in=WebhookDelivery.ENDED)
    if not ended.update(state=State.PENDING, attempts=0, due_at=at, ended_at=None):
        raise NothingToSendAgain(_("It is on its way already."))


def delete_old_deliveries(*, at: datetime) -> int:
    """Forget what ended more than thirty days ago, in chunks; return how many."""
    return forget_all(
        WebhookDelivery.objects.filter(
            state__in=WebhookDelivery.ENDED, ended_at__lt=at - KEPT_FOR
        )
    )


def mail_stopped(*, at: datetime) -> int:
    """Mail WEBHOOKS_EMAIL what was switched off by itself, once; return how many.

    A mail that fails is sent the next time.
    """
    addresses = list(settings.WEBHOOKS_EMAIL)
    if not addresses:
        return 0
    stopped = list(
        WebhookEndpoint.objects.exclude(stopped_because="").filter(told_at__isnull=True)
    )
    if not stopped:
        return 0
    with translation.override(settings.LANGUAGE_CODE):
        EmailMessage(_subject(), _text(stopped), to=addresses).send()
    WebhookEndpoint.objects.filter(pk__in=[one.pk for one in stopped]).update(told_at=at)
    return len(stopped)


def _subject() -> str:
    name = Programme.current().name
    return _("%(programme)s: a webhook was switched off") % {"programme": name}


def _text(stopped: list[WebhookEndpoint]) -> str:
    lines = [
        f"* {one.name} ({one.address}): {one.get_stopped_because_display()}"
        for one in stopped
    ]
    lines.append("")
    lines.append(_("What happened meanwhile was not sent. Put it right in the console:"))
    lines.append(f"{settings.PUBLIC_URL}/admin/webhooks/webhookendpoint/")
    return "\n".join(lines) + "\n"
