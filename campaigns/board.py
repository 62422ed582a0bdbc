"""The board: a version's steps as one tree that is read, checked, kept and published.

[{"key": "m1", "kind": "message", "template": 3, "offer": "…", "valid_days": 14},
 {"key": "w1", "kind": "wait", "settings": {"amount": 7, "unit": "days"}},
 {"key": "b1", "kind": "branch", "settings": {"asks": "clicked", "step": "m1"},
  "lanes": {"yes": [], "no": [{"key": "g1", "kind": "give", "benefit": 5}]}}]
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Model
from django.utils.translation import gettext as _

from campaigns.errors import StepsRefused
from campaigns.journey import Journey
from campaigns.locks import lock_campaign
from campaigns.models import Campaign, Step
from campaigns.steps import KINDS
from core.errors import DomainError
from members.models import Tag
from messaging.models import MessageTemplate
from rewards.models import Benefit

Tree = Sequence[Mapping[str, Any]]

KEY = re.compile(r"[a-z0-9-]{1,20}")
MAX_STEPS = 60
MAX_DEPTH = 6
# What each kind of step points at, and whether that may be used now.
POINTS_AT: dict[str, tuple[str, type[Model]]] = {
    Step.Kind.MESSAGE: ("template", MessageTemplate),
    Step.Kind.GIVE: ("benefit", Benefit),
    Step.Kind.ADD_TAG: ("tag", Tag),
    Step.Kind.REMOVE_TAG: ("tag", Tag),
}
# A gift needs an address and an experience a time: nobody is there to ask for them.
GIVEN_BY_ITSELF = ("points", "voucher", "tag", "donation", "tier_days")


class Problem(NamedTuple):
    """What is wrong with one step."""

    key: str
    sentence: str


def read_board(campaign: Campaign, *, version: int) -> list[dict[str, Any]]:
    """Return a version's steps as a tree; an empty list when it has none."""
    journey = Journey(campaign, version)
    return [_as_tree(journey, step) for step in journey.lane(None)]


def _as_tree(journey: Journey, step: Step) -> dict[str, Any]:
    node: dict[str, Any] = {"key": step.key, "kind": step.kind}
    if step.kind in POINTS_AT:
        name, _model = POINTS_AT[step.kind]
        node[name] = getattr(step, f"{name}_id")
    if step.kind == Step.Kind.MESSAGE:
        node |= {"offer": step.offer, "news": step.news, "valid_days": step.valid_days}
    if step.settings:
        node["settings"] = step.settings
    if lanes := KINDS[step.kind].lanes(step):
        node["lanes"] = {
            code: [_as_tree(journey, child) for child in journey.lane(step, code)]
            for code, _label in lanes
        }
    return node


def has_draft(campaign: Campaign) -> bool:
    """Tell whether there are steps that are not in force yet."""
    version = campaign.version + 1
    return campaign.steps.filter(version=version).exclude(kind=Step.Kind.TAG).exists()


def edited_version(campaign: Campaign) -> int:
    """Return the version that the board shows: the draft where there is one."""
    return campaign.version + 1 if has_draft(campaign) else campaign.version


@transaction.atomic
def save_board(*, campaign: Campaign, tree: Tree) -> int:
    """Keep these steps as the campaign's draft; return its version.

    A campaign that was never started is edited in place. Raises StepsRefused with every
    problem that was found, and then nothing is changed.
    """
    now = lock_campaign(campaign)
    steps = _read_tree(now, tree)
    version = now.draft_version
    now.steps.filter(version=version).exclude(kind=Step.Kind.TAG).delete()
    _write(now, steps, version)
    if version != now.version:
        _carry_kept_tags(now, version)
    return version


def _carry_kept_tags(campaign: Campaign, version: int) -> None:
    """Tags that a campaign keeps are no steps on the way; the next version keeps them."""
    known = campaign.steps.filter(version=version, kind=Step.Kind.TAG)
    if known.exists():
        return
    for step in campaign.steps.filter(version=campaign.version, kind=Step.Kind.TAG):
        step.pk, step.version = None, version
        step.save(force_insert=True)


@transaction.atomic
def publish_board(*, campaign: Campaign, at: datetime, actor: str = "") -> int:
    """Put the draft in force for whoever enters from now on; return its version.

    Members on their way go on by the version they entered by. Raises StepsRefused.
    """
    now = lock_campaign(campaign)
    if not has_draft(now):
        raise StepsRefused(_("There is no draft to publish."))
    check_board(now, version=now.version + 1)
    now.version += 1
    now._change_reason = actor[:100]  # type: ignore[attr-defined]
    now.save(update_fields=["version"])
    campaign.version = now.version
    return now.version


@transaction.atomic
def discard_board(*, campaign: Campaign) -> None:
    """Throw the draft away; what is in force stays."""
    now = lock_campaign(campaign)
    now.steps.filter(version=now.version + 1).delete()


def check_board(campaign: Campaign, *, version: int) -> None:
    """Raise StepsRefused, with every problem, unless a version's steps can be done."""
    _read_tree(campaign, read_board(campaign, version=version))


# --- reading what the board sends ---------------------------------------------------------


class _Node(NamedTuple):
    """A step to be, with its place in the tree."""

    step: Step
    parent_key: str


