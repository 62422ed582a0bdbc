"""Put a small programme and one till into an empty database; print the till's key.

Run as a program: ``python -m tests.battery.prepare_till MEMBERS``.
"""

import sys

import django


def prepare(members: int) -> str:
    from api.services import create_till_key
    from tests import factories

    factories.make_programme()
    wallet = factories.make_wallet()
    factories.make_earn_rule(wallet=wallet, amount=10000, points=1)
    for number in range(members):
        factories.make_member(code=f"M{number}")
    return create_till_key(name="battery", source="pos")[1]


if __name__ == "__main__":
    django.setup()
    sys.stdout.write(prepare(int(sys.argv[1])))
