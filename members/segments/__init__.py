"""Who: one question, asked one way.

A segment is a tree of conditions that compiles to one QuerySet. The same tree counts ten
million members, picks a campaign's audience and decides about one member just before a
message leaves. Apps above ``members`` add their fields with ``register_field`` when they
start; what is not registered cannot be asked.

    {"all": [
        {"not": {"field": "tag", "is": "has", "value": "45"}},
        {"field": "days_since_last_order", "is": "more_than", "value": "{days}"},
    ]}

A question may have a second value, under a name of its own:

    {"field": "orders_within", "is": "at_least", "value": 3, "days": 30}

``"{days}"`` stands for a parameter, such as the days of the campaign that asks.
"""

from members.segments.occasions import occasions_matching
from members.segments.registry import (
    FIELDS,
    Also,
    Asked,
    Field,
    Moment,
    Occasion,
    Operator,
    ValueKind,
    register_field,
    within_days,
    yes_and_no,
)
from members.segments.totals import who_has
from members.segments.tree import (
    describe_conditions,
    explain_members,
    members_matching,
    validate_conditions,
)

__all__ = [
    "FIELDS",
    "Also",
    "Asked",
    "Field",
    "Moment",
    "Occasion",
    "Operator",
    "ValueKind",
    "describe_conditions",
    "explain_members",
    "members_matching",
    "occasions_matching",
    "register_field",
    "validate_conditions",
    "who_has",
    "within_days",
    "yes_and_no",
]