def _read_tree(campaign: Campaign, tree: Any) -> list[_Node]:
    reader = _Reader(campaign)
    nodes = list(reader.read(tree))
    if reader.problems:
        raise StepsRefused(
            reader.problems[0].sentence,
            problems=[problem._asdict() for problem in reader.problems],
        )
    return nodes


class _Reader:
    """Reads a tree of steps and gathers what is wrong with each."""

    def __init__(self, campaign: Campaign) -> None:
        self.campaign = campaign
        self.problems: list[Problem] = []
        self.keys: set[str] = set()
        self.messages: set[str] = set()
        self._known: dict[type[Model], dict[int, Any]] = {}

    def read(
        self, tree: Any, parent_key: str = "", lane: str = "", depth: int = 0
    ) -> Iterator[_Node]:
        if not isinstance(tree, list):
            self._problem("", _("The steps did not arrive whole. Open the page again."))
            return
        if depth > MAX_DEPTH:
            self._problem(
                parent_key, _("So many questions inside each other cannot be followed.")
            )
            return
        for position, node in enumerate(tree, start=1):
            if len(self.keys) >= MAX_STEPS:
                self._problem(
                    "", _("A campaign has at most %(most)s steps.") % {"most": MAX_STEPS}
                )
                return
            step = self._step(node)
            if step is None:
                continue
            step.lane, step.position = lane, position
            yield _Node(step, parent_key)
            yield from self._lanes(step, node, depth)

    def _lanes(self, step: Step, node: Mapping[str, Any], depth: int) -> Iterator[_Node]:
        told = node.get("lanes") or {}
        if not isinstance(told, dict):
            self._problem(step.key, _("The steps did not arrive whole."))
            return
        known = [code for code, _label in KINDS[step.kind].lanes(step)]
        for code, inside in told.items():
            if code in known:
                yield from self.read(inside, step.key, code, depth + 1)
            elif inside:
                self._problem(step.key, _("This step has no such way."))

    def _step(self, node: Any) -> Step | None:
        kind = KINDS.get(node.get("kind", "")) if isinstance(node, dict) else None
        if kind is None:
            self._problem("", _("There is no such kind of step."))
            return None
        key = str(node.get("key", ""))
        if not KEY.fullmatch(key) or key in self.keys:
            self._problem(key, _("Two steps have the same key. Open the page again."))
            return None
        self.keys.add(key)
        step = Step(campaign=self.campaign, key=key, kind=kind.code)
        self._point(step, node)
        if step.kind == Step.Kind.MESSAGE:
            self._message(step, node)
        try:
            settings = node.get("settings") or {}
            step.settings = kind.clean(settings if isinstance(settings, dict) else {})
        except DomainError as error:
            self._problem(key, str(error))
            # What it leads to is checked all the same.
            step.settings = {}
        if (meant := step.settings.get("step")) and meant not in self.messages:
            self._problem(key, _("The message it asks about must come before it."))
        return step

    def _message(self, step: Step, node: Mapping[str, Any]) -> None:
        self.messages.add(step.key)
        step.offer = str(node.get("offer") or "").strip()
        step.news = str(node.get("news") or "").strip()
        valid_days = node.get("valid_days", 14)
        for text, most in ((step.offer, 80), (step.news, 200)):
            if len(text) > most:
                self._problem(
                    step.key, _("Write at most %(most)s letters.") % {"most": most}
                )
        if isinstance(valid_days, bool) or not str(valid_days).isdecimal():
            valid_days = 0
        step.valid_days = int(valid_days)
        if not 1 <= step.valid_days <= 365:
            self._problem(step.key, _("An offer is valid for 1 to 365 days."))

    def _point(self, step: Step, node: Mapping[str, Any]) -> None:
        if step.kind not in POINTS_AT:
            return
        name, model = POINTS_AT[step.kind]
        found = self._all(model).get(_whole(node.get(name)))
        problems = {
            "template": _("Choose the message that this step sends."),
            "benefit": _("Choose what this step gives."),
            "tag": _("Choose the tag."),
        }
        if found is None:
            self._problem(step.key, problems[name])
            return
        setattr(step, name, found)
        if isinstance(found, Benefit) and found.kind not in GIVEN_BY_ITSELF:
            self._problem(
                step.key,
                _("“%(name)s” needs an address or a time; send a voucher for it instead.")
                % {"name": found},
            )
        elif isinstance(found, Benefit) and not found.is_active:
            self._problem(step.key, _("%(name)s is switched off.") % {"name": found})
        if (
            isinstance(found, MessageTemplate)
            and found.purpose == MessageTemplate.Purpose.ONE_TIME_CODE
        ):
            self._problem(step.key, _("One-time codes are no campaign messages."))

    def _all(self, model: type[Model]) -> dict[int, Any]:
        if model not in self._known:
            self._known[model] = model._default_manager.in_bulk()
        return self._known[model]

    def _problem(self, key: str, sentence: str) -> None:
        self.problems.append(Problem(key, sentence))


def _whole(value: Any) -> int:
    return int(value) if str(value).isdecimal() and len(str(value)) < 19 else 0


def _write(campaign: Campaign, nodes: Sequence[_Node], version: int) -> None:
    """Write steps, parents before what is inside them."""
    by_key: dict[str, Step] = {}
    for step, parent_key in nodes:
        step.version = version
        step.parent = by_key.get(parent_key)
        step.save(force_insert=True)
        by_key[step.key] = step
