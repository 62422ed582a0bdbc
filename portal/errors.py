"""What signing in, giving and redeeming refuse.

No sentence of signing in tells whether a phone belongs to a member; giving answers for a
few numbers only.
"""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.errors import DomainError


class SignInRefused(DomainError):
    """Base of every refusal on the way in."""

    code = "sign_in_refused"


class TooOften(SignInRefused):
    """Too many codes were asked for, by this phone, this address or everybody."""

    code = "too_often"
    status = 429

    def __init__(self, *, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(_wait_sentence(retry_after), retry_after=retry_after)


class MalformedCode(SignInRefused):
    """What was typed cannot be a code; it costs no try."""

    code = "malformed_code"

    def __init__(self) -> None:
        super().__init__(_("Type the 6 digits of the code that we sent you."))


class WrongCode(SignInRefused):
    """The digits are not those we sent."""

    code = "wrong_code"

    def __init__(self, *, tries_left: int) -> None:
        self.tries_left = tries_left
        sentence = ngettext(
            "That is not the code we sent. You can try %(count)s more time.",
            "That is not the code we sent. You can try %(count)s more times.",
            tries_left,
        )
        super().__init__(sentence % {"count": tries_left}, tries_left=tries_left)


class TooManyTries(SignInRefused):
    """The code was guessed at too often, so even the right digits no longer count."""

    code = "too_many_tries"
    status = 429

    def __init__(self) -> None:
        super().__init__(_("Too many wrong tries. Ask for a new code."))


class CodeExpired(SignInRefused):
    """No code waits for this phone in this browser: old, used, replaced or never sent."""

    code = "code_expired"

    def __init__(self) -> None:
        super().__init__(_("This code is no longer valid. Ask for a new one."))


class MembershipClosed(SignInRefused):
    """The phone is proved, but its member was blocked or has left."""

    code = "membership_closed"
    status = 403

    def __init__(self) -> None:
        super().__init__(
            _("This membership is closed. Please ask the shop to open it again.")
        )


class SignInUnavailable(SignInRefused):
    """The programme has no template to send a code with."""

    code = "sign_in_unavailable"
    status = 503

    def __init__(self) -> None:
        super().__init__(_("Codes cannot be sent at the moment. Please try again later."))


class NoSuchFriend(DomainError):
    """Nobody with this number can receive points; why, is that person's own affair."""

    code = "no_such_friend"
    status = 404

    def __init__(self) -> None:
        super().__init__(
            _(
                "Nobody with this number can receive points. Check the number, or ask "
                "your friend to sign in here once."
            )
        )


class OwnNumber(DomainError):
    """Members cannot be their own friend."""

    code = "own_number"

    def __init__(self) -> None:
        super().__init__(_("That is your own number. Type the number of your friend."))


class TooManyNumbers(DomainError):
    """One member has asked about more numbers than friends explain."""

    code = "too_many_numbers"
    status = 429

    def __init__(self, *, retry_after: int) -> None:
        self.retry_after = retry_after
        minutes = -(-retry_after // 60)
        sentence = ngettext(
            "You have tried many numbers. Try again in %(count)s minute.",
            "You have tried many numbers. Try again in %(count)s minutes.",
            minutes,
        )
        super().__init__(sentence % {"count": minutes}, retry_after=retry_after)


class NoOwnPhone(DomainError):
    """Where no phone is known, no code can be sent."""

    code = "no_own_phone"
    status = 409

    def __init__(self) -> None:
        super().__init__(
            _("We know no phone of yours to send a code to. Please ask the shop.")
        )


class PriceChanged(DomainError):
    """What a reward costs is not what the page said; only what was read may be taken."""

    code = "price_changed"
    status = 409

    def __init__(self) -> None:
        super().__init__(
            _("The price has changed meanwhile. Please look at it and decide again.")
        )


class FormTooOld(DomainError):
    """A form came without the number that makes it count once."""

    code = "form_too_old"

    def __init__(self) -> None:
        super().__init__(_("This page has lost its thread. Please try once more."))


def _wait_sentence(seconds: int) -> str:
    if seconds <= 90:
        sentence = ngettext(
            "You have just asked for a code. Ask again in %(count)s second.",
            "You have just asked for a code. Ask again in %(count)s seconds.",
            seconds,
        )
        return sentence % {"count": seconds}
    minutes = -(-seconds // 60)
    sentence = ngettext(
        "Too many codes were asked for. Try again in %(count)s minute.",
        "Too many codes were asked for. Try again in %(count)s minutes.",
        minutes,
    )
    return sentence % {"count": minutes}
