"""The tree of conditions: checked, compiled, put into words, explained."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from core.errors import InvalidInput
from core.models import Programme
from core.money import format_money, group_digits
from members.models import Member
from members.segments.registry import (
    FIELDS,
    MAX_NUMBER,
    Asked,
    Choices,
    Field,
    Moment,
    Operator,
    ValueKind,
)

# More than staff can read; a bound on what one statement may become.
MAX_DEPTH = 8
MAX_CONDITIONS = 60
MAX_MONEY = Decimal(10) ** 15
MAX_TEXT = 120

BRANCHES = ("all", "any", "not")
PARAMETER = re.compile(r"\{([a-z_]{1,30})\}")

Parameters = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Leaf:
    """One condition, with its parameters filled in and its values understood."""

    field: Field
    operator: Operator
    value: Any
    also: Any = None

    @property
    def asked(self) -> Any:
        """Return what the operator and the field's ``tell`` are given."""
        return self.value if self.operator.also is None else Asked(self.value, self.also)

    def build(self, moment: Moment) -> Q:
        return self.operator.build(self.asked, moment)


def members_matching(
    conditions: dict[str, Any],
    *,
    at: datetime,
    parameters: Parameters | None = None,
    few: bool = False,
) -> QuerySet[Member]:
    """Return the members who meet the conditions at a moment, as one QuerySet.

    Who was merged is met as the member who was kept, and only so. ``few``: the caller
    filters by members' numbers, or takes a first page; it changes no answer, but then only
    the rows of those members are read.
    """
    moment = Moment.of(at, few=few)
    met = Member.objects.filter(compile_conditions(conditions, parameters or {}, moment))
    return met.filter(merged_into__isnull=True)


def validate_conditions(conditions: Any, parameters: Parameters | None = None) -> None:
    """Raise InvalidInput, with a sentence, unless the conditions can be asked."""
    known = {"days": 1} if parameters is None else parameters
    for leaf in leaves_of(conditions, known):
        _check_choice(leaf, leaf.value, leaf.operator.choices)
        if leaf.operator.also is not None:
            _check_choice(leaf, leaf.also, leaf.operator.also.choices)


def _check_choice(leaf: Leaf, value: Any, choices: Choices | None) -> None:
    if choices is not None and value not in {code for code, _label in choices()}:
        raise InvalidInput(
            _("“%(value)s” is no choice for “%(field)s”. Choose one from the list.")
            % {"value": str(value)[:60], "field": leaf.field.label}
        )


def describe_conditions(
    conditions: dict[str, Any], parameters: Parameters | None = None
) -> str:
    """Return the end of the sentence "Members who …" in the reader's language."""
    return _describe(conditions, parameters or {}, is_outermost=True)


def explain_members(
    conditions: dict[str, Any],
    *,
    member_ids: Sequence[int],
    at: datetime,
    parameters: Parameters | None = None,
) -> dict[int, str]:
    """Say for each member which facts decided. One or two queries for each condition."""
    moment = Moment.of(at, few=True)
    facts: dict[int, dict[str, None]] = {pk: {} for pk in member_ids}
    asked: set[tuple[str, str]] = set()
    for leaf in leaves_of(conditions, parameters or {}):
        question = (leaf.field.code, str(leaf.asked))
        if leaf.field.tell is None or question in asked:
            continue
        asked.add(question)
        for pk, text in leaf.field.tell(member_ids, leaf.asked, moment).items():
            facts[pk][text] = None
    return {pk: "; ".join(texts) for pk, texts in facts.items()}


# --- walking -----------------------------------------------------------------------------


def compile_conditions(
    node: Any, parameters: Parameters, moment: Moment, depth: int = 0
) -> Q:
    if depth == 0:
        _check_size(node)
    branch = branch_of(node)
    if branch is None:
        return leaf_of(node, parameters).build(moment)
    if branch == "not":
        return ~compile_conditions(node["not"], parameters, moment, depth + 1)
    parts = [
        compile_conditions(child, parameters, moment, depth + 1) for child in node[branch]
    ]
    if not parts:
        # An empty Q is dropped by Django, also from under a NOT; these two are not.
        return Q(pk__gt=0) if branch == "all" else Q(pk__lt=0)
    whole = parts[0]
    for part in parts[1:]:
        whole = whole & part if branch == "all" else whole | part
    return whole


def leaves_of(node: Any, parameters: Parameters, depth: int = 0) -> Iterator[Leaf]:
    if depth == 0:
        _check_size(node)
    branch = branch_of(node)
    if branch is None:
        yield leaf_of(node, parameters)
        return
    children = [node["not"]] if branch == "not" else node[branch]
    for child in children:
        yield from leaves_of(child, parameters, depth + 1)


def _check_size(node: Any) -> None:
    """Refuse trees that no person would write; without recursion, so any depth is safe."""
    level, num_nodes = [node], 0
    for _depth in range(MAX_DEPTH + 1):
        num_nodes += len(level)
        if not level:
            return
        if num_nodes > MAX_CONDITIONS:
            break
        level = [child for one in level for child in children_of(one)]
    raise InvalidInput(
        _("These are too many conditions. Use at most %(count)s, %(depth)s deep.")
        % {"count": MAX_CONDITIONS, "depth": MAX_DEPTH}
    )


def children_of(node: Any) -> list[Any]:
    """Return what stands in a group, without judging it."""
    if not isinstance(node, dict):
        return []
    children = [node["not"]] if "not" in node else []
    for branch in ("all", "any"):
        if isinstance(node.get(branch), list):
            children.extend(node[branch])
    return children


