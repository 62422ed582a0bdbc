"""Types of voucher as staff keep them: what was promised stands, a copy may differ."""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction
from django.utils.translation import gettext as _

from core.errors import InvalidInput
from rewards.copies import copy_name, free_code
from rewards.discounts.faults import faults
from rewards.discounts.terms import Terms
from rewards.errors import TermsStand
from rewards.models import Voucher, VoucherLimit, VoucherType

# What whoever holds a code was promised. The rest of a type is copied into each voucher
# when it is given out, or is for staff only.
PROMISED = ("terms", "codes", "owner_only", "returns_on_refund")


def terms_stand(voucher_type: VoucherType) -> bool:
    """Tell whether somebody has a code of this type, so that its terms stand."""
    codes = Voucher.objects.filter(voucher_type=voucher_type)
    return codes.exclude(state=Voucher.State.POOLED).exists()


@transaction.atomic
def save_voucher_type(
    voucher_type: VoucherType, *, changed: Collection[str]
) -> VoucherType:
    """Save a new type, or of one that exists the fields that were changed.

    Raises TermsStand when a promise would change, InvalidInput when the terms are wrong.
    """
    if voucher_type._state.adding:
        check_terms(voucher_type)
        voucher_type.save()
        return voucher_type
    names = {field.name for field in VoucherType._meta.concrete_fields} & set(changed)
    VoucherType.objects.select_for_update(of=("self",)).get(pk=voucher_type.pk)
    if names & set(PROMISED) and terms_stand(voucher_type):
        raise TermsStand(
            _("Members have codes of this type, so its terms stand. Copy it instead.")
        )
    if "terms" in names:
        check_terms(voucher_type)
    voucher_type.save(update_fields=names)
    return voucher_type


def check_terms(voucher_type: VoucherType) -> Terms:
    """Read the terms of a type; raises InvalidInput with the first thing that is wrong."""
    terms = Terms.from_json(voucher_type.terms)
    for sentence in faults(terms).values():
        raise InvalidInput(sentence)
    return terms


def copy_voucher_type(voucher_type: VoucherType) -> VoucherType:
    """Make a type like another one, off and without codes; limits come along."""
    copy = VoucherType.objects.get(pk=voucher_type.pk)
    limits = list(copy.limits.all())
    copy.pk, copy.is_active = None, False
    copy.code = free_code(VoucherType, voucher_type.code)
    copy.name = copy_name(VoucherType, voucher_type.name)
    with transaction.atomic():
        copy.save(force_insert=True)
        for limit in limits:
            limit.pk, limit.voucher_type = None, copy
        VoucherLimit.objects.bulk_create(limits)
    return copy
