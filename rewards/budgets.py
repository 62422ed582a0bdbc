"""Budgets of benefits: how often one may be given in all, set while it is being given."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from core.money import group_digits
from core.retry import retry_on_conflict
from rewards.errors import StockRefused
from rewards.models import Benefit, GivenBenefit


@retry_on_conflict
@transaction.atomic
def set_budget(benefit: Benefit, *, budget: int | None) -> Benefit:
    """Bound how often a benefit is given in all, or (None) lift the bound.

    What was given before counts, unless it was taken back. The lock waits for those who
    are giving it now (``rewards.giving``). Raises StockRefused when more than that was
    given already.
    """
    now = Benefit.objects.select_for_update(of=("self",)).get(pk=benefit.pk)
    taken = 0 if budget is None else given_so_far(now)
    if budget is not None and taken > budget:
        raise StockRefused(budget_too_small(taken))
    Benefit.objects.filter(pk=now.pk).update(budget=budget, taken=taken)
    benefit.budget, benefit.taken = budget, taken
    return benefit


def budget_too_small(given: int) -> str:
    """Say why a budget is refused."""
    return _("It was given %(given)s times. The budget cannot be less than that.") % {
        "given": group_digits(given)
    }


def given_so_far(benefit: Benefit) -> int:
    """Count what was given; under a budget that is counted already."""
    if benefit.budget is not None:
        return benefit.taken
    given = GivenBenefit.objects.filter(benefit=benefit, taken_back_at__isnull=True)
    return given.count()
