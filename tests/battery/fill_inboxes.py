"""Queue care messages to the SMS gateway and the inbox, and wake the worker.

Run as a program: ``python -m tests.battery.fill_inboxes FIRST NUMBER``. It ends well
whether or not a broker is there to hear of it.
"""

from __future__ import annotations

import sys

import django
from django.db import transaction
from django.utils import timezone


def fill(first: int, number: int) -> None:
    from core.models import Programme
    from flows.schedules import create_schedules
    from messaging.cascade import current_ways
    from messaging.models import MessageTemplate, SendingChannel
    from messaging.services import MessagePlan, queue_messages
    from messaging.tasks import nudge
    from tests import factories

    template = MessageTemplate.objects.first()
    if template is None:
        if not Programme.objects.exists():
            factories.make_programme()
        create_schedules()
        current_ways()
        SendingChannel.objects.update(is_on=True)
        template = factories.make_template(purpose="care", channels=["sms", "inbox"])
    with transaction.atomic():
        members = [
            # None ends like the numbers that the simulated gateway refuses.
            factories.make_member(
                code=f"C{n}", phone=f"09{11000002 + 10 * n}", consent=False
            )
            for n in range(first, first + number)
        ]
        plans = [
            MessagePlan(
                key=f"care-{first + index}",
                member_id=member.pk,
                template_id=template.pk,
                channel="sms" if index % 2 else "inbox",
                due_at=timezone.now(),
                expires_at=None,
            )
            for index, member in enumerate(members)
        ]
        assert queue_messages(plans) == number
        nudge()


if __name__ == "__main__":
    django.setup()
    fill(int(sys.argv[1]), int(sys.argv[2]))
