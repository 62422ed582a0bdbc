"""Why a message was not sent, or what became of it: one code, one sentence for staff."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

REASONS: dict[str, str | Promise] = {
    # The gate.
    "too_late": _("Its time was over before it could be sent."),
    "member_not_active": _("The member is blocked or has left the programme."),
    "merged": _("The member was merged with another, who gets messages of their own."),
    "no_consent": _("The member has not agreed to such messages on this channel."),
    "fatigue_cap": _("The member has had enough offers lately."),
    "no_address": _("The member has no working address on this channel."),
    "channel_off": _("This channel is not in use any more."),
    "do_not_advertise": _("This phone stands in the register without advertising."),
    "template_barred": _("Zalo does not send this template, or knows no such number."),
    "test_mode": _("Test mode: this address is not on the list."),
    "not_following": _("The member no longer follows the Official Account."),
    "template_not_by_uid": _("This template cannot go by user id."),
    # The text.
    "text_too_long": _("The text is longer than allowed in one of its places."),
    # The provider.
    "unreachable": _("This person cannot be reached on this channel."),
    "undelivered": _("The gateway could not deliver it."),
    "number_invalid": _("The provider says that nobody has this address."),
    "opted_out": _("The person told Zalo that they do not want such messages."),
    "payload_refused": _("The provider refused the content of this message."),
    "too_many_attempts": _("The provider could not be reached in five attempts."),
    "outcome_unknown": _("The answer never came; an offer is not sent a second time."),
    "relay_died": _(
        "The sender stopped in the middle; an offer is not sent a second time."
    ),
    # Waiting.
    "quiet_hours": _("Waits for the next hour in which offers may be sent."),
    "another_under_way": _("Waits: another offer to this member is just being sent."),
    "quota": _("Waits for the next day: the quota was used up."),
    "retry": _("Waits for the next attempt."),
    "account_stopped": _("Waits until the Official Account is connected again."),
    "channel_stopped": _("Waits until someone has looked at the channel."),
    "template_stopped": _("Waits until the template is switched on again."),
    "rate_limit": _("Waits a moment: no more may go out in this minute."),
}


def reason_label(code: str) -> str:
    """Return the sentence for a reason; reasons of other apps are registered there."""
    return str(REASONS.get(code, code))


def register_reasons(reasons: dict[str, str | Promise]) -> None:
    """Let an app above explain the refusals of its eligibility checks."""
    REASONS.update(reasons)
