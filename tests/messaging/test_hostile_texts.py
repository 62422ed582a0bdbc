"""T29: nothing that stands in a text or in a member's name is ever run, on any channel."""

from typing import Any

import pytest

from members.models import Member
from messaging.errors import InvalidTemplate
from messaging.models import Channel, Message
from messaging.services import dispatch_messages
from messaging.texts import preview_message, validate_template
from tests import factories
from tests.conftest import NOW
from tests.messaging.conftest import give_email, letter_template, queue, use_channels
from zalo_simulator.server import Simulator

EXPRESSIONS = (
    "settings.SECRET_KEY",
    "member.__class__",
    "member.__class__.__mro__",
    "''.__class__",
    "7*7",
    "name.upper",
    "request.user",
    "self",
    "config",
    "member.identifiers.all",
    "otp",
)
FRAMES = (
    "{{{{ {} }}}}",
    "{{{{{}}}}}",
    "{{% include '{}' %}}",
    "{{% load {} %}}",
    "{{% debug %}}{}",
    "{{{}}}",
    "${{{}}}",
    "%({})s",
    "#{{{}}}",
    "<%= {} %>",
)
HOSTILE = [frame.format(text) for frame in FRAMES for text in EXPRESSIONS]


def test_there_are_a_hundred_of_them() -> None:
    assert len(set(HOSTILE)) >= 100


@pytest.mark.django_db
@pytest.mark.parametrize("channel", Channel.values)
def test_a_members_name_is_text_on_every_channel(channel: str) -> None:
    template = letter_template(channel, body="Chào <customer_name>", subject="A")
    template.parameters.filter(name="customer_name").update(max_length=200)
    member = factories.make_member(code="X")
    for hostile in HOSTILE:
        Member.objects.filter(pk=member.pk).update(name=hostile)

        shown = preview_message(template, member, NOW, channel=channel)

        text = " ".join([shown["title"], *shown["paragraphs"]])
        assert hostile in text


@pytest.mark.django_db
@pytest.mark.parametrize("field", ["value", "value_en"])
def test_a_text_of_staff_is_refused_or_stays_as_it_is(field: str) -> None:
    template = factories.make_template()
    parameter = template.parameters.get(name="offer")
    refused = 0
    for hostile in HOSTILE:
        setattr(parameter, field, hostile)
        others = list(template.parameters.exclude(name="offer"))
        try:
            validate_template(template, [parameter, *others])
        except InvalidTemplate:
            refused += 1
            continue
        # What is no Liquid is a text like another; "otp" is a field of ours.
        assert "otp" in hostile or "{{" not in hostile
        assert "{%" not in hostile
    assert refused >= 40


@pytest.mark.django_db(transaction=True)
def test_what_goes_out_is_what_the_name_says(
    sms: Simulator, mail: list[Any], db: None
) -> None:
    use_channels(sms=0, email=0, inbox=0)
    template = letter_template(
        "sms", "email", "inbox", purpose="care", body="<customer_name>|<offer>"
    )
    template.parameters.filter(name="customer_name").update(max_length=200)
    name = "{{ otp }}{% if 1 %}x{% endif %}<link>%(x)s${y}"
    for number, channel in enumerate(("sms", "email", "inbox")):
        member = factories.make_member(
            code=channel, name=name, phone=f"091234567{number}", consent=True
        )
        give_email(member, f"{channel}@example.com")
        queue(template, member, channel=channel)

    dispatch_messages(at=NOW)

    texts = [
        sms.sent()[0].template_data["text"],
        mail[0].body,
        Message.objects.get(channel="inbox").payload["text"],
    ]
    for text in texts:
        assert name in text
