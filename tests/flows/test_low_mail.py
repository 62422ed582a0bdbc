"""What runs low is mailed when it falls to its bound, and not again until it was filled."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.core.mail import EmailMessage
from pytest_django import Settings

from flows.low_mail import mail_low
from rewards.models import LowNotice, Reward, Voucher, VoucherType
from tests.factories import make_programme
from tests.rewards.batches.helpers import pooled
from tests.rewards.helpers import make_benefit, make_reward, make_voucher_type


@pytest.fixture
def pool(db: None, settings: Settings) -> VoucherType:
    make_programme()
    settings.LOW_STOCK_EMAIL = ["shop@example.com"]
    voucher_type = make_voucher_type(name="Grab 50K", codes="pool", low_codes=2)
    pooled(voucher_type, "AAAA1", "AAAA2", "AAAA3")
    return voucher_type


def take(*codes: str) -> None:
    Voucher.objects.filter(code__in=codes).update(state="issued")


def test_once_for_each_crossing(
    pool: VoucherType, now: datetime, mailoutbox: list[EmailMessage]
) -> None:
    assert mail_low(at=now) == 0
    take("AAAA1")

    assert mail_low(at=now) == 1
    assert mail_low(at=now) == 0
    take("AAAA2")
    assert mail_low(at=now) == 0

    (mail,) = mailoutbox
    assert mail.to == ["shop@example.com"]
    assert mail.subject == "Cà phê Sông: codes or stock run low"
    assert "* Grab 50K: 2 codes left in the pool\n" in mail.body
    assert "http://testserver/admin/" in mail.body

    pooled(pool, "AAAA4", "AAAA5")
    assert mail_low(at=now) == 0
    assert not LowNotice.objects.exists()
    take("AAAA4")
    assert mail_low(at=now) == 1
    assert len(mailoutbox) == 2


def test_only_what_is_new_is_told(
    pool: VoucherType, now: datetime, mailoutbox: list[EmailMessage]
) -> None:
    take("AAAA1")
    mail_low(at=now)
    make_reward(make_benefit("gift"), name="Mug", stock=10, taken=9, low_stock=1)

    assert mail_low(at=now) == 1

    assert "Mug: 1 left in stock" in mailoutbox[1].body
    assert "Grab" not in mailoutbox[1].body
    assert Reward.objects.get().taken == 9


def test_nobody_asked_for_it(
    pool: VoucherType, now: datetime, settings: Settings, mailoutbox: list[EmailMessage]
) -> None:
    settings.LOW_STOCK_EMAIL = []
    take("AAAA1")

    assert mail_low(at=now) == 0

    assert mailoutbox == []
    assert not LowNotice.objects.exists()


def test_a_mail_that_fails_is_sent_by_the_next_night(
    pool: VoucherType, now: datetime, settings: Settings, mailoutbox: list[EmailMessage]
) -> None:
    take("AAAA1")
    backend = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    with pytest.raises(ConnectionRefusedError):
        mail_low(at=now)
    assert not LowNotice.objects.exists()

    settings.EMAIL_BACKEND = backend
    assert mail_low(at=now) == 1