def branch_of(node: Any) -> str | None:
    """Return which branch a node is, None for a single condition, or raise."""
    if not isinstance(node, dict) or not node:
        raise InvalidInput(_("Say who: add at least one condition."))
    if "field" in node:
        return None
    branch = next(iter(node))
    if len(node) != 1 or branch not in BRANCHES:
        raise InvalidInput(
            _("A group of conditions is one of: all, any, not. Remove “%(word)s”.")
            % {"word": str(branch)[:30]}
        )
    if branch != "not" and not isinstance(node[branch], list):
        raise InvalidInput(_("A group of conditions needs a list."))
    return str(branch)


def leaf_of(node: dict[str, Any], parameters: Parameters) -> Leaf:
    field = FIELDS.get(node["field"]) if isinstance(node["field"], str) else None
    if field is None:
        raise InvalidInput(
            _("Nothing is known about “%(field)s”. Choose a field from the list.")
            % {"field": str(node["field"])[:60]}
        )
    code = node.get("is")
    operator = field.operator(code) if isinstance(code, str) else None
    if operator is None:
        raise InvalidInput(
            _("“%(field)s” cannot be asked so. Use one of: %(operators)s.")
            % {
                "field": field.label,
                "operators": ", ".join(one.code for one in field.operators),
            }
        )
    allowed = {"field", "is", "value"}
    if operator.also is not None:
        allowed.add(operator.also.code)
    if extra := set(node) - allowed:
        raise InvalidInput(
            _("A condition has a field, a question and a value. Remove “%(word)s”.")
            % {"word": str(min(extra, key=str))[:30]}
        )
    value = _parameter(node.get("value"), parameters)
    value = _value(value, operator.kind, field, operator.most)
    if operator.also is None:
        return Leaf(field, operator, value)
    also = _parameter(node.get(operator.also.code), parameters)
    return Leaf(field, operator, value, _value(also, operator.also.kind, field))


def _parameter(value: Any, parameters: Parameters) -> Any:
    match = PARAMETER.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return value
    if match[1] not in parameters:
        raise InvalidInput(
            _("There is no setting “%(name)s” here. Write a number.") % {"name": match[1]}
        )
    return parameters[match[1]]


def _value(value: Any, kind: ValueKind, field: Field, most: int = MAX_NUMBER) -> Any:
    """Return the value as its kind wants it, or raise."""
    if kind is ValueKind.NONE:
        return None
    if kind is ValueKind.NUMBER:
        return _number(value, field, most)
    if kind is ValueKind.MONEY:
        return _money(value, field)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, str) and value and len(value) <= MAX_TEXT and "\0" not in value:
        return value
    raise InvalidInput(_("“%(field)s” needs a value.") % {"field": field.label})


def _number(value: Any, field: Field, most: int) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 11:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most:
        return value
    if most < MAX_NUMBER:
        raise InvalidInput(
            _("“%(field)s” needs a whole number from 0 to %(most)s.")
            % {"field": field.label, "most": most}
        )
    raise InvalidInput(
        _("“%(field)s” needs a whole number, zero or more.") % {"field": field.label}
    )


def _money(value: Any, field: Field) -> Decimal:
    try:
        amount = Decimal(str(value)) if isinstance(value, int | float | str) else None
    except InvalidOperation:
        amount = None
    if (
        amount is None
        or isinstance(value, bool)
        or not amount.is_finite()
        or not 0 <= amount <= MAX_MONEY
        or amount != round(amount, 2)
    ):
        raise InvalidInput(
            _("“%(field)s” needs an amount, such as 500000.") % {"field": field.label}
        )
    return amount


# --- words -------------------------------------------------------------------------------


def _describe(
    node: Any,
    parameters: Parameters,
    *,
    is_outermost: bool = False,
    is_negated: bool = False,
) -> str:
    """Put a node into words; a NOT is carried down to the single conditions.

    "Neither a nor b" is read with ease, "not (a or b)" is not.
    """
    if is_outermost:
        _check_size(node)
    branch = branch_of(node)
    if branch is None:
        return _sentence(leaf_of(node, parameters), is_negated=is_negated)
    if branch == "not":
        return _describe(
            node["not"],
            parameters,
            is_outermost=is_outermost,
            is_negated=not is_negated,
        )
    parts = [_describe(one, parameters, is_negated=is_negated) for one in node[branch]]
    is_all = (branch == "all") is not is_negated
    if not parts:
        return _("are in the programme") if is_all else _("do not exist")
    whole = (_(" and ") if is_all else _(" or ")).join(parts)
    return whole if is_outermost or len(parts) == 1 else f"({whole})"


def _sentence(leaf: Leaf, *, is_negated: bool) -> str:
    if not is_negated:
        return _phrase(leaf, str(leaf.operator.phrase))
    if negated := leaf.field.negated_phrase(leaf.operator):
        return _phrase(leaf, negated)
    plain = _phrase(leaf, str(leaf.operator.phrase))
    return _("are not among those who %(what)s") % {"what": plain}


def _phrase(leaf: Leaf, phrase: str) -> str:
    operator = leaf.operator
    if operator.kind is ValueKind.NONE and operator.also is None:
        return phrase
    shown = {"value": _shown(leaf.value, operator.kind, operator.choices)}
    if operator.also is not None:
        shown["also"] = _shown(leaf.also, operator.also.kind, operator.also.choices)
    return phrase % shown


def _shown(value: Any, kind: ValueKind, choices: Choices | None) -> str:
    if choices is not None:
        labels = {code: str(label) for code, label in choices()}
        return labels.get(value, str(value))
    if kind is ValueKind.MONEY:
        return format_money(value, Programme.current().currency)
    if kind is ValueKind.NUMBER:
        return group_digits(value)
    return str(value)
