"""The board: a version's steps as one tree that is read, checked, kept and published.

[{"key": "m1", "kind": "message", "template": 3, "offer": "…", "valid_days": 14},
 {"key": "w1", "kind": "wait", "settings": {"amount": 7, "unit": "days"}},
 {"key": "b1", "kind": "branch", "settings": {"asks": "clicked", "step": "m1"},
  "lanes": {"yes": [], "no": [{"key": "g1", "kind": "give", "benefit": 5}]}}]
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Model
from django.utils.translation import gettext as _

from campaigns.errors import BoardChanged, StepsRefused
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


def read_kept(campaign: Campaign, *, version: int) -> list[int]:
    """Return the tags that a version keeps on whoever meets the conditions, by id."""
    steps = campaign.steps.filter(version=version, kind=Step.Kind.TAG)
    return list(steps.order_by("position", "pk").values_list("tag_id", flat=True))


def has_draft(campaign: Campaign) -> bool:
    """Tell whether there are steps that are not in force yet."""
    return campaign.steps.filter(version=campaign.version + 1).exists()


def edited_version(campaign: Campaign) -> int:
    """Return the version that the board shows: the draft where there is one."""
    return campaign.version + 1 if has_draft(campaign) else campaign.version


def is_closed(campaign: Campaign) -> bool:
    """Tell whether nobody will enter any more, so that new steps would reach no one."""
    over = (Campaign.State.DRAINING, Campaign.State.ENDED)
    return campaign.state in over and not campaign.is_one_off


def board_stamp(campaign: Campaign) -> str:
    """Return what changes whenever the board shows something else, or saves elsewhere."""
    version = edited_version(campaign)
    shown = [campaign.version, campaign.draft_version, _content(campaign, version)]
    text = json.dumps(shown, sort_keys=True, ensure_ascii=False)
    return sha256(text.encode()).hexdigest()[:16]


def _content(campaign: Campaign, version: int) -> tuple[list[dict[str, Any]], list[int]]:
    return read_board(campaign, version=version), read_kept(campaign, version=version)


@transaction.atomic
def save_board(
    *,
    campaign: Campaign,
    tree: Tree,
    kept: Sequence[int] | None = None,
    stamp: str | None = None,
) -> int:
    """Keep these steps as the campaign's draft; return the version that holds them.

    A campaign that was never started is edited in place. ``kept`` are the tags it keeps
    on, None: as they are. ``stamp`` is what the board was opened with; BoardChanged when
    it shows something else by now, unless that is just what is being saved. Raises
    StepsRefused with every problem that was found, and then nothing is changed.
    """
    now = lock_campaign(campaign)
    _check_open(now)
    before = board_stamp(now)
    steps = _read_tree(now, tree)
    if kept is None:
        kept = read_kept(now, version=edited_version(now))
    version = now.draft_version
    kept_steps = _kept_steps(now, kept, version)
    if version != now.version and not steps and not kept_steps:
        _check_may_be_empty(now)
    now.steps.filter(version=version).delete()
    _write(now, steps, version)
    Step.objects.bulk_create(kept_steps)
    if version != now.version and _content(now, version) == _content(now, now.version):
        # A draft that says what is in force already is none.
        now.steps.filter(version=version).delete()
        version = now.version
    if stamp is not None and before not in (stamp, board_stamp(now)):
        raise _changed()
    return version


def _kept_steps(campaign: Campaign, kept: Sequence[int], version: int) -> list[Step]:
    tags = Tag.objects.in_bulk(kept)
    if len(tags) != len(set(kept)):
        raise StepsRefused(_("Choose the tag."))
    if tags and campaign.mode != Campaign.Mode.CONTINUOUS:
        raise StepsRefused(
            _("Only continuous campaigns put tags on and take them off. Change the mode.")
        )
    return [
        Step(
            campaign=campaign,
            version=version,
            # No key that the board could give to a step of its own.
            key=f"kept_{tag_id}"[:20],
            position=position,
            kind=Step.Kind.TAG,
            tag=tags[tag_id],
        )
        for position, tag_id in enumerate(dict.fromkeys(kept), start=1)
    ]


def _check_open(campaign: Campaign) -> None:
    if is_closed(campaign):
        raise StepsRefused(
            _("“%(name)s” takes nobody in any more, so its steps stay as they are.")
            % {"name": campaign.name}
        )


def _check_may_be_empty(campaign: Campaign) -> None:
    """Without a step there is nothing to publish: whoever wants that ends the campaign."""
    if campaign.steps.filter(version=campaign.version).exists():
        raise StepsRefused(
            _("Keep at least one step. To stop it all, end the campaign on its page.")
        )


def _changed() -> BoardChanged:
    return BoardChanged(
        _(
            "Somebody has changed these steps since you opened them, so nothing was "
            "written. Open the page again to see them."
        )
    )


@transaction.atomic
def publish_board(
    *, campaign: Campaign, at: datetime, actor: str = "", stamp: str | None = None
) -> int:
    """Put the draft in force for whoever enters from now on; return its version.

    Members on their way go on by the version they entered by. Raises StepsRefused, and
    BoardChanged when the board shows something else than when ``stamp`` was read.
    """
    now = lock_campaign(campaign)
    _check_open(now)
    if stamp is not None and stamp != board_stamp(now):
        raise _changed()
    if not has_draft(now):
        raise StepsRefused(_("There is no draft to publish."))
    check_board(now, version=now.version + 1)
    now.version += 1
    now._change_reason = actor[:100]  # type: ignore[attr-defined]
    now.save(update_fields=["version"])
    campaign.version = now.version
    return now.version


@transaction.atomic
def discard_board(*, campaign: Campaign, stamp: str | None = None) -> None:
    """Throw the draft away; what is in force stays. Raises BoardChanged as publishing does.

    A campaign that was never started has no draft beside what it is.
    """
    now = lock_campaign(campaign)
    if stamp is not None and stamp != board_stamp(now):
        raise _changed()
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
        # Steps whose own settings are wrong.
        self.unclear: set[str] = set()
        self._known: dict[type[Model], dict[int, Any]] = {}

    def read(
        self, tree: Any, parent_key: str = "", lane: str = "", depth: int = 0
    ) -> Iterator[_Node]:
        if not isinstance(tree, list):
            self._problem(
                parent_key, _("The steps did not arrive whole. Open the page again.")
            )
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
            self._problem(
                step.key, _("The steps did not arrive whole. Open the page again.")
            )
            return
        known = [code for code, _label in KINDS[step.kind].lanes(step)]
        before, after = self.messages, set(self.messages)
        for code, inside in told.items():
            # Where a step itself is wrong, what stands in its ways is checked all the same.
            if code in known or step.key in self.unclear:
                # What is sent in one lane has not been sent in the one beside it.
                self.messages = set(before)
                yield from self.read(inside, step.key, code, depth + 1)
                after |= self.messages
            elif inside:
                self._problem(step.key, _("This step has no such way."))
        self.messages = after

    def _step(self, node: Any) -> Step | None:
        kind = KINDS.get(str(node.get("kind"))) if isinstance(node, dict) else None
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
            self.unclear.add(key)
            step.settings = {}
        if (meant := step.settings.get("step")) and meant not in self.messages:
            self._problem(key, _("The message it asks about must come before it."))
        return step

    def _message(self, step: Step, node: Mapping[str, Any]) -> None:
        self.messages.add(step.key)
        step.offer = str(node.get("offer") or "").strip()
        step.news = str(node.get("news") or "").strip()
        for text, most in ((step.offer, 80), (step.news, 200)):
            if len(text) > most:
                self._problem(
                    step.key, _("Write at most %(most)s letters.") % {"most": most}
                )
        step.valid_days = _whole(node.get("valid_days", 14))
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
        problem = Problem(key, sentence)
        if problem not in self.problems:
            self.problems.append(problem)


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
