"""Put a till, two members and many live codes into an empty database.

Run as a program: ``python -m tests.battery.prepare_guesses CODES``; prints the till's key
and one code of the first member as JSON.
"""

from __future__ import annotations

import json
import sys

import django


def prepare(codes: int) -> dict[str, str]:
    from core.batch import chunks
    from rewards.issuing import issue_vouchers
    from rewards.models import Voucher
    from tests import factories
    from tests.battery.bank_verbs import NOW
    from tests.battery.prepare_till import prepare as prepare_till
    from tests.rewards.helpers import make_benefit
    from tests.rewards.using import make_type

    key = prepare_till(2)
    mai = factories.make_member(code="MAI").pk
    voucher_type = make_type(length=10)
    benefit = make_benefit(voucher_type=voucher_type)
    for numbers in chunks(range(codes)):
        owners = occasions(benefit.pk, mai, numbers)
        issue_vouchers(voucher_type, owners, at=NOW)
    code = Voucher.objects.order_by("pk").values_list("code", flat=True)[codes // 2]
    return {"key": key, "code": code}


def occasions(benefit_id: int, member_id: int, numbers: list[int]) -> list[tuple[int, int]]:
    """Write what each code was given for."""
    from rewards.models import GivenBenefit
    from tests.battery.bank_verbs import NOW

    made = GivenBenefit.objects.bulk_create(
        GivenBenefit(
            key=f"code:{number}",
            benefit_id=benefit_id,
            member_id=member_id,
            source=GivenBenefit.Source.STAFF,
            given_at=NOW,
        )
        for number in numbers
    )
    return [(given.pk, member_id) for given in made]


if __name__ == "__main__":
    django.setup()
    sys.stdout.write(json.dumps(prepare(int(sys.argv[1]))))
