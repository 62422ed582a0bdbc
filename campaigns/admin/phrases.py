"""The counts of a pass as short phrases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from campaigns.steps.giving import REFUSED
from campaigns.steps.messages import NO_CHANNEL
from core.admin_tools import number
from messaging.models import Channel
from messaging.reasons import reason_label


def count_phrases(counts: Mapping[str, Any]) -> list[str]:
    """Write counts as short phrases; what is zero is not worth a word."""
    phrases = [
        ("tagged", _("%(count)s tagged")),
        ("untagged", _("%(count)s tags taken off")),
        ("entered", _("%(count)s taken in")),
        ("held_out", _("%(count)s left alone to compare")),
        ("advanced", _("%(count)s went on")),
        ("messages", _("%(count)s messages planned")),
        ("given", _("%(count)s benefits given")),
        ("left", _("%(count)s left")),
        ("finished", _("%(count)s done")),
        ("skipped", _("%(count)s passed over")),
        ("exported", _("%(count)s exported")),
    ]
    found = [
        text % {"count": number(counts[name])} for name, text in phrases if counts.get(name)
    ]
    channels = counts.get("by_channel") or {}
    labels = dict(Channel.choices)
    found += [f"{labels.get(code, code)}: {number(n)}" for code, n in channels.items()]
    reasons = counts.get("skipped_reasons") or {}
    return found + [f"{_skipped(code)}: {number(n)}" for code, n in reasons.items()]


def _skipped(code: str) -> str:
    if code == NO_CHANNEL:
        return _("no channel reaches them")
    if code == REFUSED:
        return _("a budget or limit let them go without")
    return reason_label(code)
