"""Proving a phone: a code goes out, the code comes back. Signing in is one use of it.

What keeps guessing out: six random digits, five minutes, five tries counted by one guarded
update *before* anything is compared, one live code for each phone and purpose, bound to the
browser that asked, and limits for each phone, address, network and for everybody together.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import F
from django.utils.crypto import constant_time_compare, salted_hmac

from core.addresses import network_of
from core.limits import Limit, forget_ended, give_back, take, take_all
from core.retry import retry_on_conflict
from members.models import Identifier, Member
from members.services import register_member
from messaging.cascade import way_of_code
from messaging.models import MessageTemplate
from messaging.services import MessagePlan, queue_messages
from messaging.tasks import nudge
from portal.errors import (
    CodeExpired,
    MalformedCode,
    MembershipClosed,
    SignInUnavailable,
    TooManyTries,
    TooOften,
    WrongCode,
)
from portal.models import MAX_TRIES, SignInCode

TEMPLATE_CODE = "sign-in-code"
Purpose = SignInCode.Purpose
DIGITS = 6
CODE_LIFE = timedelta(minutes=5)
RESEND_AFTER = timedelta(seconds=60)

HOUR = timedelta(hours=1)
RESEND = Limit("sign-in-resend", most=1, span=RESEND_AFTER)
PER_PHONE = Limit("sign-in-phone", most=5, span=HOUR)
# Five guesses a code: at most 50 guesses in a million a day at one person's account.
PER_PHONE_AND_DAY = Limit("sign-in-phone-day", most=10, span=timedelta(days=1))
PER_ADDRESS = Limit("sign-in-address", most=20, span=HOUR)
PER_NETWORK = Limit("sign-in-network", most=100, span=HOUR)
EVERYBODY = "everybody"


def all_codes() -> Limit:
    """Return the breaker on what codes may cost: sent in an hour, by everybody."""
    return Limit("sign-in-all", most=settings.SIGN_IN_CODES_PER_HOUR, span=HOUR)


def all_failures() -> Limit:
    """Return the breaker on guessing at many phones at once: wrong codes in an hour."""
    return Limit("sign-in-failures", most=settings.SIGN_IN_FAILURES_PER_HOUR, span=HOUR)


@retry_on_conflict
@transaction.atomic
def request_code(
    *,
    phone: str,
    browser: str,
    ip: str | None,
    at: datetime,
    purpose: str = Purpose.SIGN_IN,
) -> SignInCode:
    """Send a code to a phone (E.164), or raise TooOften.

    It does the same work for a member's phone and a stranger's, so neither the answer nor
    its timing tells who is a member.
    """
    _take_limits(phone, purpose, ip, at)
    waiting = SignInCode.objects.filter(phone=phone, purpose=purpose, used_at__isnull=True)
    waiting.filter(expires_at__gt=at).update(expires_at=at)
    code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}d}"
    signin = SignInCode.objects.create(
        phone=phone,
        browser=browser,
        purpose=purpose,
        code_hash=_code_hash(purpose, phone, browser, at, code),
        ip_address=ip,
        created_at=at,
        expires_at=at + CODE_LIFE,
    )
    _queue(signin, code)
    nudge()
    return signin


def check_code(*, phone: str, browser: str, code: str, at: datetime) -> Member:
    """Return the member whose phone this proves, joining them if they are new.

    Raises MalformedCode, CodeExpired, TooManyTries, WrongCode or MembershipClosed.
    """
    signin = prove_code(phone=phone, browser=browser, code=code, at=at)
    member = _enter(signin, at=at)
    if not member.is_active:
        raise MembershipClosed
    return member


def prove_code(
    *, phone: str, browser: str, code: str, at: datetime, purpose: str = Purpose.SIGN_IN
) -> SignInCode:
    """Return the waiting code that these digits are; it costs a try, and is not used yet.

    Raises MalformedCode, CodeExpired, TooManyTries or WrongCode.
    """
    digits = "".join(code.split())
    if len(digits) != DIGITS or not (digits.isascii() and digits.isdigit()):
        raise MalformedCode
    signin = _spend_try(phone=phone, browser=browser, purpose=purpose, at=at)
    expected = _code_hash(purpose, phone, browser, signin.created_at, digits)
    if not constant_time_compare(signin.code_hash, expected):
        raise WrongCode(tries_left=MAX_TRIES - signin.tries)
    return signin


def use_code(signin: SignInCode, *, at: datetime) -> None:
    """Mark a proved code used, or raise CodeExpired: the second of two at once."""
    unused = SignInCode.objects.filter(
        pk=signin.pk, used_at__isnull=True, expires_at__gt=at
    )
    if not unused.update(used_at=at):
        raise CodeExpired


def forgive_try() -> None:
    """Take the right digits out of the count of failures that everybody shares."""
    give_back(all_failures(), EVERYBODY)


def forget_old_sign_ins(*, at: datetime) -> int:
    """Delete codes older than a day, limits and sessions that are over; return how many.

    They hold phones and addresses that nobody needs any more.
    """
    codes = SignInCode.objects.filter(created_at__lt=at - timedelta(days=1))
    sessions = Session.objects.filter(expire_date__lte=at)
    return codes.delete()[0] + sessions.delete()[0] + forget_ended(at=at)


def _take_limits(phone: str, purpose: str, ip: str | None, at: datetime) -> None:
    # Who has just signed in need not wait a minute to give; hours and days count all.
    resend = phone if purpose == Purpose.SIGN_IN else f"{phone} {purpose}"
    # The row that everybody shares comes last, so that it is locked for the shortest time.
    uses = [(RESEND, resend), (PER_PHONE, phone), (PER_PHONE_AND_DAY, phone)]
    if ip:
        uses += [(PER_ADDRESS, network_of(ip)), (PER_NETWORK, network_of(ip, 24, 48))]
    taken = take_all([*uses, (all_codes(), EVERYBODY)], at=at)
    if not taken.is_allowed:
        raise TooOften(retry_after=taken.retry_after)


def _queue(signin: SignInCode, code: str) -> None:
    """Write the message that carries the code; it is sent after the commit, by others."""
    template = MessageTemplate.objects.filter(code=TEMPLATE_CODE, is_active=True).first()
    if template is None:
        raise SignInUnavailable
    plan = MessagePlan(
        key=f"code:{signin.pk}",
        # Whose phone it is, is not even looked up: a stranger's request costs the same.
        member_id=None,
        template_id=template.pk,
        channel=way_of_code(template),
        address=signin.phone,
        due_at=signin.created_at,
        expires_at=signin.expires_at,
        context={"otp": code},
        source_type=signin.purpose,
        source_id=signin.pk,
    )
    queue_messages([plan])


@retry_on_conflict
@transaction.atomic
def _spend_try(*, phone: str, browser: str, purpose: str, at: datetime) -> SignInCode:
    """Use up one try of the waiting code, committed before the digits are looked at."""
    codes = SignInCode.objects.filter(
        phone=phone, browser=browser, purpose=purpose, used_at__isnull=True
    )
    signin = codes.filter(expires_at__gt=at).order_by("-pk").first()
    if signin is None:
        raise CodeExpired
    open_code = codes.filter(pk=signin.pk, expires_at__gt=at, tries__lt=MAX_TRIES)
    if not open_code.update(tries=F("tries") + 1):
        raise TooManyTries
    # Counted as a failure first and given back on success: no race in between.
    taken = take(all_failures(), EVERYBODY, at=at)
    if not taken.is_allowed:
        raise TooOften(retry_after=taken.retry_after)
    signin.refresh_from_db(fields=["tries"])
    return signin


@retry_on_conflict
@transaction.atomic
def _enter(signin: SignInCode, *, at: datetime) -> Member:
    """Use the code and return its member; the second of two at once gets nothing."""
    use_code(signin, at=at)
    member = register_member(phone=signin.phone, at=at, source="portal")
    member.identifiers.filter(kind=Identifier.Kind.PHONE, value=signin.phone).update(
        verified_at=at, is_valid=True
    )
    forgive_try()
    return member


def _code_hash(
    purpose: str, phone: str, browser: str, created_at: datetime, code: str
) -> str:
    """Return the keyed hash of a code; the key is the installation's own secret."""
    told = f"{phone} {browser} {created_at.timestamp():.6f} {code}"
    return salted_hmac(f"portal.{purpose}", told, algorithm="sha256").hexdigest()
