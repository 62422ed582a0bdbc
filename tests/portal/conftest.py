"""What the member pages need: a programme, points, and a way in."""

import re
from collections.abc import Callable
from datetime import datetime

import pytest
from django.http import HttpResponse
from django.test import Client

from members.models import Identifier, Member
from messaging.models import MessageTemplate
from points.models import Wallet
from tests import factories

SignIn = Callable[[Member], Client]


def shown(response: HttpResponse) -> str:
    """Return the page without random tokens, in which a short text may stand by luck."""
    tokens = r'(name="csrfmiddlewaretoken" value=)"\w+"|(name="link" value=)"\w+"|link=\w+'
    return re.sub(tokens, "", response.content.decode())


@pytest.fixture(autouse=True)
def programme(db: None) -> None:
    factories.make_programme()


@pytest.fixture
def wallet(db: None) -> Wallet:
    return factories.make_wallet()


@pytest.fixture
def template(db: None) -> MessageTemplate:
    """The template that carries one-time codes."""
    return MessageTemplate.objects.create(
        code="sign-in-code",
        name="Mã đăng nhập",
        purpose=MessageTemplate.Purpose.ONE_TIME_CODE,
        zalo_template_id="400002",
        sends_by_uid=False,
        body="Mã đăng nhập của bạn là <otp>.",
    )


@pytest.fixture
def signed_in() -> SignIn:
    """Return a browser in which this member is signed in."""

    def sign_in(member: Member) -> Client:
        client = Client()
        session = client.session
        session["member_id"] = member.pk
        session.save()
        return client

    return sign_in


@pytest.fixture
def card(mai: Member, now: datetime) -> str:
    """Mai's card number."""
    return Identifier.objects.create(
        member=mai, kind=Identifier.Kind.CARD, value="123456789012"
    ).value
