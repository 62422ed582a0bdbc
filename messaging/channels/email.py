"""E-mail by Django's mail backend: a few threads, one kept connection for each.

SMTP tells a refusal of the person from one of the text by its code; what ends without a
code after the letter was begun may have arrived.
"""

from __future__ import annotations

import smtplib
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.utils import DNS_NAME
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import override

from messaging.channels.answers import Answer, Fault, Kind, Note, Outcome
from messaging.channels.base import Parcel, Sender, tracking_id
from messaging.models import Channel

# Mail servers take a few connections of one sender at a time.
CONNECTIONS = 16
# Servers close what is idle; asked before it is used again, it is opened anew.
IDLE_SECONDS = 5.0
# Codes of our own, beside those of SMTP: what the server said at which moment.
LOGIN_REFUSED, SENDER_REFUSED, NOT_A_LETTER = 1, 2, 3
WORDS = {
    LOGIN_REFUSED: Fault(LOGIN_REFUSED, Kind.HUMAN, "our login is refused"),
    SENDER_REFUSED: Fault(SENDER_REFUSED, Kind.HUMAN, "our address is refused"),
    NOT_A_LETTER: Fault(NOT_A_LETTER, Kind.PAYLOAD, "this text cannot be mailed"),
}
# A mailbox that does not exist; 552 is a full one, 554 the text.
NOBODY_THERE = frozenset({510, 511, 513, 550, 551, 553, 556})


class EmailSender(Sender):
    channels = (Channel.EMAIL.value,)

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(CONNECTIONS, "email")
        self._mine = threading.local()
        self._open: list[Any] = []
        self._lock = threading.Lock()

    def open(self) -> str:
        return "" if settings.EMAIL_URL else "not_configured"

    def close(self) -> None:
        self._pool.shutdown()
        for connection in self._open:
            connection.close()

    def send(self, parcel: Parcel) -> Future[Answer]:
        return self._pool.submit(self._send, parcel)

    def explain(self, parcel: Parcel, answer: Answer) -> Fault:
        if known := WORDS.get(answer.code):
            return known
        code = answer.code
        if code in NOBODY_THERE:
            return Fault(code, Kind.PERSON, "no such mailbox", Note.BAD_ADDRESS)
        if code == 421:
            return Fault(code, Kind.RETRY, "too many letters", Note.WHOLE_ACCOUNT)
        if code == 552:
            return Fault(code, Kind.PERSON, "mailbox full")
        if 400 <= code < 500:
            return Fault(code, Kind.RETRY, "not now")
        return Fault(code, Kind.PAYLOAD, "the mail server refuses this letter")

    def _send(self, parcel: Parcel) -> Answer:
        try:
            letter = write_letter(parcel)
            letter.message()
        except ValueError:  # a line break in a header
            return Answer(Outcome.REFUSED, NOT_A_LETTER)
        try:
            letter.connection = self._connection()
        except smtplib.SMTPAuthenticationError:
            return Answer(Outcome.REFUSED, LOGIN_REFUSED)
        except (OSError, smtplib.SMTPException):
            return Answer(Outcome.NOT_SENT)
        return self._hand_over(letter)

    def _hand_over(self, letter: EmailMultiAlternatives) -> Answer:
        try:
            letter.send()
        except smtplib.SMTPRecipientsRefused as error:
            code, _text = next(iter(error.recipients.values()))
            return Answer(Outcome.REFUSED, code)
        except smtplib.SMTPSenderRefused as error:
            is_final = error.smtp_code >= 500
            return Answer(Outcome.REFUSED, SENDER_REFUSED if is_final else error.smtp_code)
        except smtplib.SMTPResponseException as error:
            return Answer(Outcome.REFUSED, error.smtp_code)
        except (OSError, smtplib.SMTPException):
            # Also a connection that broke after the last line was written.
            self._forget()
            return Answer(Outcome.AMBIGUOUS)
        self._mine.used_at = time.monotonic()
        told = str(letter.extra_headers["Message-ID"])
        return Answer(Outcome.ACCEPTED, data={"message_id": told})

    def _connection(self) -> Any:
        """Return this thread's connection, open and known to be alive."""
        connection = getattr(self._mine, "connection", None)
        if connection is None:
            connection = get_connection()
            self._mine.connection = connection
            with self._lock:
                self._open.append(connection)
        elif self._is_idle() and not _lives(connection):
            connection.close()
        connection.open()
        self._mine.used_at = time.monotonic()
        return connection

    def _is_idle(self) -> bool:
        return bool(time.monotonic() - self._mine.used_at > IDLE_SECONDS)

    def _forget(self) -> None:
        self._mine.connection.close()
        self._mine.connection = None


def _lives(connection: Any) -> bool:
    smtp = getattr(connection, "connection", None)
    if smtp is None:
        return True
    try:
        return bool(smtp.noop()[0] == 250)
    except (OSError, smtplib.SMTPException):
        return False


def write_letter(parcel: Parcel) -> EmailMultiAlternatives:
    """Write text and HTML of one letter; nothing in its facts is run or read as HTML."""
    data = parcel.data
    paragraphs = [line for line in data["text"].split("\n") if line]
    with override(data.get("language") or settings.LANGUAGE_CODE):
        refusal = _("You no longer want offers by e-mail? Say so here:")
        html = render_to_string(
            "messaging/email.html",
            {"letter": data, "paragraphs": paragraphs, "refusal": refusal},
        )
    lines = list(paragraphs)
    if data.get("link"):
        lines.append(f"{data.get('button') or ''}\n{data['link']}".strip())
    headers = {"Message-ID": f"<{tracking_id(parcel.message.pk)}.{_stamp()}@{DNS_NAME}>"}
    if url := data.get("opt_out"):
        lines.append(f"{refusal}\n{url}")
        headers["List-Unsubscribe"] = f"<{url}>"
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    letter = EmailMultiAlternatives(
        data["title"],
        "\n\n".join(lines),
        settings.DEFAULT_FROM_EMAIL,
        [parcel.address],
        headers=headers,
    )
    letter.attach_alternative(html, "text/html")
    return letter


def _stamp() -> str:
    return f"{time.time_ns():x}"
