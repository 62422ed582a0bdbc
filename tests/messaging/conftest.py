"""The real simulator over HTTP, an account that may send, and two templates."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.core import mail as django_mail

from members.models import Identifier, Member
from messaging import relay
from messaging.cascade import current_ways
from messaging.models import MessageTemplate, OfficialAccount, SendingChannel
from messaging.services import MessagePlan, connect_official_account, queue_messages
from tests import factories
from tests.conftest import NOW
from zalo_simulator.server import Simulator


@pytest.fixture(autouse=True)
def stopwatch(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The watch of a relay's run: it stands still, however busy the machine is."""
    watch = SimpleNamespace(seconds=0.0)
    watch.monotonic = lambda: watch.seconds
    monkeypatch.setattr(relay, "time", watch)
    return watch


@pytest.fixture
def zalo(settings: Any) -> Iterator[Simulator]:
    """Zalo, as far as our code can tell."""
    with Simulator(port=0, ignore_night=True, delivery_seconds=0.0) as simulator:
        point_to(settings, simulator)
        yield simulator


def point_to(settings: Any, simulator: Simulator) -> None:
    options = simulator.options
    settings.ZALO_APP_ID = options.app_id
    settings.ZALO_APP_SECRET = options.app_secret
    settings.ZALO_OA_SECRET = options.oa_secret
    settings.ZALO_OA_ID = options.oa_id
    settings.ZALO_REFRESH_TOKEN = options.first_refresh_token
    settings.ZALO_OAUTH_URL = simulator.base_url
    settings.ZALO_OPENAPI_URL = simulator.base_url
    settings.ZALO_BUSINESS_URL = simulator.base_url


@pytest.fixture
def sms(zalo: Simulator, settings: Any) -> Simulator:
    """The SMS gateway; the same program plays it."""
    settings.SMS_URL = zalo.base_url
    settings.SMS_API_KEY, settings.SMS_SECRET_KEY = "key", "secret"
    settings.SMS_BRANDNAME = "CAPHEMOC"
    return zalo


@pytest.fixture
def mail(settings: Any) -> list[Any]:
    """The mailbox that Django's test backend fills."""
    settings.EMAIL_URL = "smtp://mail.test"
    return django_mail.outbox


def use_channels(**prices: int) -> None:
    """Put channels in use at a price, and every other one out of use."""
    current_ways()
    SendingChannel.objects.update(is_on=False)
    for channel, price in prices.items():
        SendingChannel.objects.filter(channel=channel).update(is_on=True, price=price)


def letter_template(*channels: str, **fields: Any) -> MessageTemplate:
    """Make the promotion so that it may take these channels."""
    return factories.make_template(channels=list(channels), **fields)


def give_email(member: Member, address: str = "mai@example.com") -> None:
    Identifier.objects.create(member=member, kind="email", value=address)


@pytest.fixture
def account(zalo: Simulator, transactional_db: None) -> OfficialAccount:
    return connect_official_account(name="Cà phê Mộc")


@pytest.fixture
def offer(db: None) -> MessageTemplate:
    """The news that goes to a chosen list: a promotion on both channels."""
    return factories.make_template()


@pytest.fixture
def code(db: None) -> MessageTemplate:
    """The one-time code: by phone only, without consent, at any hour."""
    return factories.make_template(
        code="otp",
        purpose="code",
        zalo_template_id="400002",
        sends_by_uid=False,
        body="Mã xác thực\n<otp>",
        button_title="",
        button_parameter="",
        places={"otp": ("{{ otp }}", 10)},
    )


CONTEXT = {"offer": "Tặng 100 điểm", "news": "Tin mới", "valid_until": "31/12/2026"}


def plan(
    template: MessageTemplate, member: Member | None, key: str = "k1", **fields: Any
) -> MessagePlan:
    values: dict[str, Any] = {
        "channel": "zalo_phone",
        "due_at": NOW,
        "expires_at": None,
        "context": {
            "offer": "Tặng 100 điểm",
            "news": "Tin mới",
            "valid_until": "31/12/2026",
        },
    }
    return MessagePlan(
        key=key,
        member_id=member.pk if member else None,
        template_id=template.pk,
        **values | fields,
    )


def queue(template: MessageTemplate, *members: Member, **fields: Any) -> None:
    """Queue one message to each member, keyed by the member's code."""
    plans = [plan(template, member, key=f"k-{member.code}", **fields) for member in members]
    assert queue_messages(plans) == len(plans)
