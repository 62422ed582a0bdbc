"""Where a reward stands: one answer for lists, badges, filters and forms.

The first rule that holds decides. Each stands twice, for one row and for many, side by
side; a test compares them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from rewards.models import Reward
from rewards.sentence import moment


class State(models.TextChoices):
    """What staff call it."""

    SHOWN = "shown", gettext_lazy("in the catalogue")
    COMING = "coming", gettext_lazy("coming")
    SOLD_OUT = "sold_out", gettext_lazy("all taken")
    OVER = "over", gettext_lazy("over")
    OFF = "off", gettext_lazy("off")


@dataclass(frozen=True, slots=True)
class Rule:
    """One reason for a state: of one reward, of many, and in words."""

    state: State
    holds: Callable[[Reward, datetime], bool]
    matches: Callable[[datetime], Q]
    why: Callable[[Reward], str]


@dataclass(frozen=True, slots=True)
class Status:
    """A state and what it comes from."""

    state: State
    why: str = ""


def _not_begun(from_: str) -> Callable[[Reward, datetime], bool]:
    return lambda reward, at: (begin := getattr(reward, from_)) is not None and begin > at


def _ended(until: str) -> Callable[[Reward, datetime], bool]:
    return lambda reward, at: (end := getattr(reward, until)) is not None and end <= at


def _shelf_is_off(reward: Reward, _at: datetime) -> bool:
    return reward.category is not None and not reward.category.is_active


RULES = (
    Rule(
        State.OFF,
        lambda reward, _at: not reward.is_active,
        lambda _at: Q(is_active=False),
        lambda _reward: _("switched off"),
    ),
    Rule(
        State.OFF,
        lambda reward, _at: not reward.benefit.is_active,
        lambda _at: Q(benefit__is_active=False),
        lambda _reward: _("its benefit is switched off"),
    ),
    Rule(
        State.OFF,
        _shelf_is_off,
        lambda _at: Q(category__is_active=False),
        lambda _reward: _("its category is hidden"),
    ),
    Rule(
        State.OVER,
        _ended("active_until"),
        lambda at: Q(active_until__lte=at),
        lambda reward: _("since %(day)s") % {"day": moment(reward.active_until)},
    ),
    Rule(
        State.OVER,
        _ended("visible_until"),
        lambda at: Q(visible_until__lte=at),
        lambda reward: _("hidden since %(day)s") % {"day": moment(reward.visible_until)},
    ),
    Rule(
        State.SOLD_OUT,
        lambda reward, _at: reward.left == 0,
        lambda _at: Q(stock__isnull=False, taken__gte=F("stock")),
        lambda _reward: _("nothing left in stock"),
    ),
    Rule(
        State.COMING,
        _not_begun("visible_from"),
        lambda at: Q(visible_from__gt=at),
        lambda reward: _("shown from %(day)s") % {"day": moment(reward.visible_from)},
    ),
    Rule(
        State.COMING,
        _not_begun("active_from"),
        lambda at: Q(active_from__gt=at),
        lambda reward: _("can be had from %(day)s") % {"day": moment(reward.active_from)},
    ),
)


def status_of(reward: Reward, *, at: datetime) -> Status:
    """Say where a reward stands. Asks for its benefit and its category."""
    for rule in RULES:
        if rule.holds(reward, at):
            return Status(rule.state, rule.why(reward))
    return Status(State.SHOWN)


def with_status(rewards: QuerySet[Reward], state: str, *, at: datetime) -> QuerySet[Reward]:
    """Return those that stand so: the rules before did not hold, one of its own does."""
    earlier: Any = Q(pk__in=[])
    wanted: Any = Q(pk__in=[])
    for rule in RULES:
        met = rule.matches(at)
        if rule.state == state:
            wanted |= met & ~earlier
        earlier |= met
    return rewards.filter(~earlier if state == State.SHOWN else wanted)
