"""Steps that put a tag on or take it off, once, where the member comes by."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.models import Step
from campaigns.tagging import insert_tags
from campaigns.trips import StepKind, Traveller, Trip, ids_of
from members.models import MemberTag


def _put_on(trip: Trip, step: Step, travellers: list[Traveller]) -> None:
    trip.counts.tagged += insert_tags(trip.campaign, step, ids_of(travellers), at=trip.at)
    trip.go_on(step, travellers)


def _take_off(trip: Trip, step: Step, travellers: list[Traveller]) -> None:
    worn = MemberTag.objects.filter(tag=step.tag_id, member__in=ids_of(travellers))
    trip.counts.untagged += worn.delete()[0]
    trip.go_on(step, travellers)


ADD_TAG = StepKind(
    Step.Kind.ADD_TAG.value,
    gettext_lazy("Put a tag on"),
    gettext_lazy("It stays until a step or a person takes it off."),
    "sell",
    _put_on,
    lambda step: _("Put on the tag “%(tag)s”") % {"tag": step.tag},
)
REMOVE_TAG = StepKind(
    Step.Kind.REMOVE_TAG.value,
    gettext_lazy("Take a tag off"),
    gettext_lazy("Whoever put it on."),
    "label_off",
    _take_off,
    lambda step: _("Take off the tag “%(tag)s”") % {"tag": step.tag},
)
