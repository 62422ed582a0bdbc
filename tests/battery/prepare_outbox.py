"""Fill an outbox: offers by every channel, one-time codes, and some that are too late.

Run as a program: ``python -m tests.battery.prepare_outbox OFFERS CODES LATE``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import django
from django.db import transaction

from tests.battery.relays import START

if TYPE_CHECKING:
    from messaging.services import MessagePlan


CHANNELS = ("zalo_uid", "zalo_phone", "sms", "email", "inbox")


def prepare(offers: int, codes: int, late: int) -> None:
    from messaging.cascade import current_ways
    from messaging.models import SendingChannel
    from messaging.services import connect_official_account, queue_messages
    from tests import factories

    factories.make_programme()
    current_ways()
    SendingChannel.objects.update(is_on=True)
    connect_official_account(name="Cà phê Sông")
    news = factories.make_template()
    otp = factories.make_template(
        code="otp",
        purpose="code",
        zalo_template_id="400002",
        sends_by_uid=False,
        body="<otp>",
        button_title="",
        button_parameter="",
        places={"otp": ("{{ otp }}", 10)},
    )
    # One commit: twenty thousand members are made to be written to, not to be waited for.
    with transaction.atomic():
        queue_messages([*_offers(news.pk, offers, late), *_codes(otp.pk, codes)])


def _offers(template_id: int, offers: int, late: int) -> Iterator[MessagePlan]:
    from messaging.services import MessagePlan
    from tests import factories

    for number in range(offers + late):
        channel = CHANNELS[number % len(CHANNELS)]
        by_uid = channel == "zalo_uid"
        member = factories.make_member(
            code=f"M{number}",
            name=f"Nguyễn Thị {number}",
            phone=f"09{10000000 + number}",
            zalo_user_id=f"70000{number}" if by_uid else None,
            follows_oa=by_uid,
        )
        if channel == "email":
            member.identifiers.create(kind="email", value=f"m{number}@example.com")
        yield MessagePlan(
            key=f"offer-{number}",
            member_id=member.pk,
            template_id=template_id,
            channel=channel,
            due_at=START - timedelta(hours=1),
            expires_at=START if number >= offers else START + timedelta(days=2),
            context={"news": "Tin mới", "offer": "Giảm 20%", "valid_until": "31/12/2026"},
        )


def _codes(template_id: int, codes: int) -> Iterator[MessagePlan]:
    from messaging.services import MessagePlan

    for number in range(codes):
        yield MessagePlan(
            key=f"code-{number}",
            member_id=None,
            template_id=template_id,
            channel="zalo_phone",
            # Spread over the run, so that some are under way at every kill.
            due_at=START + timedelta(seconds=3 * number),
            expires_at=None,
            context={"otp": f"{100000 + number}"},
            address=f"+8498{1000000 + number}",
        )


if __name__ == "__main__":
    django.setup()
    prepare(*(int(argument) for argument in sys.argv[1:]))
