"""Zalo's two error tables, and what each error means for us.

A  refresh the access token and try once more      Q  quota: later
H  a person must act; the account stops            N  night: at the next opening
R  transient: try again with a growing pause       P  never on this channel for this person
D  the template is at fault; it stops              X  never with this content
"""

from dataclasses import dataclass
from enum import StrEnum

SUCCESS = 0


class Kind(StrEnum):
    TOKEN = "A"
    HUMAN = "H"
    RETRY = "R"
    QUOTA = "Q"
    NIGHT = "N"
    PERSON = "P"
    TEMPLATE = "D"
    PAYLOAD = "X"


class Note(StrEnum):
    """What else an error tells us about the person, the number or the account."""

    NONE = ""
    WHOLE_ACCOUNT = "whole_account"  # not this message's fault: the whole channel waits
    BAD_NUMBER = "bad_number"
    NOT_FOLLOWING = "not_following"
    REFUSES_KIND = "refuses_kind"
    REFUSES_CHANNEL = "refuses_channel"
    NOT_BY_UID = "not_by_uid"


@dataclass(frozen=True, slots=True)
class ZaloError:
    code: int
    kind: Kind
    meaning: str
    note: Note = Note.NONE


A, H, R, Q, N, P, D, X = (Kind(letter) for letter in "AHRQNPDX")


def _table(
    *rows: tuple[int, Kind, str] | tuple[int, Kind, str, Note],
) -> dict[int, ZaloError]:
    return {row[0]: ZaloError(*row) for row in rows}


# openapi.zalo.me: messages by user id.
UID_ERRORS = _table(
    (-32, R, "calls per minute used up", Note.WHOLE_ACCOUNT),
    (-100, X, "attachment expired"),
    (-200, R, "sending failed"),
    (-201, P, "user id invalid, or no contact yet"),
    (-204, H, "Official Account disabled"),
    (-205, H, "Official Account does not exist"),
    (-209, H, "application not activated"),
    (-210, D, "parameter over its limit"),
    (-211, Q, "feature quota used up", Note.WHOLE_ACCOUNT),
    (-212, H, "application not registered for this API"),
    (-213, P, "does not follow the Official Account", Note.NOT_FOLLOWING),
    (-214, R, "still being processed"),
    (-216, A, "access token invalid"),
    (-217, P, "has blocked invitations"),
    (-218, Q, "this person's quota is used up"),
    (-219, H, "application removed or disabled"),
    (-220, A, "access token expired"),
    (-221, H, "Official Account must be verified"),
    (-223, H, "Official Account has not allowed this API"),
    (-224, H, "Official Account needs a larger package"),
    (-227, P, "banned, or inactive for 45 days"),
    (-230, P, "no contact in 7 days"),
    (-231, P, "no recent contact"),
    (-232, P, "no contact, or too long ago"),
    (-233, D, "message type not supported"),
    (-234, N, "not between 22:00 and 06:00"),
    (-235, H, "not for this kind of Official Account"),
    (-237, X, "group chat"),
    (-238, X, "group chat"),
    (-240, D, "this version of the API is shut down"),
    (-241, X, "asset"),
    (-242, H, "appsecret_proof wrong"),
    (-244, P, "has restricted this kind of message", Note.REFUSES_KIND),
    (-248, D, "violates the platform's standards"),
    (-249, D, "template cannot go by user id", Note.NOT_BY_UID),
    (-320, H, "no Zalo Cloud account connected"),
    (-321, H, "Zalo Cloud account out of money"),
    (-403, X, "asset"),
    (-1340, X, "form"),
    (-1341, X, "form"),
)

# business.openapi.zalo.me: messages by phone (ZNS). Template errors of this table come on
# the other host, too.
PHONE_ERRORS = _table(
    (-32, R, "calls per minute used up", Note.WHOLE_ACCOUNT),
    (-100, R, "unknown error"),
    (-101, H, "application invalid"),
    (-102, H, "application does not exist"),
    (-103, H, "application not activated"),
    (-104, H, "application secret invalid"),
    (-105, H, "application not linked to an Official Account"),
    (-106, D, "method not supported"),
    (-107, X, "message id invalid"),
    (-108, P, "phone number invalid", Note.BAD_NUMBER),
    (-109, D, "template id invalid"),
    (-1091, X, "template cannot be edited"),
    (-110, P, "not on Zalo, or Zalo too old"),
    (-111, D, "template data empty"),
    (-112, D, "template data not as defined"),
    (-1121, X, "text too long"),
    (-1122, D, "parameter missing"),
    (-1123, X, "QR code cannot be made"),
    (-1124, X, "parameter in a wrong format"),
    (-113, D, "button invalid"),
    (-1131, D, "button link invalid"),
    (-1132, D, "template needs a button"),
    (-114, P, "inactive, or rejects the message"),
    (-115, H, "ZBS account out of money"),
    (-116, X, "text invalid"),
    (-117, H, "no permission for this template"),
    (-118, P, "no Zalo account"),
    (-119, P, "cannot receive ZNS"),
    (-120, H, "no permission for this feature"),
    (-1201, H, "may not create promotion templates"),
    (-1202, H, "may not use media"),
    (-121, D, "body empty"),
    (-122, D, "body is no JSON"),
    (-123, D, "decryption failed"),
    (-124, A, "access token invalid"),
    (-1241, H, "appsecret_proof wrong"),
    (-125, H, "Official Account id invalid"),
    (-126, H, "development wallet empty"),
    (-127, X, "test template goes to administrators only"),
    (-128, D, "key missing"),
    (-129, D, "key not made"),
    (-130, D, "content too long"),
    (-131, D, "template not approved"),
    (-132, D, "parameter invalid"),
    (-133, N, "not between 22:00 and 06:00"),
    (-134, P, "has not opted in"),
    (-135, H, "no permission for ZNS"),
    (-1351, H, "blocked from sending"),
    (-136, H, "no ZBS account connected"),
    (-137, H, "charging failed"),
    (-138, H, "application has no permission"),
    (-1381, H, "extension permission not granted"),
    (-139, P, "refused this kind of ZNS", Note.REFUSES_KIND),
    (-140, P, "not eligible for this kind"),
    (-141, P, "refused ZNS from this account", Note.REFUSES_CHANNEL),
    (-142, D, "key does not exist"),
    (-143, D, "key exists already"),
    (-144, Q, "daily quota used up", Note.WHOLE_ACCOUNT),
    (-1441, Q, "monthly promotion quota used up", Note.WHOLE_ACCOUNT),
    (-145, H, "may not send this kind of content"),
    (-146, D, "template disabled for low quality"),
    (-147, Q, "template's daily limit reached"),
    (-1471, Q, "this person's monthly limit reached"),
    (-1472, Q, "this person's daily limit reached"),
    (-148, X, "journey token not found"),
    (-149, X, "journey token invalid"),
    (-1491, X, "journey token of another kind"),
    (-150, X, "journey token expired"),
    (-151, X, "not an encrypted template"),
    (-152, X, "key not readable"),
    (-153, X, "data not as specified"),
    (-158, X, "upload too large"),
    (-159, X, "upload format"),
    (-160, Q, "daily quota of edits used up"),
    (-161, D, "sending mode not allowed"),
    (-162, D, "sending mode not for this kind"),
)


def error_by_uid(code: int) -> ZaloError:
    """Explain an error of the user-id channel."""
    return UID_ERRORS.get(code) or error_by_phone(code)


def error_by_phone(code: int) -> ZaloError:
    """Explain an error of the phone channel; one we never heard of is not repeated."""
    return PHONE_ERRORS.get(code) or ZaloError(code, X, "unknown error")
