"""Benefits as staff keep them: saved without touching what is counted meanwhile."""

from __future__ import annotations

from collections.abc import Collection

from django.db import models, transaction
from django.utils.translation import gettext_lazy

from core.edits import Editable, register_editable
from core.retry import retry_on_conflict
from rewards.budgets import set_budget
from rewards.models import Benefit

# What means something for one kind only; the rest is emptied, so that nothing hidden stays.
OWN_FIELDS: dict[str, tuple[str, ...]] = {
    Benefit.Kind.POINTS: ("wallet", "amount"),
    Benefit.Kind.VOUCHER: ("voucher_type",),
    Benefit.Kind.GIFT: ("handover", "delivery_fee"),
    Benefit.Kind.DONATION: ("cause",),
    Benefit.Kind.TAG: ("tag",),
}


@retry_on_conflict
@transaction.atomic
def save_benefit(benefit: Benefit, *, changed: Collection[str]) -> Benefit:
    """Save a new benefit, or of one that exists the fields that were changed.

    Raises StockRefused when it was given more often than the new budget allows.
    """
    emptied = _empty_what_means_nothing(benefit)
    if benefit._state.adding:
        benefit.save()
        return benefit
    names = {field.name for field in Benefit._meta.concrete_fields} & set(changed)
    if "budget" in names:
        set_budget(benefit, budget=benefit.budget)
    benefit.save(update_fields=names | emptied)
    return benefit


def _put(benefit: Benefit, changed: Collection[str]) -> None:
    save_benefit(benefit, changed=changed)


def register() -> None:
    """Let a second person decide about a benefit that something gives by itself."""
    register_editable(
        Editable(
            model=Benefit,
            label=gettext_lazy("Change of a benefit"),
            permission="rewards.change_benefit",
            decides=(
                # Members read the name: it is the promise.
                *("name", "kind", "wallet", "amount", "voucher_type", "tag", "cause"),
                *("handover", "delivery_fee", "value", "budget", "is_active"),
            ),
            put=_put,
            switch="is_active",
        )
    )


def _empty_what_means_nothing(benefit: Benefit) -> set[str]:
    """Set what belongs to other kinds back to its default; returns those fields."""
    emptied = set()
    for kind, names in OWN_FIELDS.items():
        for name in names if kind != benefit.kind else ():
            field = Benefit._meta.get_field(name)
            assert isinstance(field, models.Field), "a column of its own"
            setattr(benefit, name, field.get_default())
            emptied.add(name)
    return emptied
